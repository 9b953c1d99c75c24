"""An external EHR in one file: it makes a launch context, and prints where to send the browser.

    make demo                                              # in one terminal
    .venv/bin/python examples/external_ehr/external_ehr.py # in another, from the same directory

Open the printed address within five minutes, in a browser in which mei.chen is signed in or will be. Needs
PyJWT with cryptography and nothing else. What each step is, and how to have an EHR of your own registered, is
in docs/external-ehr.md.
"""

import argparse
import json
import secrets
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import jwt

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TIMEOUT = 60  # seconds for one answer


class ExternalEhr:
    """The EHR's client: it knows the server, its own name and its private key."""

    def __init__(self, fhir, client_id, private_key, kid, algorithm):
        self.client_id, self.private_key, self.kid, self.algorithm = client_id, private_key, kid, algorithm
        with urllib.request.urlopen(f"{fhir}/.well-known/smart-configuration", timeout=TIMEOUT) as answer:
            smart = json.load(answer)
        self.token_endpoint, self.site = smart["token_endpoint"], smart["issuer"]

    def token(self):
        """A new access token, good for five minutes and for making launch contexts only."""
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.token_endpoint,
            "exp": int(time.time()) + 120,
            "jti": secrets.token_urlsafe(32),
        }
        form = {
            "grant_type": "client_credentials",
            "scope": f"{self.site}/scopes/launch-context",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": jwt.encode(
                claims, self.private_key, algorithm=self.algorithm, headers={"kid": self.kid}
            ),
        }
        body = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(self.token_endpoint, body, timeout=TIMEOUT) as answer:
            return json.load(answer)["access_token"]

    def launch(self, context):
        """Make a launch with this context: `launch`, and `url`, to which the person's browser has to go."""
        headers = {"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"}
        request = urllib.request.Request(
            f"{self.site}/launch/contexts", json.dumps(context).encode(), headers, method="POST"
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return json.load(answer)


def arguments():
    """Which app to open for whom. Without --client-id, everything else comes from demo.json."""
    parser = argparse.ArgumentParser(description="Make a launch context as an external EHR.")
    parser.add_argument("--demo", type=Path, default=Path("demo.json"), help="demo.json of a running demo")
    parser.add_argument("--fhir", help="the server's FHIR base URL")
    parser.add_argument("--client-id", help="the EHR's own, as registered")
    parser.add_argument("--key", type=Path, help="the EHR's private key, in PEM")
    parser.add_argument("--kid", help="the key's name in the registered key set")
    parser.add_argument("--alg", default="ES384", choices=["ES384", "RS384"], help="what fits the key")
    parser.add_argument("--app", default="lab-viewer", help="client_id of the app to open")
    parser.add_argument("--user", default="Practitioner/practitioner-mei-chen", help="who will use it")
    parser.add_argument("--patient", default="patient-anna-bauer", help="for whom; empty for nobody")
    parser.add_argument("--encounter", default="", help="at which encounter of the patient's")
    parser.add_argument("--intent", default="", help="what to open it for")
    parser.add_argument("--tenant", default="", help="the organization that opens it")
    return parser.parse_args()


def ehr_of(given):
    """The EHR that the arguments describe."""
    if given.client_id:
        key = given.key.read_bytes()
        return ExternalEhr(given.fhir.rstrip("/"), given.client_id, key, given.kid, given.alg)
    demo = json.loads(given.demo.read_text(encoding="utf-8"))
    client = next(one for one in demo["clients"] if one["client_id"] == "ward-system")
    key = Path(client["private_key_file"]).read_bytes()
    return ExternalEhr(demo["fhir"], client["client_id"], key, client["kid"], client["alg"])


def main():
    """Make one launch and print its address."""
    given = arguments()
    context = {"client_id": given.app, "user": given.user}
    for name in ("patient", "encounter", "intent", "tenant"):
        if value := getattr(given, name):
            context[name] = value
    try:
        print(ehr_of(given).launch(context)["url"])
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.code} from {error.url}: {error.read().decode()}")


if __name__ == "__main__":
    main()
