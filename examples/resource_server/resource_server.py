"""A resource server elsewhere, in one file: it opens a patient's step counts to apps with a token of Smart CDR.

    make demo                                                       # in one terminal
    .venv/bin/python examples/resource_server/resource_server.py    # in another, from the same directory

Apps ask for /Patient/<id>/steps. A token is checked by the server's published keys (JWKS), or, with --by
introspection, by asking the server each time. Needs PyJWT with cryptography and nothing else. What the two ways
promise is in docs/resource-servers.md.
"""

import argparse
import json
import os
import re
import secrets
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

CLIENT_ID, KID = "step-counts", "step-counts-1"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TIMEOUT = 10  # seconds for one answer of the authorization server
ALGORITHMS = ("ES256", "RS256")  # what the server may sign access tokens with, whatever a token says
LOOK_AGAIN = 30  # seconds between two looks for a key that is not among the known ones
MAX_BYTES = 1_000_000
NEEDED = "patient/Observation.r"
SCOPE = re.compile(r"patient/(?:Observation|\*)\.(?:read|\*|c?(r)?u?d?s?)")
PATH = re.compile(r"/Patient/([A-Za-z0-9\-.]{1,64})/steps")
BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9\-._~+/]+=*)")
STEPS = {"patient-anna-bauer": [6120, 8044, 7310], "patient-miguel-santoro": [10450, 9980, 12007]}


class Refused(Exception):
    """The token does not count. The text is for our own log, not for the app."""


class Unavailable(Exception):
    """The authorization server does not answer, so nobody can say whether the token counts."""


def fetch(url, form=None, headers=None):
    """The JSON at an address, and for how many seconds it may be kept."""
    body = None if form is None else urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(url, body, {"Accept": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            found = json.loads(answer.read(MAX_BYTES))
            stated = re.search(r"max-age=([0-9]{1,9})", answer.headers.get("Cache-Control", ""))
    except (OSError, ValueError) as error:
        raise Unavailable(f"{url}: {error}") from error
    if not isinstance(found, dict):
        raise Unavailable(f"{url}: not an object")
    return found, int(stated[1]) if stated else 0


class Server:
    """The authorization server, found by its FHIR base: who it is, and where its keys and its answers are."""

    def __init__(self, fhir, audience=""):
        smart, _ = fetch(f"{fhir}/.well-known/smart-configuration")
        self.issuer, self.jwks_uri = smart["issuer"], smart["jwks_uri"]
        self.token_endpoint = smart["token_endpoint"]
        self.introspection_endpoint = smart["introspection_endpoint"]
        self.audience = audience or fhir

    def check(self, claims):
        """What has to be true of every token, however it was read."""
        audiences = claims.get("aud")
        audiences = audiences if isinstance(audiences, list) else [audiences]
        if claims.get("iss") != self.issuer or self.audience not in audiences:
            raise Refused("of another server, or for another one")
        if not isinstance(claims.get("exp"), int) or claims["exp"] <= time.time():
            raise Refused("expired")
        return claims


class ByKeys:
    """Reads tokens with the server's published keys. A token that was revoked counts until it expires."""

    def __init__(self, server):
        self.server, self.keys, self.keep_until, self.looked_at = server, {}, 0.0, 0.0
        self.lock = threading.Lock()

    def __call__(self, token):
        """The token's claims. Raises Refused and Unavailable. https://www.rfc-editor.org/rfc/rfc9068#section-4"""
        try:
            header = jwt.get_unverified_header(token)
            if str(header.get("typ")).lower().removeprefix("application/") != "at+jwt":
                raise Refused("not an access token")
            if header.get("alg") not in ALGORITHMS:
                raise Refused("signed in a way that we do not take")
            key = self.key(header.get("kid"))
            if header["alg"] != key.algorithm_name:
                raise Refused("signed otherwise than its key is for")
            required = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"]
            # The address is checked by the server's own check, as it is for introspection.
            options = {"require": required, "verify_aud": False}
            claims = jwt.decode(token, key.key, algorithms=[header["alg"]], options=options)
        except jwt.PyJWTError as error:
            raise Refused(str(error)) from error
        return self.server.check(claims)

    def key(self, kid):
        """The key of that name: of the known ones while they may be kept, else of newly fetched ones."""
        with self.lock:
            now = time.monotonic()
            is_known = isinstance(kid, str) and kid in self.keys
            if now >= self.keep_until or (not is_known and now >= self.looked_at + LOOK_AGAIN):
                found, seconds = fetch(self.server.jwks_uri)
                now = time.monotonic()
                self.looked_at, self.keep_until = now, now + seconds
                usable = (one for one in found.get("keys", ()) if one.get("alg") in ALGORITHMS)
                self.keys = {one.get("kid"): jwt.PyJWK(one) for one in usable}
            if kid not in self.keys:
                raise Refused("signed with a key that the server does not publish")
            return self.keys[kid]


class ByAsking:
    """Asks the server about each token, each time: one that was revoked is refused from that moment on.

    We ask as a client that may: with a token of our own, which our private key gets us for five minutes.
    """

    def __init__(self, server, client_id, private_key):
        self.server, self.client_id, self.private_key = server, client_id, private_key
        self.token, self.renew_at = "", 0.0
        self.lock = threading.Lock()

    def __call__(self, token):
        """What the server says of the token. Raises Refused and Unavailable. https://www.rfc-editor.org/rfc/rfc7662#section-2"""
        headers = {"Authorization": f"Bearer {self.own_token()}"}
        try:
            told, _ = fetch(self.server.introspection_endpoint, {"token": token}, headers)
        except Unavailable:
            self.renew_at = 0.0  # perhaps it is our own token that ended
            raise
        if told.get("active") is not True:
            raise Refused("not active")
        if told.get("token_type") != "Bearer":
            raise Refused("not an access token")
        return self.server.check(told)

    def own_token(self):
        """Our own access token, which allows us to ask; a new one where the last one is about to end."""
        with self.lock:
            if time.monotonic() >= self.renew_at:
                now = int(time.time())
                endpoint = self.server.token_endpoint
                claims = {
                    "iss": self.client_id,
                    "sub": self.client_id,
                    "aud": endpoint,
                    "exp": now + 120,
                    "jti": secrets.token_urlsafe(32),
                }
                assertion = jwt.encode(claims, self.private_key, "ES384", {"kid": KID})
                form = {"grant_type": "client_credentials", "scope": "introspection"}
                form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
                told, _ = fetch(endpoint, form)
                self.token = told["access_token"]
                self.renew_at = time.monotonic() + told["expires_in"] - 30
            return self.token


def make_key(path):
    """Make a key pair, keep it in a new file, and say what to register: our public key and what we are for."""
    private_key = ec.generate_private_key(ec.SECP384R1())
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    public = jwt.algorithms.ECAlgorithm.to_jwk(private_key.public_key(), as_dict=True)
    return {
        "client_id": CLIENT_ID,
        "client_name": "Step Counts",
        "application_type": "backend",
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [{**public, "kid": KID, "alg": "ES384"}]},
        "introspection": "any",
        "scope": "introspection",
    }


def may_read(scopes):
    """Whether one of the scopes lets an app read the patient's Observations, all of them.

    What a scope with a query (`?category=…`) reaches we cannot tell, so it does not count.
    """
    for scope in scopes.split():
        found = SCOPE.fullmatch(scope)
        if found and (found[1] or scope.endswith((".read", ".*"))):
            return True
    return False


def handler(validate):
    """Answers requests for step counts, for tokens that `validate` reads."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            """The step counts of one patient, or why not."""
            authorization = self.headers.get_all("Authorization") or []
            if not authorization:
                return self.answer(401, challenge="")
            found = BEARER.fullmatch(authorization[0]) if len(authorization) == 1 else None
            if found is None:
                return self.answer(401, challenge='error="invalid_token"')
            try:
                claims = validate(found[1])
            except Refused as refused:
                self.log_message("refused: %s", refused)
                return self.answer(401, challenge='error="invalid_token"')
            except Unavailable as unavailable:
                self.log_message("unavailable: %s", unavailable)
                return self.answer(503, {"error": "The authorization server does not answer."})
            if not may_read(str(claims.get("scope", ""))):
                return self.answer(403, challenge=f'error="insufficient_scope", scope="{NEEDED}"')
            asked = PATH.fullmatch(self.path)
            # Another patient is answered as one whom we do not know: an app learns nothing about others.
            if asked is None or asked[1] != claims.get("patient") or asked[1] not in STEPS:
                return self.answer(404, {"error": "There is nothing here for this token."})
            return self.answer(200, {"patient": asked[1], "steps": STEPS[asked[1]]})

        def answer(self, status, body=None, challenge=None):
            """Send JSON, and for 401 and 403 what is lacking. https://www.rfc-editor.org/rfc/rfc6750#section-3"""
            told = json.dumps(body or {"error": {401: "A token is needed.", 403: "The token allows less."}[status]})
            self.send_response(status)
            if challenge is not None:
                self.send_header("WWW-Authenticate", f'Bearer realm="steps"{", " if challenge else ""}{challenge}')
            self.send_header("Content-Type", "application/json")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told.encode())

    return Handler


def arguments():
    """Where the server is and how to check. Without --fhir, the running demonstration."""
    parser = argparse.ArgumentParser(description="A resource server that takes access tokens of Smart CDR.")
    parser.add_argument("--demo", type=Path, default=Path("demo.json"), help="demo.json of a running demo")
    parser.add_argument("--fhir", help="the FHIR base URL of the server whose tokens count")
    parser.add_argument("--audience", default="", help="what aud must hold; the FHIR base URL if left out")
    parser.add_argument("--by", choices=["jwks", "introspection"], default="jwks")
    parser.add_argument("--client-id", default=CLIENT_ID, help="our own at the server, for introspection")
    parser.add_argument("--key", type=Path, help="our private key, in PEM, for introspection")
    parser.add_argument("--make-key", type=Path, help="make that file, print what to register, and end")
    parser.add_argument("--port", type=int, default=8765, help="0 for a free one")
    return parser.parse_args()


def main():
    """Check tokens and answer until interrupted."""
    given = arguments()
    if given.make_key:
        print(json.dumps(make_key(given.make_key), indent=2))
        return
    if given.by == "introspection" and not given.key:
        sys.exit("Introspection needs --key; --make-key makes one.")
    try:
        fhir = given.fhir or json.loads(given.demo.read_text(encoding="utf-8"))["fhir"]
        server = Server(fhir.rstrip("/"), given.audience)
    except (OSError, KeyError, Unavailable) as error:
        sys.exit(f"The server cannot be found: {error}")
    if given.by == "introspection":
        validate = ByAsking(server, given.client_id, given.key.read_bytes())
    else:
        validate = ByKeys(server)
    with ThreadingHTTPServer(("127.0.0.1", given.port), handler(validate)) as listening:
        print(f"http://127.0.0.1:{listening.server_port}/Patient/patient-anna-bauer/steps", flush=True)
        try:
            listening.serve_forever()
        except KeyboardInterrupt:
            sys.exit(0)


if __name__ == "__main__":
    main()
