"""Signing keys follow one another in steps, and no token is refused on the way; unless a key got out."""

from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from typing import Any

import jwt
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as Browser
from pytest_django import Settings

from oauth.authentication import access_by_ticket, access_for
from oauth.key_rotation import rotate, until_all_has_run_out, until_all_have_seen_it
from oauth.models import AccessToken, SigningKey
from oauth.signing_keys import ensure_signing_keys, new_key
from tests.fhir.search.shelf import put
from tests.fhir.serving import at_once
from tests.oauth.clock import Clock
from tests.oauth.flow import Flow, Result, make_client, make_user, run_authorization_code
from tests.oauth.services import make_service

OFFLINE = "openid patient/*.rs offline_access"
STEP = timedelta(seconds=150)
ROTATION = "https://openid.net/specs/openid-connect-core-1_0.html#RotateSigningKeys"
pytestmark = pytest.mark.django_db


@dataclass
class Verifier:
    """Somebody who keeps the key set for as long as its answer allows, and asks nothing in between."""

    clock: Clock
    keys: dict[str, Any] = field(default_factory=dict)
    until: float = 0

    def verify(self, token: str, audience: str) -> None:
        """KeyError or jwt's errors for a token that is refused."""
        if self.clock.seconds() >= self.until:
            answer = Browser().get("/oauth/jwks")
            age = dict(part.strip().partition("=")[::2] for part in answer["Cache-Control"].split(","))
            self.until = self.clock.seconds() + int(age["max-age"])
            self.keys = {key["kid"]: jwt.PyJWK(key) for key in answer.json()["keys"]}
        key = self.keys[jwt.get_unverified_header(token)["kid"]]
        jwt.decode(token, key, algorithms=[key.algorithm_name], audience=audience)


def said(*words: str) -> str:
    """What the command says."""
    out = StringIO()
    call_command("rotate_signing_key", *words, stdout=out)
    return out.getvalue()


def status_of(algorithm: str = "ES256") -> list[str]:
    """The states of the keys of an algorithm, oldest first."""
    return list(
        SigningKey.objects.filter(algorithm=algorithm).order_by("pk").values_list("status", flat=True)
    )


def read(token: str) -> int:
    """The status of a read of the person's own record."""
    return int(Browser().get("/fhir/Patient/p1", headers={"Authorization": f"Bearer {token}"}).status_code)


def offline() -> Result:
    """A patient's tokens, with a refresh token."""
    client, _ = make_client()
    return run_authorization_code(client, make_user("Patient/p1"), OFFLINE)


@pytest.mark.requirement(ROTATION)
@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_no_token_is_refused_during_a_whole_rotation(
    clock: Clock,
    settings: Settings,
    algorithm: str,
) -> None:
    settings.ACCESS_TOKEN_ALG = algorithm
    put({"resourceType": "Patient", "id": "p1"})
    first = offline()
    tokens, living = first.tokens, [first.tokens]
    verifiers = [Verifier(clock)]
    verifiers[0].verify(first.access_token, settings.FHIR_BASE)
    end = clock.now() + until_all_have_seen_it() + until_all_has_run_out() + 4 * STEP
    said("--now")
    seen = {tuple(status_of(algorithm))}
    while clock.now() < end:
        clock.forward(STEP)
        said()
        seen.add(tuple(status_of(algorithm)))
        tokens = first.flow.refresh(tokens["refresh_token"]).json()  # type: ignore[attr-defined]
        living = [each for each in [*living, tokens] if _expires(each) > clock.seconds()]
        verifiers = [*verifiers, Verifier(clock)][-5:]
        for each in living:
            assert read(each["access_token"]) == 200
            for verifier in verifiers:
                verifier.verify(each["access_token"], settings.FHIR_BASE)
                verifier.verify(each["id_token"], first.flow.application.client_id)
    assert seen == {("active", "published"), ("retired", "active"), ("withdrawn", "active")}
    kid = SigningKey.objects.get(algorithm=algorithm, status="active").kid
    assert jwt.get_unverified_header(tokens["access_token"])["kid"] == kid
    assert jwt.get_unverified_header(tokens["id_token"])["alg"] == "RS256"


def _expires(tokens: dict[str, Any]) -> float:
    return float(jwt.decode(tokens["access_token"], options={"verify_signature": False})["exp"])


def test_a_key_that_signed_long_enough_is_replaced_and_each_run_says_what_it_did_and_what_comes(
    clock: Clock,
    settings: Settings,
) -> None:
    (old,) = (key for key in ensure_signing_keys() if key.algorithm == "ES256")
    assert "ES256: nothing is due.\nES256: next, at" in said("--algorithm", "ES256")
    assert "a new key is published." in said("--algorithm", "ES256")
    clock.forward(timedelta(seconds=settings.SIGNING_KEY_SECONDS))
    assert "is new, and published. It does not sign yet.\n" in said("--algorithm", "ES256")
    new = SigningKey.objects.get(algorithm="ES256", status="published")
    assert f"{new} signs." in said("--algorithm", "ES256")
    clock.forward(until_all_have_seen_it() - timedelta(seconds=30))
    assert "nothing is due" in said("--algorithm", "ES256", "--now")
    clock.forward(timedelta(seconds=30))
    assert f"{new} signs from now on." in said("--algorithm", "ES256")
    assert f"{old} is withdrawn." in said("--algorithm", "ES256")
    assert status_of() == ["retired", "active"]
    clock.forward(until_all_has_run_out())
    assert f"{old} is withdrawn: nothing that it signed is alive." in said("--algorithm", "ES256")
    assert status_of() == ["withdrawn", "active"]
    assert status_of("RS256") == ["active"]
    said()
    assert status_of("RS256") == ["active", "published"]


def test_a_rotation_never_waits_less_than_the_key_set_may_be_kept_and_its_tokens_live(
    settings: Settings,
) -> None:
    jwks = Browser().get("/oauth/jwks")
    assert jwks["Cache-Control"] == f"public, max-age={settings.JWKS_SECONDS}"
    assert until_all_have_seen_it() > timedelta(seconds=settings.JWKS_SECONDS)
    assert until_all_has_run_out() > timedelta(seconds=3600)
    settings.OAUTH2_PROVIDER = settings.OAUTH2_PROVIDER | {"ID_TOKEN_EXPIRE_SECONDS": 7200}
    assert until_all_has_run_out() > timedelta(seconds=7200)


def test_of_several_published_keys_the_newest_that_all_have_seen_signs(
    clock: Clock,
) -> None:
    ensure_signing_keys()
    new_key("ES256")
    new_key("ES256")
    clock.forward(until_all_have_seen_it())
    new_key("ES256")
    rotate(["ES256"])
    assert status_of() == ["retired", "withdrawn", "active", "published"]


def test_where_nothing_signs_a_rotation_does_not_wait() -> None:
    rotate(["ES256"])
    assert status_of() == ["active"]
    SigningKey.objects.update(status="withdrawn")
    new_key("ES256")
    rotate(["ES256"])
    assert status_of() == ["withdrawn", "active"]


def test_a_withdrawn_key_has_no_private_part_left_and_the_others_are_encrypted_anew() -> None:
    first = offline()
    said("--compromised", jwt.get_unverified_header(first.access_token)["kid"])
    assert bytes(SigningKey.objects.get(status="withdrawn").private_key_encrypted) == b""
    out = StringIO()
    call_command("ensure_signing_key", "--encrypt-anew", stdout=out)
    assert "Encrypted 2 keys anew." in out.getvalue()


def test_a_compromised_key_takes_its_tokens_with_it_and_apps_go_on_by_refresh() -> None:
    put({"resourceType": "Patient", "id": "p1"})
    first = offline()
    kid = jwt.get_unverified_header(first.access_token)["kid"]
    assert read(first.access_token) == 200
    words = said("--compromised", kid)
    assert "Living access tokens that it signed, refused from now on: 1." in words
    assert "signs from now on." in words
    assert read(first.access_token) == 401
    assert kid not in {key["kid"] for key in Browser().get("/oauth/jwks").json()["keys"]}
    again = first.flow.refresh(first.tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    assert read(again["access_token"]) == 200
    assert "had been withdrawn before" in said("--compromised", kid)
    SigningKey.objects.filter(kid=kid).update(status="retired")
    assert read(first.access_token) == 401


def test_a_compromised_key_that_does_not_sign_any_more_leaves_the_signing_one() -> None:
    first = offline()
    old = SigningKey.objects.get(algorithm="ES256")
    new = new_key("ES256")
    SigningKey.objects.filter(pk=old.pk).update(status="retired")
    SigningKey.objects.filter(pk=new.pk).update(status="active")
    later = first.flow.refresh(first.tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    assert "signs from now on" not in said("--compromised", old.kid)
    assert status_of() == ["withdrawn", "active"]
    assert list(AccessToken.objects.filter(revoked=None).values_list("kid", flat=True)) == [new.kid]
    assert later["access_token"]


def test_a_key_that_waits_takes_the_place_of_a_compromised_one() -> None:
    offline()
    rotate(["ES256"], begin=True)
    waiting = SigningKey.objects.get(algorithm="ES256", status="published")
    said("--compromised", SigningKey.objects.get(algorithm="ES256", status="active").kid)
    assert SigningKey.objects.get(algorithm="ES256", status="active") == waiting


def test_tokens_of_services_die_with_the_key_too() -> None:
    service = make_service()
    token = service.bearer()["Authorization"].removeprefix("Bearer ")
    said("--compromised", jwt.get_unverified_header(token)["kid"])
    assert AccessToken.objects.get().revoked is not None


def test_an_unknown_key_is_said_with_those_that_there_are() -> None:
    ensure_signing_keys()
    known = SigningKey.objects.values_list("kid", flat=True)
    with pytest.raises(CommandError) as refusal:
        said("--compromised", "nonsense")
    assert all(kid in str(refusal.value) for kid in known)


def test_a_job_outlives_the_withdrawal_of_its_key_in_the_course_of_things(
    clock: Clock,
) -> None:
    """The token had run out before, so that its key ends nothing."""
    token = make_service().bearer()["Authorization"]
    ticket = access_for(token).ticket
    AccessToken.objects.update(expires=clock.now() - timedelta(seconds=1))
    rotate(["ES256"], begin=True)
    clock.forward(until_all_have_seen_it())
    rotate(["ES256"])
    clock.forward(until_all_has_run_out())
    rotate(["ES256"])
    assert status_of() == ["withdrawn", "active"]
    assert access_by_ticket(ticket).rules


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_rotations_at_the_same_moment_take_one_step() -> None:
    ensure_signing_keys()

    def step(number: int) -> None:
        try:
            rotate(["ES256"], begin=True)
        finally:
            connection.close()

    at_once(4, step)
    assert status_of() == ["active", "published"]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement(ROTATION)
def test_no_token_is_refused_while_keys_change_under_those_who_ask(settings: Settings) -> None:
    settings.JWKS_SECONDS = settings.SIGNING_KEY_MARGIN_SECONDS = 0
    put({"resourceType": "Patient", "id": "p1"})
    starts = [offline() for _ in range(3)]

    def work(number: int) -> set[int]:
        try:
            return _rotate_often() if number == 3 else _refresh_and_read(starts[number].flow, starts[number])
        finally:
            connection.close()

    assert at_once(4, work) == [{200}, {200}, {200}, set()]
    assert len(set(AccessToken.objects.values_list("kid", flat=True))) > 2


def _rotate_often() -> set[int]:
    for _ in range(20):
        rotate(["ES256"], begin=True)
    return set()


def _refresh_and_read(flow: Flow, result: Result) -> set[int]:
    tokens, found = [result.tokens], set()
    for _ in range(15):
        answer = flow.refresh(tokens[-1]["refresh_token"])
        found.add(answer.status_code)
        tokens.append(answer.json())  # type: ignore[attr-defined]
        found |= {read(each["access_token"]) for each in tokens}
    return found
