// SMART App Launch 2.2 for a public browser client: https://hl7.org/fhir/smart-app-launch/app-launch.html
// Tokens live in sessionStorage only (this tab, until it closes) and travel in headers and bodies only.

import { Problem } from "./problem.js";

const SESSION = "lab-viewer.session";
const PENDING = "lab-viewer.pending.";
const SERVER = "lab-viewer.server";
const PENDING_MS = 30 * 60 * 1000;
const EARLY_MS = 20 * 1000;

/** A FHIR base URL without its trailing slash; throws `not-smart` for anything but http(s). */
export function cleanIss(text) {
  let url;
  try {
    url = new URL(text.trim());
  } catch {
    throw new Problem("not-smart", `“${text}” is not an address.`);
  }
  if (!["https:", "http:"].includes(url.protocol)) throw new Problem("not-smart", `“${text}” is not a web address.`);
  return url.href.replace(/\/+$/, "");
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** 256 random bits: more than the 122 that SMART asks of `state`, and what RFC 7636 wants of a verifier. */
export function randomText() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

/** The S256 challenge of a verifier: https://datatracker.ietf.org/doc/html/rfc7636#section-4.2 */
export async function challenge(verifier) {
  if (!globalThis.crypto?.subtle) throw new Problem("insecure");
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

/** fetch without cookies, whose network failures are the problem `unreachable`. */
export async function call(url, options = {}) {
  try {
    return await fetch(url, { credentials: "omit", referrerPolicy: "no-referrer", ...options });
  } catch (fault) {
    throw new Problem("unreachable", `No answer from ${new URL(url).host}.`, { cause: fault });
  }
}

async function readJson(response, kind) {
  try {
    return await response.json();
  } catch {
    throw new Problem(kind, `It answered ${response.status} with something that is not JSON.`);
  }
}

/** The server's SMART configuration, with the endpoints checked. */
export async function discover(iss) {
  const response = await call(`${iss}/.well-known/smart-configuration`, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Problem("not-smart", `${iss} answered ${response.status}.`);
  const found = await readJson(response, "not-smart");
  for (const name of ["authorization_endpoint", "token_endpoint"]) {
    if (!/^https?:\/\//.test(found[name] ?? "")) throw new Problem("not-smart", `It names no ${name}.`);
  }
  if (!(found.code_challenge_methods_supported ?? []).includes("S256")) {
    throw new Problem("not-smart", "It does not support PKCE with S256.");
  }
  return found;
}

/** Where to send the browser to sign in. What the answer needs is kept in sessionStorage under the state. */
export async function authorizationUrl(config, iss, launch, redirectUri) {
  const found = await discover(iss);
  const state = randomText();
  const verifier = randomText();
  const pending = {
    iss, verifier, redirect_uri: redirectUri, client_id: config.client_id, begun: Date.now(),
    issuer: found.issuer ?? "", token_endpoint: found.token_endpoint,
    revocation_endpoint: found.revocation_endpoint ?? "", launched: Boolean(launch),
    iss_promised: found.authorization_response_iss_parameter_supported === true,
  };
  const url = new URL(found.authorization_endpoint);
  const query = {
    response_type: "code", client_id: config.client_id, redirect_uri: redirectUri,
    scope: launch ? config.ehr_scope : config.standalone_scope,
    state, aud: iss, code_challenge: await challenge(verifier), code_challenge_method: "S256",
    ...(launch ? { launch } : {}),
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  sessionStorage.setItem(PENDING + state, JSON.stringify(pending));
  sessionStorage.setItem(SERVER, iss);
  return url.href;
}

/** Whether this page was called with an answer of an authorization server. */
export function isCallback(query) {
  return query.has("code") || query.has("error");
}

/** Checks an authorization answer, exchanges its code, and begins the session. An answer works once. */
export async function finish(query) {
  const pending = takePending(query.get("state"));
  checkIssuer(query.get("iss"), pending);
  if (query.has("error")) {
    const said = [query.get("error"), query.get("error_description")].filter(Boolean).join(": ");
    throw new Problem(query.get("error") === "access_denied" ? "denied" : "authorization", said);
  }
  const answer = await askForTokens(pending, {
    grant_type: "authorization_code", code: query.get("code"), redirect_uri: pending.redirect_uri,
    code_verifier: pending.verifier,
  });
  if (!answer.ok) throw new Problem("token-refused", answer.said);
  const { verifier, redirect_uri, begun, iss_promised, ...kept } = pending;
  return save(kept, answer.body);
}

function takePending(state) {
  const key = PENDING + state;
  const text = state ? sessionStorage.getItem(key) : null;
  if (text === null) throw new Problem("wrong-state");
  sessionStorage.removeItem(key);
  const pending = JSON.parse(text);
  if (Date.now() - pending.begun > PENDING_MS) throw new Problem("wrong-state");
  return pending;
}

// https://datatracker.ietf.org/doc/html/rfc9207#section-2.4
function checkIssuer(iss, pending) {
  if (iss === null && pending.iss_promised) throw new Problem("wrong-issuer", "It did not say who it is.");
  if (iss !== null && pending.issuer && iss !== pending.issuer) throw new Problem("wrong-issuer", `It came from ${iss}.`);
}

async function askForTokens(server, fields) {
  const response = await call(server.token_endpoint, {
    method: "POST", headers: { Accept: "application/json" },
    body: new URLSearchParams({ ...fields, client_id: server.client_id }),
  });
  if (response.status >= 500 || response.status === 429) throw new Problem("server", `The token endpoint answered ${response.status}.`);
  const body = await readJson(response, "unexpected");
  const ok = response.ok && typeof body.access_token === "string" && /^bearer$/i.test(body.token_type ?? "");
  return { ok, body, said: [body.error, body.error_description].filter(Boolean).join(": ") };
}

function save(session, body) {
  const found = {
    ...session, access_token: body.access_token, scope: body.scope ?? session.scope ?? "",
    expires_at: Number(body.expires_in) > 0 ? Date.now() + body.expires_in * 1000 : null,
    refresh_token: body.refresh_token ?? session.refresh_token ?? null,
    patient: body.patient ?? session.patient ?? null,
    need_patient_banner: body.need_patient_banner ?? session.need_patient_banner ?? true,
  };
  sessionStorage.setItem(SESSION, JSON.stringify(found));
  return found;
}

/** The session of this tab, or null. */
export function currentSession() {
  const text = sessionStorage.getItem(SESSION);
  return text === null ? null : JSON.parse(text);
}

/** The server that this tab last asked to sign in at, or null. */
export function lastServer() {
  return sessionStorage.getItem(SERVER);
}

/** Forgets the session of this tab. */
export function forget() {
  sessionStorage.removeItem(SESSION);
}

/** Ends the session: forgets it here, then asks the server to revoke it (RFC 7009), which may fail unseen. */
export async function leave() {
  const session = currentSession();
  forget();
  if (!session?.revocation_endpoint) return;
  const token = session.refresh_token ?? session.access_token;
  await call(session.revocation_endpoint, {
    method: "POST", keepalive: true, body: new URLSearchParams({ token, client_id: session.client_id }),
  }).catch(() => null);
}

let refreshing = null;

/** New tokens for the session. Calls that overlap share one request, since a refresh token works once. */
export function refresh() {
  refreshing ??= refreshOnce().finally(() => { refreshing = null; });
  return refreshing;
}

async function refreshOnce() {
  const session = currentSession();
  if (!session?.refresh_token) throw endOfSession("");
  const answer = await askForTokens(session, { grant_type: "refresh_token", refresh_token: session.refresh_token });
  if (!answer.ok) throw endOfSession(answer.said);
  return save(session, answer.body);
}

function endOfSession(said) {
  forget();
  return new Problem("ended", said);
}

/** GET with the session's access token, which is renewed when it is about to expire or is refused. */
export async function authorizedGet(url) {
  let session = currentSession();
  if (session === null) throw new Problem("ended");
  let renewed = false;
  if (session.expires_at !== null && session.expires_at - EARLY_MS < Date.now() && session.refresh_token) {
    session = await refresh();
    renewed = true;
  }
  let response = await get(url, session);
  if (response.status === 401 && !renewed) {
    // Another call may have renewed the tokens while this one was under way.
    const now = currentSession();
    session = now && now.access_token !== session.access_token ? now : await refresh();
    response = await get(url, session);
  }
  if (response.status === 401) throw endOfSession("");
  return response;
}

function get(url, session) {
  const headers = { Accept: "application/fhir+json", Authorization: `Bearer ${session.access_token}` };
  return call(url, { headers, cache: "no-store" });
}
