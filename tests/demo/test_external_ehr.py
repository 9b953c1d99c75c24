"""The demonstration's external EHR: our script opens the Lab Viewer, and the page on it tells the truth."""

import base64
import hashlib
import json
import re
import secrets
import subprocess
import sys
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from tests.demo_site import ROOT, DemoSite
from tests.oauth.references import description_of
from tests.person import SECONDS, Person

SCRIPT = ROOT / "examples" / "external_ehr" / "external_ehr.py"
PAGE = (ROOT / "docs" / "external-ehr.md").read_text(encoding="utf-8")
Json = dict[str, Any]


def run(demo_site: DemoSite, *more: str) -> "subprocess.CompletedProcess[str]":
    """The script with the demonstration's client, and these arguments."""
    ward = demo_site.client("Ward System")
    known = {
        "--fhir": demo_site.fhir,
        "--client-id": ward["client_id"],
        "--key": ward["private_key_file"],
        "--kid": ward["kid"],
        "--alg": ward["alg"],
    }
    told = [text for pair in known.items() for text in pair]
    return subprocess.run(
        [sys.executable, str(SCRIPT), *told, *more], text=True, capture_output=True, check=False
    )


def app_goes_on(demo_site: DemoSite, url: str, username: str) -> Json:
    """What the Lab Viewer does with the address that it is opened at, and the person with the pages."""
    viewer = demo_site.client("Lab Viewer")
    assert url.startswith(f"{viewer['launch_url']}?"), url
    query = parse_qs(urlsplit(url).query)
    assert query["iss"] == [demo_site.fhir]
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    asked = {
        "response_type": "code",
        "client_id": viewer["client_id"],
        "redirect_uri": viewer["redirect_uris"][0],
        "scope": "launch openid fhirUser patient/Patient.rs patient/Observation.rs",
        "state": secrets.token_urlsafe(24),
        "aud": demo_site.fhir,
        "launch": query["launch"][0],
        "code_challenge": challenge.decode(),
        "code_challenge_method": "S256",
    }
    user = next(user for user in demo_site.users if user["username"] == username)
    address = f"{demo_site.url}/oauth/authorize?{urlencode(asked)}"
    came_back = Person(user).authorize(address, asked["redirect_uri"])
    answered = {name: values[0] for name, values in parse_qs(urlsplit(came_back).query).items()}
    if "error" in answered:
        return answered
    form = {
        "grant_type": "authorization_code",
        "client_id": asked["client_id"],
        "code": answered["code"],
        "redirect_uri": asked["redirect_uri"],
        "code_verifier": verifier,
    }
    answer = requests.post(f"{demo_site.url}/oauth/token", form, timeout=SECONDS)
    assert answer.status_code == 200, answer.text
    tokens: Json = answer.json()
    return tokens


@pytest.mark.requirement("SMART-352")
def test_the_script_opens_the_lab_viewer_for_the_patient_on_its_screen(demo_site: DemoSite) -> None:
    done = run(demo_site, "--intent", "review-results", "--tenant", "ward-7")
    assert done.returncode == 0, done.stderr
    url = done.stdout.strip()
    tokens = app_goes_on(demo_site, url, "mei.chen")
    assert (tokens["patient"], tokens["intent"], tokens["tenant"]) == (
        "patient-anna-bauer",
        "review-results",
        "ward-7",
    )
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    read = requests.get(f"{demo_site.fhir}/Patient/{tokens['patient']}", headers=headers, timeout=SECONDS)
    assert read.status_code == 200
    assert app_goes_on(demo_site, url, "mei.chen")["error"] == "invalid_request"


def test_a_mother_is_launched_for_a_child_and_for_nobody_else(demo_site: DemoSite) -> None:
    mother = ("--user", "lena.hartmann", "--patient")
    done = run(demo_site, *mother, "patient-paul-hartmann")
    tokens = app_goes_on(demo_site, done.stdout.strip(), "lena.hartmann")
    assert tokens["patient"] == "patient-paul-hartmann"
    refused = run(demo_site, *mother, "patient-anna-bauer")
    assert refused.returncode == 1
    assert "patient: is not a patient whom this person may see." in refused.stderr


def test_the_script_says_why_an_app_that_is_not_on_the_list_is_refused(demo_site: DemoSite) -> None:
    refused = run(demo_site, "--app", "growth-report")
    assert "400" in refused.stderr
    assert "client_id: is not an app that you may launch." in refused.stderr


def test_the_example_of_the_page_is_taken_word_by_word(demo_site: DemoSite) -> None:
    registration, body = (json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    assert registration["scope"] == "https://cdr.example.org/scopes/launch-context"
    assert demo_site.client("Ward System")["scope"] == f"{demo_site.url}/scopes/launch-context"
    token = _token(demo_site)
    answer = requests.post(
        f"{demo_site.url}/launch/contexts",
        json=body,
        headers={"Authorization": f"Bearer {token}"},
        timeout=SECONDS,
    )
    assert answer.status_code == 201, answer.text
    tokens = app_goes_on(demo_site, answer.json()["url"], "mei.chen")
    told = {name: value for name, value in body.items() if name not in ("client_id", "user")}
    assert {name: tokens[name] for name in told} == told


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_id": "nothing"}, "client_id: is not an app that you may launch."),
        ({"user": "nobody"}, "user: is not one person for whom an app could be opened."),
        ({"patient": "nobody"}, "patient: is not a patient whom this person may see."),
        ({"encounter": "nothing"}, "encounter: is not one of this patient's."),
    ],
)
def test_the_page_has_the_words_of_the_refusals(
    demo_site: DemoSite, changes: dict[str, str], words: str
) -> None:
    body = {
        "client_id": "lab-viewer",
        "user": "Practitioner/practitioner-mei-chen",
        "patient": "patient-anna-bauer",
        **changes,
    }
    answer = requests.post(
        f"{demo_site.url}/launch/contexts",
        json=body,
        headers={"Authorization": f"Bearer {_token(demo_site)}"},
        timeout=SECONDS,
    )
    assert (answer.status_code, description_of(answer)) == (400, words)
    assert f"| {words} |" in PAGE


def _token(demo_site: DemoSite) -> str:
    """An access token of the demonstration's EHR, by the example's own way."""
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        from external_ehr import ExternalEhr  # type: ignore[import-not-found]
    finally:
        sys.path.pop(0)
    ward = demo_site.client("Ward System")
    with open(ward["private_key_file"], "rb") as key:
        made = ExternalEhr(demo_site.fhir, ward["client_id"], key.read(), ward["kid"], ward["alg"])
    return str(made.token())
