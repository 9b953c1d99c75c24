// An app that leaves OAuth to openid-client: one with a key, or a public one without. The first line of its input
// are its settings as JSON; as an app with people it then prints where to send the person, and reads where they came
// back.
import { createInterface } from "node:readline";
import * as client from "openid-client";

const ALGORITHMS = {
  ES384: { name: "ECDSA", namedCurve: "P-384" },
  RS384: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-384" },
};
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const settings = JSON.parse((await lines.next()).value);
const say = (told) => console.log(JSON.stringify(told));

async function byKey() {
  const key = await crypto.subtle.importKey("jwk", settings.key, ALGORITHMS[settings.alg], false, ["sign"]);
  return client.PrivateKeyJwt({ key, kid: settings.kid });
}

const proof = settings.key ? await byKey() : client.None();
const insecure = { execute: [client.allowInsecureRequests] };
const config = await client.discovery(new URL(settings.issuer), settings.clientId, undefined, proof, insecure);

async function asService() {
  const tokens = await client.clientCredentialsGrant(config, { scope: settings.scope });
  const before = await client.tokenIntrospection(config, tokens.access_token);
  await client.tokenRevocation(config, tokens.access_token);
  const after = await client.tokenIntrospection(config, tokens.access_token);
  say({ tokens, before, after });
}

async function asApp() {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: settings.redirectUri,
    scope: settings.scope,
    aud: settings.fhir,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: expectedState,
    nonce: expectedNonce,
  });
  say({ url: url.href });
  const cameBack = new URL((await lines.next()).value);
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  const tokens = await client.authorizationCodeGrant(config, cameBack, checks);
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
  const person = await client.fetchUserInfo(config, refreshed.access_token, tokens.claims().sub);
  say({ tokens, refreshed, person, claims: tokens.claims() });
}

await (settings.redirectUri ? asApp() : asService());
process.exit(0);
