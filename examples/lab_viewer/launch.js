// launch.html: a portal or EHR opens it with ?iss=…&launch=…, and it sends the browser on to sign in.

import { readConfig, redirectUri, trusted } from "./config.js";
import { show } from "./dom.js";
import { Problem } from "./problem.js";
import { authorizationUrl, cleanIss, forget } from "./smart.js";
import { problemCard, waitingCard } from "./views.js";

async function launch() {
  const query = new URLSearchParams(location.search);
  const waiting = waitingCard("Connecting");
  show(waiting.card);
  const config = await readConfig();
  if (!query.get("iss")) throw new Problem("missing-iss");
  const iss = cleanIss(query.get("iss"));
  // Anybody can write a link, so only servers that this app was set up for are followed.
  if (!trusted(config, iss)) throw new Problem("untrusted-iss", iss);
  waiting.say(`Asking ${new URL(iss).host} how to sign in …`);
  forget();
  location.replace(await authorizationUrl(config, iss, query.get("launch"), redirectUri()));
}

launch().catch((problem) => show(problemCard(problem, ["Open Lab Viewer", () => location.assign("index.html")])));
