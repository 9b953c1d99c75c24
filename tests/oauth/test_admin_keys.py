"""Keys in the admin console: the server's own, and those of clients that sign."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from oauth.models import FetchedKeySet, SigningKey
from oauth.signing_keys import new_key
from tests.oauth.console import act
from tests.oauth.issuing import make_client, make_user
from tests.oauth.jwks_host import jwks_host
from tests.oauth.services import ec_key, jwk_of, jwks_of, make_service, rsa_key

pytestmark = pytest.mark.django_db


def test_a_key_is_made_activated_and_withdrawn_without_its_private_part(staff: Client) -> None:
    first = new_key("ES256", SigningKey.Status.ACTIVE)
    assert staff.post("/admin/oauth/signingkey/add/", {"algorithm": "ES256"}).status_code == 302
    second = SigningKey.objects.exclude(pk=first.pk).get()
    assert second.status == "published"
    act(staff, "signingkey", "withdraw", first.pk)
    first.refresh_from_db()
    assert first.status == "active"
    act(staff, "signingkey", "activate", second.pk)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("retired", "active")
    act(staff, "signingkey", "withdraw", first.pk)
    first.refresh_from_db()
    assert first.status == "withdrawn"
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
