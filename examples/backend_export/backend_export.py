"""A SMART backend service in one file: it signs an assertion, gets a token, exports in bulk, and counts.

    make demo                                                  # in one terminal
    .venv/bin/python examples/backend_export/backend_export.py # in another, from the same directory

Needs PyJWT with cryptography and nothing else. What each step is, and how to register a service of your own,
is in docs/backend-services.md.
"""

import argparse
import json
import secrets
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path

import jwt

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TIMEOUT = 60  # seconds for one answer


class Service:
    """The client: it knows the server, its own name and its private key."""

    def __init__(self, fhir, client_id, private_key, kid, algorithm, scope):
        self.fhir = fhir.rstrip("/")
        self.client_id, self.private_key, self.kid, self.algorithm = client_id, private_key, kid, algorithm
        self.scope = scope
        self.token_endpoint = self.discover()
        self.token, self.token_ends = "", 0.0

    def discover(self):
        """The token endpoint, from the server's SMART configuration."""
        with urllib.request.urlopen(f"{self.fhir}/.well-known/smart-configuration", timeout=TIMEOUT) as answer:
            smart = json.load(answer)
        if "client-confidential-asymmetric" not in smart["capabilities"]:
            raise SystemExit("This server takes no signed assertions.")
        return smart["token_endpoint"]

    def assertion(self):
        """A new assertion: it says who we are to this one server, for two minutes, and counts once."""
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.token_endpoint,
            "exp": int(time.time()) + 120,
            "jti": secrets.token_urlsafe(32),
        }
        return jwt.encode(claims, self.private_key, algorithm=self.algorithm, headers={"kid": self.kid})

    def authorization(self):
        """The Authorization header, with a new token where the last one is about to end."""
        if time.time() > self.token_ends - 30:
            form = {
                "grant_type": "client_credentials",
                "scope": self.scope,
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": self.assertion(),
            }
            body = urllib.parse.urlencode(form).encode()
            with urllib.request.urlopen(self.token_endpoint, body, timeout=TIMEOUT) as answer:
                told = json.load(answer)
            self.token, self.token_ends = told["access_token"], time.time() + told["expires_in"]
        return f"Bearer {self.token}"

    def call(self, url, method="GET", **headers):
        """One request to the FHIR API; the answer is for reading from, or to be closed."""
        headers = {"Accept": "application/fhir+json", **headers, "Authorization": self.authorization()}
        return urllib.request.urlopen(
            urllib.request.Request(url, method=method, headers=headers), timeout=TIMEOUT
        )

    def export(self, types=""):
        """Start a bulk export of the whole server, wait for it, and return its manifest and its address."""
        query = f"?{urllib.parse.urlencode({'_type': types})}" if types else ""
        with self.call(f"{self.fhir}/$export{query}", Prefer="respond-async") as answer:
            status_url = answer.headers["Content-Location"]
        while True:
            with self.call(status_url) as answer:
                if answer.status == 200:
                    return json.load(answer), status_url
                # The server says how long to wait; half a minute at most, whatever it says.
                time.sleep(min(int(answer.headers.get("Retry-After", "1")), 30))

    def count(self, manifest):
        """How many resources of each type the files hold: one a line."""
        counts = Counter()
        for file in manifest["output"]:
            with self.call(file["url"], Accept="application/fhir+ndjson") as lines:
                counts.update(json.loads(line)["resourceType"] for line in lines)
        return counts


def arguments():
    """What to export from where. Without --client-id, everything comes from the demonstration's demo.json."""
    parser = argparse.ArgumentParser(description="Export in bulk as a SMART backend service, and count.")
    parser.add_argument("--demo", type=Path, default=Path("demo.json"), help="demo.json of a running demo")
    parser.add_argument("--fhir", help="the server's FHIR base URL")
    parser.add_argument("--client-id", help="as registered")
    parser.add_argument("--key", type=Path, help="the private key, in PEM")
    parser.add_argument("--kid", help="the key's name in the registered key set")
    parser.add_argument("--alg", default="ES384", choices=["ES384", "RS384"], help="what fits the key")
    parser.add_argument("--scope", default="system/*.rs", help="what to ask for")
    parser.add_argument("--type", default="", help="resource types with commas between them; all without")
    return parser.parse_args()


def service_of(given):
    """The service that the arguments describe."""
    if given.client_id:
        return Service(
            given.fhir, given.client_id, given.key.read_bytes(), given.kid, given.alg, given.scope
        )
    demo = json.loads(given.demo.read_text(encoding="utf-8"))
    client = next(one for one in demo["clients"] if "private_key_file" in one)
    key = Path(client["private_key_file"]).read_bytes()
    return Service(demo["fhir"], client["client_id"], key, client["kid"], client["alg"], client["scope"])


def main():
    """Export, count, print, and have the server delete the files."""
    given = arguments()
    try:
        service = service_of(given)
        manifest, status_url = service.export(given.type)
        for name, number in sorted(service.count(manifest).items()):
            print(f"{name:<28}{number:>8}")
        service.call(status_url, method="DELETE").close()
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.code} from {error.url}: {error.read().decode()}")


if __name__ == "__main__":
    main()
