// The pages' pieces: cards, the patient's banner, the list of tests, one test with chart and table.

import { markIcon, sparkline, trendChart } from "./chart.js";
import { html } from "./dom.js";
import { words } from "./problem.js";
import { filterTests, patientName, readDate } from "./results.js";

const YEAR = 365.25 * 86400000;
const PERIODS = [["All", Infinity], ["3 years", 3 * YEAR], ["1 year", YEAR]];

/** A card that says what went wrong, with buttons as [label, listener] pairs. */
export function problemCard(problem, ...buttons) {
  const { title, text, detail } = words(problem);
  return messageCard(title, text, detail && `The server said: ${detail}`, buttons, "alert");
}

/** A card with a title, a sentence, small print and buttons. */
export function messageCard(title, text, small = "", buttons = [], role = "status") {
  return html("section", { class: "card message", role },
    html("h1", {}, title), html("p", {}, text),
    small ? html("p", { class: "muted small" }, small) : null,
    buttons.length ? html("p", { class: "actions" }, buttons.map(([label, act], index) =>
      html("button", { type: "button", class: index ? "quiet" : "", onclick: act }, label))) : null);
}

/** A card for waiting, and the function that changes its words: say(text, done, total) where the latter are known. */
export function waitingCard(title) {
  const line = html("p", { class: "muted" }, "");
  const bar = html("progress", { "aria-label": title });
  const say = (text, done = null, total = null) => {
    line.textContent = text;
    if (done !== null && total) {
      bar.max = total;
      bar.value = done;
    }
  };
  return { card: html("section", { class: "card message", role: "status" }, html("h1", {}, title), line, bar), say };
}

/** The start page's form. `connect` is called with the text of the field. */
export function connectCard(iss, connect) {
  const field = html("input", { id: "iss", type: "url", required: true, value: iss, autocomplete: "url", spellcheck: "false" });
  const submit = (event) => {
    event.preventDefault();
    connect(field.value);
  };
  return html("section", { class: "card" },
    html("h1", {}, "See laboratory results over time"),
    html("p", {}, "Lab Viewer reads a patient's laboratory results from a SMART on FHIR server and draws how each one changed. "
      + "You sign in at that server and decide there what is shared. Nothing is stored when you close this tab."),
    html("form", { onsubmit: submit },
      html("label", { for: "iss" }, "FHIR server"), field,
      html("button", { type: "submit" }, "Connect and choose a patient")));
}

/** Who the results belong to: name, birth date, sex. */
export function banner(patient) {
  if (patient === null) {
    return html("section", { class: "banner", "aria-label": "Patient" },
      html("strong", {}, "Name not shared"), html("span", { class: "muted" }, "This app was not allowed to read who the patient is."));
  }
  const born = readDate(patient.birthDate);
  return html("section", { class: "banner", "aria-label": "Patient" },
    html("strong", {}, patientName(patient) || "Name not recorded"),
    html("span", {}, born ? `Born ${born.text}` : "Birth date not recorded"),
    html("span", {}, patient.gender ? patient.gender[0].toUpperCase() + patient.gender.slice(1) : "Sex not recorded"));
}

/** The list of tests with its filter. `open` is called with the chosen test. */
export function testList(tests, open) {
  const list = html("ul", { class: "tests" });
  const buttons = new Map(tests.map((test) => [test, testButton(test, () => choose(test))]));
  const none = html("p", { class: "muted", hidden: true }, "No test has that name.");
  const field = html("input", { type: "search", placeholder: "Find a test", "aria-label": "Find a test", oninput: () => fill() });
  const title = html("summary", {}, html("span", {}, "Tests"), html("span", { class: "muted" }, String(tests.length)));
  const box = html("details", { class: "card list", open: true }, title, field, list, none);
  const fill = () => {
    const found = filterTests(tests, field.value);
    list.replaceChildren(...found.map((test) => html("li", {}, buttons.get(test))));
    none.hidden = found.length > 0;
  };
  const choose = (test) => {
    for (const [one, button] of buttons) button.setAttribute("aria-pressed", String(one === test));
    title.firstChild.textContent = matchMedia("(max-width: 820px)").matches ? test.name : "Tests";
    box.open = !matchMedia("(max-width: 820px)").matches;
    open(test);
  };
  fill();
  return { box, choose };
}

function testButton(test, act) {
  const { newest, results, points } = test;
  const flagged = ["high", "low", "abnormal"].includes(newest.flag);
  return html("button", { type: "button", class: "test", "aria-pressed": "false", onclick: act },
    html("span", { class: "test-name" }, test.name),
    html("span", { class: "test-latest" }, flagged ? markIcon(newest.flag) : null,
      flagged ? html("span", { class: "hidden" }, newest.words) : null, newest.text),
    html("span", { class: "muted small" }, results.length === 1 ? "1 result" : `${results.length} results`),
    points.length > 1 ? sparkline(points) : null);
}

/** One test: the newest value, the chart (or why there is none), and all values as a table. */
export function testCard(test) {
  const chart = html("div", {});
  const draw = (span) => chart.replaceChildren(...plot(test, span));
  draw(Infinity);
  return html("section", { class: "card detail", "aria-labelledby": "test-name" },
    html("div", { class: "detail-head" },
      html("div", {}, html("h1", { id: "test-name", tabindex: "-1" }, test.name), html("p", { class: "muted small" }, fullName(test))),
      test.points.length > 2 ? periods(draw) : null),
    facts(test), chart, legend(test), table(test));
}

function fullName(test) {
  const coding = test.newest.code?.coding?.[0];
  return [coding?.display !== test.name ? coding?.display : "", coding?.code].filter(Boolean).join(" · ");
}

function periods(draw) {
  const buttons = PERIODS.map(([label, span], index) => html("button", {
    type: "button", class: "period", "aria-pressed": String(index === 0),
    onclick: () => {
      buttons.forEach((one, at) => one.setAttribute("aria-pressed", String(at === index)));
      draw(span);
    },
  }, label));
  return html("div", { class: "periods", role: "group", "aria-label": "Period" }, buttons);
}

function plot(test, span) {
  const { points } = test;
  if (points.length === 0) {
    return [html("p", { class: "note", role: "status" }, "There is nothing to plot: this test has no results in numbers with a date. What was reported is in the table.")];
  }
  const from = points.at(-1).time - span;
  const shown = points.filter((one) => one.time >= from);
  const lone = shown.length === 1 ? "There is only one value, so there is no trend yet." : "";
  const note = points.length > 1 && lone ? "There is only one value in this period." : lone;
  return [note ? html("p", { class: "note", role: "status" }, note) : null, trendChart(test, shown)].filter(Boolean);
}

function facts(test) {
  const { newest, points } = test;
  const pairs = [["Latest", html("span", { class: `said ${newest.flag}` }, newest.text), newest.date]];
  if (newest.words) pairs.push(["Assessment", html("span", { class: `said ${newest.flag}` }, markIcon(newest.flag), newest.words), "by the laboratory's range"]);
  if (newest.range.text) pairs.push(["Reference range", newest.range.text, "at that time"]);
  const before = points.at(-2);
  if (before && points.at(-1) === newest && !newest.comparator && !before.comparator) {
    pairs.push(["Change", changeText(newest, before), `since ${before.date}`]);
  }
  return html("dl", { class: "facts" }, pairs.map(([label, value, more]) =>
    html("div", {}, html("dt", {}, label), html("dd", {}, value), html("dd", { class: "muted small" }, more))));
}

function changeText(newest, before) {
  const digits = Math.min(3, Math.max(...[newest, before].map((one) => (String(one.value).split(".")[1] ?? "").length)));
  const change = Number((newest.value - before.value).toFixed(digits));
  const sign = change > 0 ? "+" : change < 0 ? "−" : "±";
  return `${sign}${Math.abs(change).toFixed(digits)}${newest.unit ? ` ${newest.unit}` : ""}`;
}

function legend(test) {
  const said = { high: "above range", low: "below range", abnormal: "abnormal", normal: "in range", unknown: "not assessed" };
  const flags = [...new Set(test.points.map((one) => one.flag))];
  if (flags.length === 0) return null;
  const ranged = test.points.some((one) => one.range.low !== null || one.range.high !== null);
  return html("ul", { class: "legend", "aria-hidden": "true" },
    ranged ? html("li", {}, html("span", { class: "swatch" }), "reference range") : null,
    Object.keys(said).filter((flag) => flags.includes(flag)).map((flag) => html("li", {}, markIcon(flag), said[flag])),
    test.points.some((one) => one.comparator) ? html("li", {}, "↓ ↑ beyond what can be measured") : null);
}

function table(test) {
  // The unit is the column's, so that its numbers stand under each other.
  const bare = (text) => (test.unit && text.endsWith(` ${test.unit}`) ? text.slice(0, -test.unit.length - 1) : text);
  const unit = test.unit ? ` (${test.unit})` : "";
  const rows = test.results.toReversed().map((one) => html("tr", {},
    html("th", { scope: "row" }, one.date, one.preliminary ? " (preliminary)" : ""), html("td", {}, bare(one.exact)),
    html("td", { class: `said ${one.flag}` }, one.words ? markIcon(one.flag) : null, one.words), html("td", {}, bare(one.range.text))));
  return html("details", { class: "values", open: test.points.length < 2 },
    html("summary", {}, `All values as a table (${test.results.length})`),
    html("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "All values" }, html("table", {},
      html("thead", {}, html("tr", {}, ["Date", `Value${unit}`, "Assessment", "Reference range"].map((text) => html("th", { scope: "col" }, text)))),
      html("tbody", {}, rows))));
}
