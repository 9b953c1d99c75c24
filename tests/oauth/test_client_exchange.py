"""Clients as files: what leaves is enough to make the same client, and nothing changes unseen."""

import json
from typing import Any

import pytest
from django.db import IntegrityError
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth.client_exchange.describing import describe, export
from oauth.client_exchange.importing import ChangedMeanwhile, Unacceptable, carry_out
from oauth.client_exchange.planning import Plan, plan
from oauth.client_exchange.reading import BadFile
from oauth.clients import status as client_status
from oauth.clients.metadata import fill, link
from oauth.clients.secrets import add_secret
from oauth.models import AccessToken, Application, ClientSecret
from oauth.tokens.liveness import alive
from tests.oauth.issuing import issue, make_key, make_user
from tests.oauth.services import ec_key, jwk_of
from tests.oauth.test_client_metadata import GOOD, SERVICE

pytestmark = pytest.mark.django_db

WEB = {
    **GOOD,
    "application_type": "web",
    "token_endpoint_auth_method": "client_secret_basic",
    "client_name": "Growth Chart",
}


def make(client_id: str, metadata: dict[str, Any]) -> Application:
    """A saved client."""
    client = fill(Application(client_id=client_id), {"status": "live", **metadata})
    client_status.save(client)
    link(client, metadata)
    return client


def file_of(*clients: dict[str, Any]) -> str:
    return json.dumps({"clients": list(clients)})


def take(text: str, **options: Any) -> Plan:
    """Import after a preview, as staff do."""
    return carry_out(text, plan(text, **options).fingerprint, **options)


def kinds(found: Plan) -> list[str]:
    return [entry.kind for entry in found.entries]


def notes(found: Plan) -> str:
    return "\n".join(note for entry in found.entries for note in entry.notes)


def faults(found: Plan) -> str:
    return "\n".join(fault for entry in found.entries for fault in entry.faults)


def test_an_export_tells_everything_but_the_secrets() -> None:
    client = make("growth", {**WEB, "access_token_seconds": 600, "contacts": ["apps@example.org"]})
    secret = add_secret(client, "For the server room")
    text = export([client])
    [told] = json.loads(text)["clients"]
    assert told["client_id"] == "growth"
    assert told["access_token_seconds"] == 600
    assert told["refresh_token_seconds"] is None
    assert told["redirect_uris"] == GOOD["redirect_uris"]
    [shown] = told["client_secrets"]
    assert (shown["secret"], shown["description"]) == ("redacted", "For the server room")
    assert secret not in text
    assert ClientSecret.objects.get().digest not in text


def test_what_was_exported_changes_nothing_where_it_came_from() -> None:
    clients = [make("one", WEB), make("two", GOOD), make("three", SERVICE)]
    add_secret(clients[0])
    before = [(row["updated"], row["client_id"]) for row in Application.objects.order_by("pk").values()]
    text = export(clients)
    assert kinds(plan(text, with_status=True)) == ["unchanged"] * 3
    take(text, with_status=True)
    assert [
        (row["updated"], row["client_id"]) for row in Application.objects.order_by("pk").values()
    ] == before
    assert ClientSecret.objects.count() == 1


WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
SCOPES = [
    "openid",
    "fhirUser",
    "launch",
    "offline_access",
    "patient/*.rs",
    "user/Observation.rs?status=final",
]


@st.composite
def clients(draw: st.DrawFn) -> dict[str, Any]:
    """Metadata of a client that may be registered."""
    kind = draw(st.sampled_from(["browser", "web", "native", "backend"]))
    common: dict[str, Any] = {
        "client_name": draw(WORDS),
        "application_type": kind,
        "publisher": draw(st.just("") | WORDS),
        "description": draw(st.just("") | WORDS | st.just("Two\nlines")),
        "contacts": draw(st.lists(st.sampled_from(["a@example.org", "b@example.org"]), unique=True)),
        "status": draw(st.sampled_from(Application.Status.values)),
        "consent_policy": draw(st.sampled_from(["remember", "always"])),
        "access_token_seconds": draw(st.none() | st.integers(300, 3600)),
        "refresh_token_seconds": draw(st.none() | st.integers(300, 86400)),
    }
    keys = {"jwks": {"keys": [jwk_of(ec_key(), "first")]}}
    if kind == "backend":
        return {**common, **keys, "scope": "system/*.rs", "token_endpoint_auth_method": "private_key_jwt"}
    scope = draw(st.lists(st.sampled_from(SCOPES), min_size=1, unique=True))
    marked = st.lists(st.sampled_from(scope), unique=True)
    method = draw(st.sampled_from(["client_secret_post", "private_key_jwt"])) if kind == "web" else "none"
    own = ["org.example.app:/cb", "http://127.0.0.1/cb"] if kind == "native" else []
    uris = st.sampled_from(["https://a.example.org/cb", "https://b.example.org/cb?x=1", *own])
    told = {
        **common,
        "scope": " ".join(scope),
        "required_scope": " ".join(draw(marked)),
        "auto_approved_scope": " ".join(draw(marked)),
        "redirect_uris": draw(st.lists(uris, min_size=1, unique=True)),
        "launch_url": draw(st.sampled_from(["", "https://a.example.org/launch"])),
        "allowed_origins": draw(st.lists(st.just("https://c.example.org"), max_size=1)),
        "grant_types": draw(
            st.sampled_from([["authorization_code"], ["authorization_code", "refresh_token"]])
        ),
        "token_endpoint_auth_method": method,
        "introspection": "none" if method == "none" else draw(st.sampled_from(["own", "any", "none"])),
    }
    if method == "private_key_jwt":
        told |= draw(st.sampled_from([keys, {"jwks_uri": "https://a.example.org/jwks.json"}]))
    return told


@settings(deadline=None, max_examples=40)
@given(generated=st.lists(clients(), min_size=1, max_size=4))
def test_any_clients_survive_the_way_through_a_file_into_an_empty_database(
    generated: list[dict[str, Any]],
) -> None:
    Application.objects.all().delete()
    made = [make(f"client-{number}", metadata) for number, metadata in enumerate(generated)]
    services = [client for client in made if "client_credentials" in client.grant_types]
    for service in services:
        service.may_launch.set([client for client in made if client != service])
    before = [describe(client) for client in Application.objects.order_by("client_id")]
    text = export(Application.objects.order_by("client_id"))
    assert not plan(text, with_status=True).changes_anything
    Application.objects.all().delete()
    take(text, with_status=True)
    assert [describe(client) for client in Application.objects.order_by("client_id")] == before
    assert not plan(text, with_status=True).changes_anything


def test_the_preview_has_each_member_as_it_is_and_as_it_would_be_and_changes_nothing() -> None:
    make("growth", WEB)
    found = plan(file_of({"client_id": "growth", "publisher": "Other", "scope": "openid"}))
    changes = {change.member: (change.before, change.after) for change in found.entries[0].changes}
    assert changes == {"publisher": ("", "Other"), "scope": (WEB["scope"], "openid")}
    assert Application.objects.get().publisher == ""
    carry_out(file_of({"client_id": "growth", "publisher": "Other", "scope": "openid"}), found.fingerprint)
    assert Application.objects.get().publisher == "Other"


def test_new_clients_start_as_drafts_unless_the_status_is_to_be_taken() -> None:
    text = file_of(
        {**GOOD, "client_id": "one", "status": "live"}, {**GOOD, "client_id": "two", "status": "suspended"}
    )
    found = take(text)
    assert "taken otherwise: status: draft in place of live" in notes(found)
    assert dict(Application.objects.values_list("client_id", "status")) == {
        "one": "draft",
        "two": "suspended",
    }
    Application.objects.all().delete()
    take(text, with_status=True)
    assert dict(Application.objects.values_list("client_id", "status")) == {"one": "live", "two": "suspended"}


def test_a_new_client_whose_status_the_file_does_not_tell_is_a_draft() -> None:
    take(file_of({**GOOD, "client_id": "one"}), with_status=True)
    assert Application.objects.get().status == "draft"


def test_an_old_file_puts_no_suspended_client_live() -> None:
    make("growth", WEB)
    text = export(Application.objects.all())
    Application.objects.update(status="suspended")
    found = take(text)
    assert "not taken: status: the file says live, the client is suspended here" in notes(found)
    assert Application.objects.get().status == "suspended"
    take(text, with_status=True)
    assert Application.objects.get().status == "live"


def test_a_retired_client_is_not_revived_by_a_file() -> None:
    make("growth", {**WEB, "status": "retired"})
    text = file_of({**WEB, "client_id": "growth", "status": "live"})
    with pytest.raises(Unacceptable):
        take(text, with_status=True)
    assert "stays retired" in faults(plan(text, with_status=True))
    take(text)
    assert Application.objects.get().status == "retired"


def test_all_or_nothing_is_imported() -> None:
    text = file_of({**GOOD, "client_id": "one"}, {**GOOD, "client_id": "two", "scope": "nonsense"})
    found = plan(text)
    assert kinds(found) == ["new", "faulty"]
    with pytest.raises(Unacceptable):
        carry_out(text, found.fingerprint)
    assert not Application.objects.exists()


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ({**GOOD}, "client_id: is missing"),
        ({**GOOD, "client_id": 7}, "client_id: is missing"),
        ({**GOOD, "client_id": "two words"}, "client_id: must be"),
        ({**GOOD, "client_id": "x\0y"}, "client_id: is missing"),
        ({"client_id": "new"}, "client_name: is missing."),
        (
            {**GOOD, "client_id": "x", "client_secret": "mine-mine-mine"},
            "client_secret: is not a known member",
        ),
        ({**GOOD, "client_id": "x", "contacts": ["a b@example.org"]}, "contacts: none of its texts"),
        ({**GOOD, "client_id": "x", "client_name": 5}, "client_name: must be a text"),
        ({**GOOD, "client_id": "x", "description": "a\0b"}, "description: must be a text without control"),
        ({**GOOD, "client_id": "x", "status": ["live"]}, "status: must be a text"),
        (
            {**GOOD, "client_id": "x", "required_scope": "user/*.rs"},
            "required_scope: user/*.rs is not within",
        ),
        ({**GOOD, "client_id": "x", "client_secrets": "mine"}, "client_secrets: must be a list"),
        ({**GOOD, "client_id": "x", "client_secrets": [{}] * 21}, "client_secrets: must be a list"),
        (
            {**GOOD, "client_id": "x", "may_launch": ["y"]},
            "may_launch: only a client with client_credentials",
        ),
        ({**SERVICE, "client_id": "x", "may_launch": ["nobody"]}, "may_launch: there is no client nobody."),
    ],
)
def test_each_fault_is_named_and_nothing_is_saved(entry: dict[str, Any], fault: str) -> None:
    found = plan(file_of(entry))
    assert found.has_faults
    assert fault in faults(found)
    with pytest.raises(Unacceptable):
        carry_out(file_of(entry), found.fingerprint)
    assert not Application.objects.exists()


def test_one_client_stands_once_in_a_file() -> None:
    assert "stands more than once" in faults(
        plan(file_of({**GOOD, "client_id": "x"}, {**GOOD, "client_id": "x"}))
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "7",
        "[1]",
        '{"clients": []}',
        '{"clients": {}}',
        "{" * 5000,
        "[" * 200_000,
        "NaN",
        '{"clients": [], "more": 1}',
        '{"client_id": "a", "client_id": "b"}',
        '{"clients": [{"x": NaN}]}',
        " " * (1024 * 1024 + 1),
        json.dumps([{}] * 501),
        '{"client_id": "\0"}',
    ],
)
def test_what_is_no_file_of_clients_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(BadFile):
        plan(text)


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: [one], lambda one: {"clients": [one]}])
def test_a_file_holds_one_client_or_several(wrap: Any) -> None:
    assert kinds(plan("\ufeff" + json.dumps(wrap({**GOOD, "client_id": "x"})))) == ["new"]


def test_who_may_launch_whom_is_taken_from_the_file_also_for_apps_that_come_later_in_it() -> None:
    make("here", GOOD)
    ehr = {**SERVICE, "client_id": "ehr", "may_launch": ["later", "here"]}
    take(file_of(ehr, {**GOOD, "client_id": "later"}))
    client = Application.objects.get(client_id="ehr")
    assert describe(client)["may_launch"] == ["here", "later"]
    take(file_of({"client_id": "ehr", "may_launch": []}))
    assert not client.may_launch.exists()


def test_a_client_that_may_launch_others_stays_one_that_acts_for_itself() -> None:
    both = {
        **SERVICE,
        **GOOD,
        "application_type": "web",
        "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["authorization_code", "client_credentials"],
        "scope": "openid system/*.rs",
    }
    make("app", GOOD)
    make("ehr", {**both, "may_launch": ["app"]})
    alone = {"client_id": "ehr", "grant_types": ["authorization_code"], "scope": "openid"}
    assert "may_launch: only a client" in faults(plan(file_of(alone)))
    take(file_of({**alone, "may_launch": []}))


def test_what_changed_since_the_preview_is_not_overwritten() -> None:
    make("growth", WEB)
    text = file_of({"client_id": "growth", "publisher": "Other"})
    previewed = plan(text)
    Application.objects.update(publisher="Somebody else was faster")
    with pytest.raises(ChangedMeanwhile) as changed:
        carry_out(text, previewed.fingerprint)
    assert Application.objects.get().publisher == "Somebody else was faster"
    [change] = changed.value.plan.entries[0].changes
    assert change.before == "Somebody else was faster"
    carry_out(text, changed.value.plan.fingerprint)
    assert Application.objects.get().publisher == "Other"


def test_a_client_that_was_made_since_the_preview_is_not_made_twice() -> None:
    text = file_of({**GOOD, "client_id": "one"})
    previewed = plan(text)
    make("one", WEB)
    with pytest.raises(ChangedMeanwhile):
        carry_out(text, previewed.fingerprint)
    assert Application.objects.get().name == "Growth Chart"


def test_a_client_that_is_made_in_the_very_moment_of_the_import_is_a_change_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = file_of({**GOOD, "client_id": "one"}, {**GOOD, "client_id": "two"})
    previewed = plan(text)

    def too_late(client: Application) -> None:
        if client.client_id == "two":
            raise IntegrityError("client_id")
        client.save()

    monkeypatch.setattr("oauth.clients.status.save", too_late)
    with pytest.raises(ChangedMeanwhile):
        carry_out(text, previewed.fingerprint)
    assert not Application.objects.exists()


def test_an_import_that_suspends_ends_the_tokens_for_good() -> None:
    issued = issue(make_key(), make_user(), make("growth", GOOD), scope="user/*.rs")
    assert alive(AccessToken.objects.filter(pk=issued.row.pk)).exists()
    take(file_of({"client_id": "growth", "status": "suspended"}), with_status=True)
    take(file_of({"client_id": "growth", "status": "live"}), with_status=True)
    assert not alive(AccessToken.objects.filter(pk=issued.row.pk)).exists()


def test_a_file_puts_no_app_live_that_registered_itself_and_that_nobody_has_looked_at() -> None:
    make("dcr", {**GOOD, "status": "draft"})
    Application.objects.update(registration_source="dcr")
    found = take(file_of({"client_id": "dcr", "status": "live"}), with_status=True)
    assert "not taken: status" in notes(found)
    assert Application.objects.get().status == "draft"
