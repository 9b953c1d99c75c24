// index.html: the start page, the place where a sign-in comes back to, and the viewer itself.

import { readConfig, redirectUri } from "./config.js";
import { html, show } from "./dom.js";
import { Problem } from "./problem.js";
import { readLaboratory, readPatient } from "./records.js";
import { testsOf } from "./results.js";
import { authorizationUrl, cleanIss, currentSession, finish, forget, isCallback, lastServer, leave } from "./smart.js";
import { banner, connectCard, messageCard, problemCard, testCard, testList, waitingCard } from "./views.js";

async function start() {
  const config = await readConfig();
  const query = new URLSearchParams(location.search);
  if (isCallback(query)) {
    // The code must not stay in the address bar or in the history.
    history.replaceState(null, "", location.pathname);
    await finish(query);
  }
  const session = currentSession();
  if (session === null) show(connectCard(config.iss, (iss) => guard(() => connect(config, iss))));
  else await open(session);
}

async function connect(config, typed) {
  const iss = cleanIss(typed);
  const waiting = waitingCard("Connecting");
  show(waiting.card);
  waiting.say(`Asking ${new URL(iss).host} how to sign in …`);
  location.assign(await authorizationUrl(config, iss, null, redirectUri()));
}

async function open(session) {
  showSession(session);
  if (!session.patient) throw new Problem("no-patient");
  const waiting = waitingCard("Reading laboratory results");
  show(waiting.card);
  const [patient, observations] = await Promise.all([
    readPatient(session),
    readLaboratory(session, (read, total) => waiting.say(total ? `${read} of ${total}` : `${read} so far`, read, total)),
  ]);
  showResults(session, patient, testsOf(observations));
}

function showResults(session, patient, tests) {
  const top = session.need_patient_banner ? banner(patient) : null;
  if (tests.length === 0) {
    show(top, messageCard("There is nothing to plot", "This patient has no laboratory results that are shared with this app."));
    return;
  }
  const place = html("div", {});
  let first = true;
  const list = testList(tests, (test) => {
    place.replaceChildren(testCard(test));
    if (!first) place.querySelector("h1").focus({ preventScroll: true });
    first = false;
  });
  show(top, html("div", { class: "columns" }, list.box, place));
  list.choose(mostTelling(tests));
}

// What a reader most likely came for: something out of range with a long course, else the longest course.
function mostTelling(tests) {
  const weight = (test) => test.points.length + (["high", "low", "abnormal"].includes(test.newest.flag) ? 1000 : 0);
  return tests.reduce((best, test) => (weight(test) > weight(best) ? test : best));
}

function showSession(session) {
  document.getElementById("server").textContent = session === null ? "" : new URL(session.iss).host;
  const button = document.getElementById("leave");
  button.hidden = session === null;
  button.onclick = async () => {
    await leave();
    location.assign("index.html");
  };
}

async function guard(work) {
  try {
    await work();
  } catch (problem) {
    explain(problem);
  }
}

function explain(problem) {
  const session = currentSession();
  showSession(session);
  const again = ["Launch again", () => guard(async () => {
    const config = await readConfig();
    forget();
    showSession(null);
    await connect(config, lastServer() ?? config.iss);
  })];
  const retry = ["Try again", () => location.assign("index.html")];
  const passing = ["unreachable", "server", "unexpected", "wrong-state"].includes(problem.kind) && session !== null;
  const home = ["Start page", () => {
    forget();
    location.assign("index.html");
  }];
  show(problemCard(problem, ...(passing ? [retry, again] : [again, home])));
}

guard(start);
