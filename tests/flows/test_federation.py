"""A clinician of one Smart CDR signs in at another by the first one's OpenID Connect, and launches an app; an
app of the first one reads at the other.

The other one is the demonstration, in processes of its own; "here" is the server of these tests.
"""

import secrets
import subprocess
import sys
import time
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import jwt
import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from accounts.models import IdentityProvider, User
from oauth.foreign.issuers import keep_secret
from oauth.models import TrustedIssuer
from tests.demo_site import ROOT, DemoSite
from tests.flows.conftest import CALLBACK as APP_CALLBACK
from tests.flows.conftest import App
from tests.launch.conftest import patient, put
from tests.oauth.flow import Flow, answer_of, make_client
from tests.person import SECONDS, Page, Person

pytestmark = [pytest.mark.any_database, pytest.mark.django_db]
SLUG = "other-clinic"
CALLBACK = f"http://testserver/accounts/elsewhere/{SLUG}/callback/"
MEI = "Practitioner/practitioner-mei-chen"


@pytest.fixture(scope="module")
def registration(demo_site: DemoSite) -> dict[str, str]:
    """How we are registered there: a confidential client that may know who people are, and nothing else."""
    return demo_site.register(
        client_name=f"Smart CDR of the neighbours {secrets.token_hex(4)}",
        application_type="web",
        token_endpoint_auth_method="client_secret_basic",
        grant_types=["authorization_code"],
        redirect_uris=[CALLBACK],
        scope="openid fhirUser profile",
    )


@pytest.fixture
def provider(demo_site: DemoSite, registration: dict[str, str]) -> IdentityProvider:
    """How the other one is registered here; its people may come with their FHIR identity."""
    made = IdentityProvider(
        name="Meadowbrook Clinic",
        slug=SLUG,
        issuer=demo_site.url,
        client_id=registration["client_id"],
        fhir_base=demo_site.fhir,
        new_people="created",
    )
    made.secret = registration["client_secret"]
    made.full_clean()
    made.save()
    return made


@pytest.fixture
def mei(demo_site: DemoSite) -> Person:
    """A clinician with an account there."""
    return Person(next(user for user in demo_site.users if user["fhir_user"] == MEI))


def leave(browser: Client, **form: str) -> str:
    """Press the button; the address at the other server."""
    page = browser.post(f"/accounts/elsewhere/{SLUG}/", form)
    assert page.status_code == 200, page.content
    return str(page.context["url"])


def sign_in(browser: Client, person: Person, **form: str) -> Any:
    """There, sign-in and consent on its own pages, and back."""
    came_back = person.authorize(leave(browser, **form), CALLBACK)
    return browser.get(came_back.removeprefix("http://testserver"))


def is_signed_in(browser: Client) -> bool:
    return "_auth_user_id" in browser.session


def rules(caplog: pytest.LogCaptureFixture) -> list[tuple[Any, Any]]:
    """What staff read about refusals: the rule, and what was received."""
    told: list[Any] = [each.args for each in caplog.records if each.name == "accounts.federation"]
    return [(rule, received) for _, _, rule, _, received in told]


def set_status(demo_site: DemoSite, registration: dict[str, str], status: str) -> None:
    """Let the other server's operators change how we stand there."""
    script = (
        "from oauth.models import Application; from oauth.clients import status\n"
        f"app = Application.objects.get(client_id={registration['client_id']!r}); app.status = {status!r}\n"
        "status.save(app)"
    )
    subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", script], cwd=ROOT, env=demo_site.environment, check=True
    )


@pytest.mark.requirement("https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth")
@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-identity-data"
)
def test_a_clinician_of_another_smart_cdr_signs_in_here_and_launches_an_app(
    provider: IdentityProvider, mei: Person
) -> None:
    put(patient("amy", "Shaw", "Amy"))
    put({"resourceType": "Practitioner", "id": MEI.partition("/")[2], "name": [{"family": "Chen"}]})
    app, _ = make_client()
    flow = Flow(app, None, scope="openid fhirUser launch/patient user/Patient.rs")
    page: Any = flow.authorize()
    assert page.request["PATH_INFO"] == "/accounts/login/"
    assert "Sign in with Meadowbrook Clinic" in page.content.decode()
    [back] = parse_qs(page.request["QUERY_STRING"])["next"]
    before = int(time.time())
    consent = flow.pick(flow.follow(sign_in(flow.browser, mei, next=back)), "amy")
    tokens = flow.exchange(answer_of(flow.decide(consent))["code"]).json()  # type: ignore[attr-defined]
    person = User.objects.get(fhir_user=MEI)
    for name in ("access_token", "id_token"):
        claims = jwt.decode(tokens[name], options={"verify_signature": False})
        assert claims["fhirUser"] == f"http://testserver/fhir/{MEI}"
        assert claims["sub"] == str(person.uid)
    assert before - 1 <= claims["auth_time"] <= time.time()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    for address in (claims["fhirUser"], f"http://testserver/fhir/Patient/{tokens['patient']}"):
        assert Client().get(urlsplit(address).path, headers=headers).status_code == 200
    assert flow.browser.get("/accounts/sessions/").status_code == 200
    flow.browser.post("/accounts/logout/")
    assert not is_signed_in(flow.browser)


@pytest.mark.requirement("https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest")
def test_an_app_that_wants_a_new_proof_has_it_given_at_the_other_server(
    demo_site: DemoSite, provider: IdentityProvider, mei: Person
) -> None:
    app, _ = make_client()
    flow = Flow(app, None, scope="openid")
    sign_in(flow.browser, mei)
    page: Any = flow.authorize(prompt="login")
    assert page.request["PATH_INFO"] == "/accounts/reauthenticate/elsewhere/"
    [back] = parse_qs(page.request["QUERY_STRING"])["next"]
    address = leave(flow.browser, next=back)
    asked = mei.session.get(address, timeout=SECONDS)
    assert "/accounts/reauthenticate/" in asked.url
    assert demo_site.url in asked.url
    form = next(form for form in Page(asked.text).forms if form.has("password"))
    sent = [*(one for one in form.values if one[0] != "password"), ("password", mei.user["password"])]
    gone = mei.session.post(urljoin(asked.url, form.action), sent, allow_redirects=False, timeout=SECONDS)
    assert gone.status_code == 302, gone.text
    came_back = mei.authorize(urljoin(asked.url, gone.headers["Location"]), CALLBACK)
    page = flow.follow(flow.browser.get(came_back.removeprefix("http://testserver")))
    assert "code" in answer_of(flow.decide(page))


def test_a_wrong_secret_lets_nobody_in(
    provider: IdentityProvider, mei: Person, caplog: pytest.LogCaptureFixture
) -> None:
    provider.secret = "wrong"
    provider.save()
    browser = Client()
    assert sign_in(browser, mei).status_code == 403
    assert not is_signed_in(browser)
    assert rules(caplog) == [("token_endpoint", "401 invalid_client")]


def test_when_the_other_server_suspends_us_its_people_do_not_come_in(
    demo_site: DemoSite,
    registration: dict[str, str],
    provider: IdentityProvider,
    mei: Person,
    caplog: pytest.LogCaptureFixture,
) -> None:
    browser = Client()
    came_back = mei.authorize(leave(browser), CALLBACK)
    set_status(demo_site, registration, "suspended")
    try:
        refused = browser.get(came_back.removeprefix("http://testserver"))
        assert (refused.status_code, is_signed_in(browser)) == (403, False)
        assert rules(caplog) == [("token_endpoint", "401 invalid_client")]
        assert requests.get(leave(browser), timeout=SECONDS).status_code == 400
    finally:
        set_status(demo_site, registration, "live")


@pytest.mark.parametrize(
    ("choices", "rule"),
    [
        ({"new_people": "linked"}, "account"),
        ({"kinds": "Patient"}, "fhir_user"),
        ({"fhir_base": "https://elsewhere.example.org/fhir"}, "answer"),
    ],
)
def test_who_does_not_fit_what_staff_chose_is_refused(
    provider: IdentityProvider,
    mei: Person,
    caplog: pytest.LogCaptureFixture,
    choices: dict[str, str],
    rule: str,
) -> None:
    IdentityProvider.objects.update(**choices)
    browser = Client()
    assert sign_in(browser, mei).status_code == 403
    assert not is_signed_in(browser)
    assert [each[0] for each in rules(caplog)] == [rule]
    assert not User.objects.exists()


def test_nobody_comes_in_as_the_fhir_user_of_another_account(
    provider: IdentityProvider, mei: Person, caplog: pytest.LogCaptureFixture
) -> None:
    User.objects.create_user("mei.chen", fhir_user=MEI)
    browser = Client()
    assert sign_in(browser, mei).status_code == 403
    assert not is_signed_in(browser)
    assert rules(caplog) == [("fhir_user", MEI)]
    assert not SocialAccount.objects.exists()


@pytest.fixture(scope="module")
def app_there(demo_site: DemoSite) -> App:
    """An app of the other server, which may also ask there about everybody's tokens."""
    told = demo_site.register(
        client_name=f"Rounds {secrets.token_hex(4)}",
        application_type="web",
        token_endpoint_auth_method="client_secret_basic",
        redirect_uris=[APP_CALLBACK],
        scope="openid fhirUser user/Patient.rs",
        introspection="any",
    )
    return App(demo_site.fhir, "Rounds", told["client_id"], told["client_secret"])


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9068#section-4")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7662#section-2")
def test_an_app_token_of_the_other_server_opens_our_fhir_api_until_it_is_revoked_there(
    demo_site: DemoSite, app_there: App, mei: Person
) -> None:
    put(patient("amy", "Shaw", "Amy"))
    User.objects.create_user("mei.chen", fhir_user=MEI)
    token = app_there.sign_in(mei, "openid fhirUser user/Patient.rs")["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert Client().get("/fhir/Patient/amy", headers=headers).status_code == 401
    issuer = TrustedIssuer(
        name="Meadowbrook Clinic",
        issuer=demo_site.url,
        audience=demo_site.fhir,
        fhir_base=demo_site.fhir,
        scope="user/*.rs",
        checking=TrustedIssuer.Checking.INTROSPECTION,
        introspection_client_id=app_there.client_id,
    )
    keep_secret(issuer, app_there.client_secret)
    issuer.save()
    assert Client().get("/fhir/Patient/amy", headers=headers).status_code == 200
    assert Client().get("/fhir/Observation?patient=amy", headers=headers).status_code == 403
    TrustedIssuer.objects.update(audience="")
    assert Client().get("/fhir/Patient/amy", headers=headers).status_code == 401
    TrustedIssuer.objects.update(audience=demo_site.fhir)
    answer = requests.post(
        f"{demo_site.url}/oauth/revoke", {"token": token}, auth=app_there.login, timeout=SECONDS
    )
    assert answer.status_code == 200
    # The answer counts for one second at most.
    until, status = time.monotonic() + 5, 200
    while status == 200 and time.monotonic() < until:
        status = Client().get("/fhir/Patient/amy", headers=headers).status_code
    assert status == 401
