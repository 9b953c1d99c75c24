"""Keys in the admin console: the server's own, and those of clients that sign."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from oauth.key_rotation import until_all_have_seen_it
from oauth.models import AccessToken, FetchedKeySet, SigningKey
from oauth.signing_keys import new_key
from tests.oauth.clock import Clock
from tests.oauth.console import act
from tests.oauth.issuing import issue, make_client, make_key, make_user
from tests.oauth.jwks_host import jwks_host
from tests.oauth.services import ec_key, jwk_of, jwks_of, make_service, rsa_key
from tests.person import Page

pytestmark = pytest.mark.django_db


def confirm(client: Client, page: Any) -> Any:
    """Say yes to the page that asks."""
    (form,) = (form for form in Page(page.content.decode()).forms if form.has("confirmed"))
    return client.post("/admin/oauth/signingkey/", dict(form.values), follow=True)


def states() -> list[str]:
    """The states of the keys, oldest first."""
    return list(SigningKey.objects.order_by("pk").values_list("status", flat=True))


def test_staff_replace_a_key_step_by_step_and_are_asked_before_each(staff: Client, clock: Clock) -> None:
    first = new_key("ES256", SigningKey.Status.ACTIVE)
    page = act(staff, "signingkey", "rotate", first.pk)
    assert "No token is refused" in page.content.decode()
    assert '&rsaquo; <a href="/admin/oauth/signingkey/">Signing keys</a>' in page.content.decode()
    assert states() == ["active"]
    assert "is new, and published" in confirm(staff, page).content.decode()
    assert states() == ["active", "published"]
    again = confirm(staff, act(staff, "signingkey", "rotate", first.pk))
    assert "nothing is due" in again.content.decode()
    clock.forward(until_all_have_seen_it())
    assert (
        "signs from now on" in confirm(staff, act(staff, "signingkey", "rotate", first.pk)).content.decode()
    )
    assert states() == ["retired", "active"]


def test_staff_withdraw_a_key_that_got_out_and_see_before_what_that_ends(staff: Client) -> None:
    key = make_key()
    issue(key, make_user("Practitioner/p1"), scope="user/*.rs")
    page = act(staff, "signingkey", "replace_compromised", key.row.pk)
    assert "1 living access token<" in page.content.decode()
    assert states() == ["active"]
    told = confirm(staff, page).content.decode()
    assert "Living access tokens that it signed, refused from now on: 1." in told
    assert states() == ["withdrawn", "active"]
    assert not AccessToken.objects.filter(revoked=None).exists()


def test_looking_at_keys_is_not_acting_on_them() -> None:
    first = new_key("ES256", SigningKey.Status.ACTIVE)
    looker = make_user("", username="looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_signingkey"))
    client = Client()
    client.force_login(looker)
    for action in ("rotate", "replace_compromised"):
        form = {"action": action, "_selected_action": first.pk, "confirmed": "1"}
        client.post("/admin/oauth/signingkey/", form)
        client.get("/admin/oauth/signingkey/", form)
    assert states() == ["active"]


def test_a_key_is_made_without_its_private_part_being_shown(staff: Client) -> None:
    first = new_key("ES256", SigningKey.Status.ACTIVE)
    assert staff.post("/admin/oauth/signingkey/add/", {"algorithm": "ES256"}).status_code == 302
    second = SigningKey.objects.exclude(pk=first.pk).get()
    assert second.status == "published"
    page = staff.get(f"/admin/oauth/signingkey/{second.pk}/change/").content.decode()
    assert bytes(second.private_key_encrypted).decode() not in page
    assert second.kid in page


def test_staff_check_a_clients_keys_wherever_they_are(staff: Client, settings: Settings) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    inline = make_service(name="Inline")
    with jwks_host() as host:
        host.body = jwks_of(jwk_of(ec_key(), "e"), jwk_of(rsa_key(bits=1024), "weak")).encode()
        published = make_service(name="Published", client_jwks="", client_jwks_uri=host.url)
        public = make_client(name="Browser app")
        page = act(staff, "application", "check_keys", *(row.pk for row in (inline.application, public)))
        assert "Inline: first (ES384)" in page.content.decode()
        assert "Browser app does not prove itself by a key." in page.content.decode()
        page = act(staff, "application", "check_keys", published.application.pk)
        assert "Published: e (ES384); weak cannot be used: an RSA key needs" in page.content.decode()
        row = FetchedKeySet.objects.get()
        listed = staff.get("/admin/oauth/fetchedkeyset/").content.decode()
        assert "Published" in listed
        assert "e (ES384)" in listed
        assert staff.get(f"/admin/oauth/fetchedkeyset/{row.pk}/change/").status_code == 200
        host.status = 404
        page = act(staff, "fetchedkeyset", "fetch_again", row.pk)
        assert "could not be fetched. The answer has status 404" in page.content.decode()
        assert len(host.seen) == 2
    assert "e (ES384)" in staff.get("/admin/oauth/fetchedkeyset/").content.decode()


def test_a_broken_registered_key_set_is_said_to_staff(staff: Client) -> None:
    service = make_service(client_jwks="{}")
    page = act(staff, "application", "check_keys", service.application.pk)
    assert "the key set is not a JWK Set" in page.content.decode()


def test_looking_at_fetched_key_sets_is_not_fetching_them(staff: Client) -> None:
    FetchedKeySet.objects.create(url="https://service.example.org/jwks.json", tried=timezone.now())
    looker = make_user("", username="looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_fetchedkeyset"))
    client = Client()
    client.force_login(looker)
    assert "nobody any more" in client.get("/admin/oauth/fetchedkeyset/").content.decode()
    before = FetchedKeySet.objects.get().tried
    act(client, "fetchedkeyset", "fetch_again", FetchedKeySet.objects.get().pk)
    assert FetchedKeySet.objects.get().tried == before
