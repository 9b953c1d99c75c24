// Reads config.json, the one file to change for another server: client_id, default iss, trusted servers, scopes.

import { Problem } from "./problem.js";
import { call, cleanIss } from "./smart.js";

/** The configuration: {client_id, iss, trusted_iss, ehr_scope, standalone_scope}. */
export async function readConfig() {
  const response = await call(new URL("config.json", import.meta.url).href);
  if (!response.ok) throw new Problem("unreachable", "This app's own config.json is missing.");
  return response.json();
}

/** Whether a link may make this app use that server. */
export function trusted(config, iss) {
  return config.trusted_iss.some((one) => cleanIss(one) === iss);
}

/** Where the authorization server sends the browser back to; registered there, letter by letter. */
export function redirectUri() {
  return new URL("index.html", location.href.split(/[?#]/)[0]).href;
}
