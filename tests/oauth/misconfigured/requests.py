"""Authorization requests as apps and administrators get them wrong."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from launch.context import make_launch
from launch.models import LaunchContext
from oauth.clients import status as client_status
from oauth.models import Application
from tests.oauth.flow import REDIRECT_URI, Flow, make_client, make_user
from tests.oauth.misconfigured.table import Seen, ends_at

APP = "openid fhirUser launch patient/*.rs"


def asked(fhir_user: str = "Patient/p1", registered: str = APP, **changes: Any) -> Seen:
    """A request with these parameters changed, of an app that is in order and a person who is signed in."""
    app, _ = make_client(registered)
    flow = Flow(app, make_user(fhir_user), scope="openid fhirUser patient/*.rs")
    return Seen(flow.authorize(**changes), values={"client": app.client_id, "registered": REDIRECT_URI})


_SENT = "redirect_uri differs from the registered one only by "


@ends_at(
    "request",
    "check_redirect_uri",
    _SENT + "one character of its path (/calback instead of /callback): {registered} is registered.",
)
def redirect_uri_wrong_by_one_character() -> Seen:
    return asked(redirect_uri="https://app.example.org/calback")


@ends_at("request", "check_redirect_uri", _SENT + "a trailing slash: {registered} is registered.")
def redirect_uri_with_a_trailing_slash() -> Seen:
    return asked(redirect_uri=f"{REDIRECT_URI}/")


@ends_at("request", "check_redirect_uri", _SENT + "http instead of https: {registered} is registered.")
def redirect_uri_with_http() -> Seen:
    return asked(redirect_uri=REDIRECT_URI.replace("https", "http"))


@ends_at(
    "request",
    "check_redirect_uri",
    _SENT + "its port (8443 instead of none): {registered} is registered.",
)
def redirect_uri_with_a_port() -> Seen:
    return asked(redirect_uri=REDIRECT_URI.replace(".org", ".org:8443"))


@ends_at("request", "check_redirect_uri", _SENT + "upper and lower case: {registered} is registered.")
def redirect_uri_in_capitals() -> Seen:
    return asked(redirect_uri=REDIRECT_URI.replace("callback", "Callback"))


@ends_at(
    "request",
    "check_aud",
    "aud is the address of another server, https://other.example/fhir: {fhir} is expected.",
)
def aud_of_another_server() -> Seen:
    seen = asked(aud="https://other.example/fhir")
    seen.values["fhir"] = settings.FHIR_BASE
    return seen


@ends_at("request", "check_aud", "aud is this server's address without /fhir: {fhir} is expected.")
def aud_without_its_path() -> Seen:
    seen = asked(aud=settings.SITE_URL)
    seen.values["fhir"] = settings.FHIR_BASE
    return seen


@ends_at("request", "check_pkce_s256", "The app uses no PKCE: code_challenge is missing.")
def no_pkce() -> Seen:
    return asked(code_challenge=None, code_challenge_method=None)


@ends_at("request", "check_pkce_s256", "code_challenge_method is plain: it has to be S256.")
def plain_pkce() -> Seen:
    return asked(code_challenge_method="plain")


@ends_at(
    "request",
    "check_response_type",
    "response_type is token: it has to be code, as no other flow is served.",
)
def implicit_flow() -> Seen:
    return asked(response_type="token")


@ends_at(
    "request",
    "check_client",
    "No client has this client_id; it differs from {client}, that of Lab Viewer, only by one character.",
)
def client_id_wrong_by_one_character() -> Seen:
    app, _ = make_client()
    answer = Flow(app, make_user()).authorize(client_id=f"{app.client_id[:-1]}z")
    return Seen(answer, values={"client": app.client_id})


def _of_status(status: str) -> Seen:
    app, _ = make_client()
    client_status.change(Application.objects.filter(pk=app.pk), status)
    return Seen(Flow(app, make_user()).authorize(), values={"client": app.client_id})


@ends_at("request", "check_client", "The client {client} is suspended, since {time}.")
def suspended_client() -> Seen:
    return _of_status("suspended")


@ends_at(
    "request",
    "check_client",
    "The client {client} is a draft, which staff have not made live yet, since {time}.",
)
def client_that_is_a_draft() -> Seen:
    return _of_status("draft")


@ends_at("request", "check_client", "The client {client} is retired, since {time}.")
def retired_client() -> Seen:
    return _of_status("retired")


@ends_at(
    "request",
    "check_scope",
    "None of the asked scopes can be granted: user/Observation.rs is not registered for the client, which"
    " has patient/*.rs.",
)
def scope_that_is_not_registered() -> Seen:
    return asked(scope="user/Observation.rs")


@ends_at("request", "check_scope", "scope cannot be read: it has a space at an end, or two in a row.")
def scope_with_two_spaces() -> Seen:
    return asked(scope="openid  patient/*.rs")


@ends_at(
    "request",
    "check_launch",
    "No launch has this launch value: it was never made here, or was removed after its time.",
)
def launch_that_nobody_made() -> Seen:
    return asked(scope="launch patient/*.rs", launch="123")


def _launched(of: str = "Practitioner/d1", by: str = "", **changes: Any) -> Seen:
    """A launch for `of` that `by` (the same person if left out) opens, whose row has these changes."""
    app, _ = make_client("launch openid fhirUser user/*.rs")
    meant = make_user(of)
    person = make_user(by) if by else meant
    launch = make_launch(app, meant, patient="p1")
    LaunchContext.objects.filter(pk=launch.pk).update(**changes)
    answer = Flow(app, person, scope="launch user/*.rs").authorize(launch=launch.pk)
    values = {"meant": meant.uid, "person": person.uid, "client": app.client_id, "attempt": launch.attempt}
    return Seen(answer, values=values)


@ends_at("request", "check_launch", "The launch value expired on {time}, before the app presented it.")
def launch_that_expired() -> Seen:
    return _launched(expires=timezone.now() - timedelta(seconds=5))


@ends_at("request", "check_launch", "The launch value was used before on {time}, by attempt {first}.")
def launch_used_twice() -> Seen:
    app, _ = make_client("launch openid fhirUser user/*.rs")
    flow = Flow(app, make_user("Practitioner/d1"), scope="launch user/*.rs")
    launch = make_launch(app, flow.user, patient="p1")  # type: ignore[arg-type]
    flow.authorize(launch=launch.pk)
    return Seen(flow.authorize(launch=launch.pk), values={"first": launch.attempt})


@ends_at(
    "request",
    "check_launch",
    "The launch value was made for another client, {other} (attempt {attempt}).",
)
def launch_of_another_app() -> Seen:
    app, _ = make_client("launch openid fhirUser user/*.rs")
    other, _ = make_client("launch openid fhirUser user/*.rs")
    person = make_user("Practitioner/d1")
    launch = make_launch(other, person, patient="p1")
    answer = Flow(app, person, scope="launch user/*.rs").authorize(launch=launch.pk)
    return Seen(answer, values={"other": other.client_id})


@ends_at(
    "sign-in",
    "launch_person",
    "The launch was made for {meant} (Practitioner/d1), and {person} (Practitioner/d2) has signed in.",
    before="request",
)
def launch_of_another_person() -> Seen:
    return _launched(by="Practitioner/d2")


@ends_at(
    "sign-in",
    "fhir_identity",
    "The account {subject} has no fhir_user, so that it may open no record.",
    before="request",
)
def account_without_a_fhir_user() -> Seen:
    return asked(fhir_user="")


@ends_at(
    "context",
    "patient_right",
    "{subject} (RelatedPerson/r1) acts for nobody now: of 0 proxies none is in force.",
    before="request sign-in",
)
def relative_without_a_proxy() -> Seen:
    return asked(fhir_user="RelatedPerson/r1", registered="openid launch/patient patient/*.rs")


@ends_at(
    "context",
    "patient_right",
    "{person} (Patient/p2) has no right to Patient/p1: patients reach their own record alone.",
    before="request sign-in",
)
def patient_launched_for_somebody_elses_record() -> Seen:
    return _launched(of="Patient/p2")


@ends_at(
    "sign-in",
    "prompt_none",
    "prompt=none allows no page, but nobody is signed in in this browser.",
    before="request",
)
def prompt_none_without_a_session() -> Seen:
    app, _ = make_client()
    return Seen(Flow(app, None, scope="openid patient/*.rs").authorize(prompt="none"))
