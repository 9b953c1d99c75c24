"""The example of a resource server elsewhere: what it opens, and for whom it does not."""

import importlib.util
import json
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec

from tests.demo_site import ROOT, DemoSite
from tests.flows.conftest import CALLBACK, App
from tests.oauth.jwks_host import Host, jwks_host
from tests.person import SECONDS, Person

SCRIPT = ROOT / "examples" / "resource_server" / "resource_server.py"
PAGE = (ROOT / "docs" / "resource-servers.md").read_text(encoding="utf-8")
ANNA, MIGUEL = "patient-anna-bauer", "patient-miguel-santoro"
KEY, FOREIGN_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
Json = dict[str, Any]


def example() -> Any:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("resource_server", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def running(demo_site: DemoSite, *more: str) -> Iterator[str]:
    """The script in a process of its own; where it listens."""
    command = [sys.executable, str(SCRIPT), "--fhir", demo_site.fhir, "--port", "0", *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip().removesuffix(f"/Patient/{ANNA}/steps")
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def servers(demo_site: DemoSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Where each of the two ways listens; the second one is registered with what the script itself prints."""
    key = tmp_path_factory.mktemp("keys") / "step-counts.pem"
    command = [sys.executable, str(SCRIPT), "--make-key", str(key)]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    demo_site.register(**json.loads(made.stdout))
    asking = ("--by", "introspection", "--key", str(key))
    with ExitStack() as stack:
        yield {
            "jwks": stack.enter_context(running(demo_site)),
            "introspection": stack.enter_context(running(demo_site, *asking)),
        }


@pytest.fixture(scope="module")
def app(demo_site: DemoSite) -> App:
    """An app that people use at the demonstration."""
    told = demo_site.register(
        client_name="Steps and labs",
        application_type="web",
        token_endpoint_auth_method="client_secret_basic",
        redirect_uris=[CALLBACK],
        scope="launch/patient openid fhirUser offline_access patient/Observation.rs patient/Condition.rs",
    )
    return App(demo_site.fhir, "Steps and labs", told["client_id"], told["client_secret"])


def tokens(
    app: App, demo_site: DemoSite, scope: str = "patient/Observation.rs offline_access openid"
) -> Json:
    """What the app holds after a patient has allowed it."""
    return app.sign_in(Person(demo_site.user("patient")), f"launch/patient {scope}")


def ask(server: str, token: str | None, patient: str = ANNA) -> requests.Response:
    """Ask for step counts."""
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return requests.get(f"{server}/Patient/{patient}/steps", headers=headers, timeout=SECONDS)


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9068#section-4")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7662#section-2")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6750#section-3")
def test_both_ways_open_the_patients_own_records_and_nothing_else(
    demo_site: DemoSite, servers: dict[str, str], app: App
) -> None:
    held = tokens(app, demo_site)
    less = tokens(app, demo_site, "patient/Condition.rs patient/Observation.s")
    for server in servers.values():
        opened = ask(server, held["access_token"])
        assert (opened.status_code, opened.json()["patient"]) == (200, ANNA)
        for patient in (MIGUEL, "nobody"):
            assert ask(server, held["access_token"], patient).status_code == 404
        bare = ask(server, None)
        assert (bare.status_code, bare.headers["WWW-Authenticate"]) == (401, 'Bearer realm="steps"')
        narrow = ask(server, less["access_token"])
        assert narrow.status_code == 403
        assert (
            'error="insufficient_scope", scope="patient/Observation.r"' in narrow.headers["WWW-Authenticate"]
        )
        head, payload, signature = held["access_token"].split(".")
        no_token = [
            held["id_token"],
            held["refresh_token"],
            "x",
            f"{head}.{payload}.",
            f"{head}.{payload}.AA",
        ]
        for text in [*no_token, f"{head}.{payload[:-4]}AAAA.{signature}", "a b", ""]:
            answer = ask(server, text)
            assert (answer.status_code, 'error="invalid_token"' in answer.headers["WWW-Authenticate"]) == (
                401,
                True,
            )


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7009#section-2")
def test_a_revoked_token_ends_at_once_where_the_server_is_asked_and_with_its_exp_elsewhere(
    demo_site: DemoSite, servers: dict[str, str], app: App
) -> None:
    token = tokens(app, demo_site)["access_token"]
    assert [ask(server, token).status_code for server in servers.values()] == [200, 200]
    answer = requests.post(f"{demo_site.url}/oauth/revoke", {"token": token}, auth=app.login, timeout=SECONDS)
    assert answer.status_code == 200
    assert ask(servers["introspection"], token).status_code == 401
    assert ask(servers["jwks"], token).status_code == 200


def test_whoever_may_not_ask_opens_nothing(demo_site: DemoSite, app: App) -> None:
    module, token = example(), tokens(app, demo_site)["access_token"]
    stranger = ec.generate_private_key(ec.SECP384R1())
    with pytest.raises(module.Unavailable, match="401"):
        module.ByAsking(module.Server(demo_site.fhir), module.CLIENT_ID, stranger)(token)


def test_the_page_registers_what_the_script_prints(tmp_path: Path) -> None:
    told = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
    made = example().make_key(tmp_path / "key.pem")
    assert told.pop("jwks_uri").startswith("https://")
    assert told == {name: value for name, value in made.items() if name != "jwks"}
    with pytest.raises(FileExistsError):
        example().make_key(tmp_path / "key.pem")


def test_a_token_for_another_audience_opens_nothing(demo_site: DemoSite, app: App) -> None:
    module, token = example(), tokens(app, demo_site)["access_token"]
    by_keys = module.ByKeys(module.Server(demo_site.fhir))
    assert by_keys(token)["patient"] == ANNA
    by_keys.server.audience = "https://steps.example.org"
    with pytest.raises(module.Refused, match="for another one"):
        by_keys(token)


def document(host: Host, *kids: str) -> bytes:
    """Discovery and keys in one answer."""
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
    keys = [{**public, "kid": kid, "alg": "ES256", "use": "sig"} for kid in kids]
    names = ("jwks_uri", "token_endpoint", "introspection_endpoint")
    endpoints = {**dict.fromkeys(names, host.url), "issuer": "https://cdr.example.org"}
    return json.dumps({**endpoints, "keys": keys}).encode()


def signed(key: Any = KEY, algorithm: str = "ES256", header: Json | None = None, **changes: Any) -> str:
    """An access token, as RFC 9068 has them but for the changes."""
    now = int(time.time())
    claims = {
        "iss": "https://cdr.example.org",
        "sub": "17",
        "aud": "https://cdr.example.org/fhir",
        "exp": now + 60,
        "iat": now,
        "jti": "1",
        "client_id": "app",
        **changes,
    }
    told = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(told, key, algorithm, {"typ": "at+jwt", "kid": "one", **(header or {})})


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9068#section-4")
def test_by_keys_only_a_flawless_access_token_counts() -> None:
    module = example()
    with jwks_host() as host:
        host.body = document(host, "one")
        server = module.Server(host.url.removesuffix("/jwks.json"), "https://cdr.example.org/fhir")
        by_keys = module.ByKeys(server)
        assert by_keys(signed())["sub"] == "17"
        bad = [
            signed(iss="https://evil.example.org"),
            signed(aud="https://other.example.org/fhir"),
            signed(aud=None),
            signed(exp=int(time.time()) - 1),
            signed(exp=None),
            signed(key=FOREIGN_KEY),
            signed(header={"typ": "JWT"}),
            signed(header={"kid": "two"}),
            signed(key="", algorithm="none"),
            signed(key="one-secret-that-is-long-enough-for-it", algorithm="HS256"),
            signed(client_id=None),
            "no token",
        ]
        for token in bad:
            with pytest.raises(module.Refused):
                by_keys(token)


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.1")
def test_keys_are_kept_as_long_as_their_answer_says_and_fetched_anew_for_one_that_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = example()
    clock = [1000.0]
    with jwks_host() as host:
        host.headers = {"Cache-Control": "public, max-age=300"}
        host.body = document(host, "one")
        by_keys = module.ByKeys(
            module.Server(host.url.removesuffix("/jwks.json"), "https://cdr.example.org/fhir")
        )
        monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
        host.seen.clear()
        for _ in range(3):
            by_keys(signed())
        assert len(host.seen) == 1
        with pytest.raises(module.Refused):
            by_keys(signed(header={"kid": "two"}))
        assert len(host.seen) == 1
        clock[0] += module.LOOK_AGAIN
        host.body = document(host, "two")
        assert by_keys(signed(header={"kid": "two"}))["sub"] == "17"
        with pytest.raises(module.Refused):
            by_keys(signed())
        assert len(host.seen) == 2
        clock[0] += 300
        host.status = 500
        with pytest.raises(module.Unavailable):
            by_keys(signed(header={"kid": "two"}))


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        ("patient/Observation.rs", True),
        ("patient/*.cruds", True),
        ("openid patient/Observation.read", True),
        ("patient/*.*", True),
        ("patient/Observation.s", False),
        ("patient/Observation.", False),
        ("patient/Observation.write", False),
        ("patient/Observation.rs?category=laboratory", False),
        ("patient/Condition.rs user/Observation.rs system/*.rs", False),
        ("xpatient/Observation.rs", False),
        ("", False),
    ],
)
def test_only_a_scope_for_all_observations_of_the_patient_counts(scope: str, may: bool) -> None:
    assert example().may_read(scope) is may
