"""What is no answer of a passkey is refused, wherever one is asked for."""

import base64
import json
from collections.abc import Iterator

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.models import User
from tests.accounts.codes import LOGIN, SECURITY, STEP, first_step, is_signed_in, with_app
from tests.accounts.conftest import Clock

PASSKEYS = f"{SECURITY}passkeys/"


def _answers() -> Iterator[str]:
    yield from (
        "",
        "[]",
        "{}",
        "null",
        "1",
        '"x"',
        "NaN",
        '{"id": "x"}',
        '{"response": []}',
        '{"id": "\\ud800"}',
    )
    yield "[" * 4000
    yield '{"a":' * 600 + "1" + "}" * 600
    client_data = (
        base64.urlsafe_b64encode(b'{"type": "x", "challenge": "AA", "origin": "x"}').decode().rstrip("=")
    )
    data = "A" * 80
    for inside in (
        {"clientDataJSON": "AA", "attestationObject": "AA"},
        {"clientDataJSON": client_data, "attestationObject": "oA"},
        {"clientDataJSON": client_data, "authenticatorData": data, "signature": "AA", "userHandle": "MQ"},
        {"clientDataJSON": client_data, "authenticatorData": "AA", "signature": "AA", "userHandle": None},
        {"clientDataJSON": "W10", "authenticatorData": data, "signature": "AA", "userHandle": "AAAA"},
    ):
        yield json.dumps({"id": "AA", "rawId": "AA", "type": "public-key", "response": inside})


NONSENSE = list(_answers())


@pytest.mark.parametrize("answer", NONSENSE)
def test_nobody_signs_in_with_nonsense(client: Client, amy: User, answer: str) -> None:
    assert client.get(f"{PASSKEYS}login/", headers={"Accept": "application/json"}).status_code == 200
    assert client.post(f"{PASSKEYS}login/", {"credential": answer})["Location"] == LOGIN
    assert not is_signed_in(client)


@pytest.mark.parametrize("answer", NONSENSE)
def test_no_second_step_is_taken_with_nonsense(client: Client, amy: User, clock: Clock, answer: str) -> None:
    with_app(amy)
    first_step(client, amy)
    client.get(STEP)
    assert client.post(STEP, {"credential": answer}).status_code == 200
    assert not is_signed_in(client)


@pytest.mark.parametrize("answer", NONSENSE)
def test_no_passkey_is_made_of_nonsense(client: Client, amy: User, answer: str) -> None:
    client.force_login(amy)
    client.get(f"{PASSKEYS}add/")
    page = client.post(f"{PASSKEYS}add/", {"credential": answer, "name": "Mine"})
    assert page.status_code == 200
    assert "This did not match" in page.content.decode()
    assert not Authenticator.objects.exists()


def test_tries_with_passkeys_are_counted_by_address(db: None) -> None:
    statuses = [Client().post(f"{PASSKEYS}login/", {"credential": "{}"}).status_code for _ in range(11)]
    assert statuses == [302] * 10 + [429]


@pytest.mark.parametrize("page", ["remove/", "edit/"])
def test_nobody_touches_a_passkey_of_somebody_else(client: Client, amy: User, chief: User, page: str) -> None:
    theirs = Authenticator.objects.create(
        user=chief, type="webauthn", data={"name": "Theirs", "credential": {}}
    )
    client.force_login(amy)
    for answer in (
        client.get(f"{PASSKEYS}{theirs.pk}/{page}"),
        client.post(f"{PASSKEYS}{theirs.pk}/{page}", {"name": "Mine"}),
    ):
        assert answer.status_code == 404
    theirs.refresh_from_db()
    assert theirs.data["name"] == "Theirs"


def test_passkeys_belong_to_the_host_of_the_site_whatever_the_request_says(client: Client, amy: User) -> None:
    client.force_login(amy)
    options = client.get(f"{PASSKEYS}add/").context["js_data"]["creation_options"]
    assert options["publicKey"]["rp"]["id"] == "testserver"
