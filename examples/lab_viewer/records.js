// Reads the patient and the laboratory results from the FHIR server, page by page.

import { Problem } from "./problem.js";
import { authorizedGet } from "./smart.js";

const PAGE = 200;

async function read(url) {
  const response = await authorizedGet(url);
  if (response.ok) return parse(response);
  const said = await outcomeText(response);
  if (response.status === 403) throw new Problem("forbidden", said);
  if (response.status === 404 || response.status === 410) throw new Problem("not-found", said);
  throw new Problem(response.status >= 500 ? "server" : "unexpected", said || `It answered ${response.status}.`);
}

async function parse(response) {
  try {
    return parseJson(await response.text());
  } catch {
    throw new Problem("unexpected", "It is not JSON.");
  }
}

/**
 * JSON in which each number called "value" keeps beside it, as `written`, the digits that the laboratory wrote: 5.0 is
 * more than 5. Browsers that do not give a number's source text show it their own way.
 */
export function parseJson(text) {
  return JSON.parse(text, function keep(key, value, context) {
    if (key === "value" && typeof value === "number" && context?.source) this.written = context.source;
    return value;
  });
}

async function outcomeText(response) {
  const body = await response.json().catch(() => null);
  const issue = body?.resourceType === "OperationOutcome" ? body.issue?.[0] : null;
  return issue?.diagnostics ?? issue?.details?.text ?? "";
}

/** The Patient resource, or null where the app may not read it. */
export async function readPatient(session) {
  try {
    return await read(`${session.iss}/Patient/${encodeURIComponent(session.patient)}`);
  } catch (problem) {
    if (problem instanceof Problem && problem.kind === "forbidden") return null;
    throw problem;
  }
}

/** All laboratory Observations of the patient. `progress(read, total or null)` is called after each page. */
export async function readLaboratory(session, progress) {
  const query = new URLSearchParams({ patient: session.patient, category: "laboratory", _count: String(PAGE) });
  const found = [];
  const seen = new Set();
  let next = `${session.iss}/Observation?${query}`;
  while (next !== null) {
    seen.add(next);
    const bundle = await read(next);
    if (bundle.resourceType !== "Bundle") throw new Problem("unexpected", "It is not a Bundle.");
    for (const entry of bundle.entry ?? []) {
      if (entry.resource?.resourceType === "Observation") found.push(entry.resource);
    }
    progress(found.length, bundle.total ?? null);
    next = nextLink(bundle, session.iss);
    if (seen.has(next)) throw new Problem("unexpected", "Its pages go round in a circle.");
  }
  return found;
}

/** The next page's address, or null. The token must not go elsewhere, so a link out of the server is refused. */
export function nextLink(bundle, iss) {
  const link = (bundle.link ?? []).find((one) => one.relation === "next");
  if (!link?.url) return null;
  const url = new URL(link.url, `${iss}/`).href;
  if (!url.startsWith(`${iss}/`) && !url.startsWith(`${iss}?`)) {
    throw new Problem("unexpected", `The next page is on another server: ${new URL(url).host}.`);
  }
  return url;
}
