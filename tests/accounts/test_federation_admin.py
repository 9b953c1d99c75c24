"""Identity providers in the console, and which of their people have an account here."""

from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from cryptography.fernet import Fernet
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import IdentityProvider, User
from smartcdr.groups import ADMINISTRATOR, APP_MANAGER
from tests.accounts.openid_provider import SECRET, Provider, is_signed_in, sign_in
from tests.accounts.test_admin import change_fields

pytestmark = pytest.mark.django_db
PROVIDERS = "/admin/accounts/identityprovider/"
LINK = {
    "socialaccount_set-TOTAL_FORMS": "1",
    "socialaccount_set-0-provider": "elsewhere",
    "socialaccount_set-0-uid": "17",
}


def form(provider: Provider, **changes: Any) -> dict[str, Any]:
    """The filled-in form of a provider."""
    return {
        "name": "Elsewhere",
        "slug": "elsewhere",
        "active": "on",
        "issuer": provider.issuer,
        "client_id": "smart-cdr",
        "secret": SECRET,
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "openid fhirUser",
        "identity_claim": "sub",
        "fhir_user_claim": "fhirUser",
        "kinds": ["Practitioner", "Patient"],
        "new_people": "linked",
        "without_fhir_user": "refused",
        "authority": "here",
        **changes,
    }


def test_staff_register_a_provider_and_link_a_person_who_then_signs_in(
    client: Client, provider: Provider, chief: User
) -> None:
    client.force_login(chief)
    saved: Any = client.post(f"{PROVIDERS}add/", form(provider), follow=True)
    assert saved.redirect_chain, saved.context["adminform"].form.errors
    registered = IdentityProvider.objects.get()
    assert registered.kinds.split() == ["Practitioner", "Patient"]
    page = client.get(f"{PROVIDERS}{registered.pk}/change/").content.decode()
    assert "http://testserver/accounts/elsewhere/elsewhere/callback/" in page
    doc = User.objects.create_user("doc", fhir_user="Practitioner/doc")
    changed = client.post(f"/admin/accounts/user/{doc.pk}/change/", change_fields(doc, **LINK))
    assert changed.status_code == 302
    browser = Client()
    sign_in(browser, provider)
    assert is_signed_in(browser, doc)


def test_the_secret_is_kept_encrypted_and_never_shown(
    client: Client, provider: Provider, chief: User
) -> None:
    client.force_login(chief)
    client.post(f"{PROVIDERS}add/", form(provider))
    registered = IdentityProvider.objects.get()
    assert SECRET not in registered.encrypted_secret
    assert registered.secret == SECRET
    page = client.get(f"{PROVIDERS}{registered.pk}/change/").content.decode()
    assert SECRET not in page
    assert registered.encrypted_secret not in page
    client.post(f"{PROVIDERS}{registered.pk}/change/", form(provider, secret=""))
    registered.refresh_from_db()
    assert registered.secret == SECRET
    client.post(f"{PROVIDERS}{registered.pk}/change/", form(provider, secret="another"))
    registered.refresh_from_db()
    assert registered.secret == "another"


def test_secrets_go_along_when_the_encryption_keys_change(
    elsewhere: IdentityProvider, settings: Settings
) -> None:
    settings.KEY_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.KEY_ENCRYPTION_KEYS]
    call_command("ensure_signing_key", "--encrypt-anew")
    settings.KEY_ENCRYPTION_KEYS = settings.KEY_ENCRYPTION_KEYS[:1]
    elsewhere.refresh_from_db()
    assert elsewhere.secret == SECRET


def test_what_links_rest_on_stays_while_there_are_any(
    client: Client, provider: Provider, doc: User, chief: User
) -> None:
    client.force_login(chief)
    registered = IdentityProvider.objects.get()
    address = f"{PROVIDERS}{registered.pk}/change/"
    other = {"slug": "other", "issuer": "https://other.example.org", "identity_claim": "email"}
    client.post(address, form(provider, name="Renamed", **other))
    registered.refresh_from_db()
    assert registered.name == "Renamed"
    assert (registered.slug, registered.issuer, registered.identity_claim) == (
        "elsewhere",
        provider.issuer,
        "sub",
    )
    SocialAccount.objects.all().delete()
    client.post(address, form(provider, **other))
    registered.refresh_from_db()
    assert registered.issuer == "https://other.example.org"


@pytest.mark.parametrize(
    ("field", "value", "insecure"),
    [
        ("issuer", "http://id.example.org", False),
        ("issuer", "https://id.example.org/?tenant=1", True),
        ("issuer", "https://me:secret@id.example.org", True),
        ("issuer", "https://id.example.org:x", True),
        ("issuer", "javascript:alert(1)", True),
        ("issuer", "https://id.example.org/\x00", True),
        ("fhir_base", "ftp://ehr.example.org/fhir", True),
        ("scope", "profile fhirUser", True),
        ("scope", "openid  fhirUser", True),
        ("kinds", "", True),
        ("kinds", "Organization", True),
        ("fhir_user_claim", "a b", True),
    ],
)
def test_a_provider_that_could_not_be_right_is_not_saved(
    settings: Settings, field: str, value: str, insecure: bool
) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = insecure
    flawless = {"name": "X", "slug": "x", "issuer": "https://id.example.org", "client_id": "smart-cdr"}
    IdentityProvider(**flawless).full_clean()
    with pytest.raises(ValidationError) as refused:
        IdentityProvider(**{**flawless, field: value}).full_clean()
    assert set(refused.value.message_dict) == {field}


def test_staff_can_ask_whether_a_provider_answers(
    client: Client, provider: Provider, elsewhere: IdentityProvider, chief: User
) -> None:
    client.force_login(chief)
    asked = {"action": "ask", "_selected_action": [elsewhere.pk]}
    assert "publishes 1 keys" in client.post(PROVIDERS, asked, follow=True).content.decode()
    provider.configured = {"issuer": "https://other.example.org"}
    told = client.post(PROVIDERS, asked, follow=True).content.decode()
    assert "received https://other.example.org" in told


def test_a_link_belongs_to_one_person_only(client: Client, doc: User, amy: User, chief: User) -> None:
    client.force_login(chief)
    again: Any = client.post(f"/admin/accounts/user/{amy.pk}/change/", change_fields(amy, **LINK))
    assert again.status_code == 200
    assert SocialAccount.objects.get().user == doc


@pytest.mark.parametrize(("group", "may"), [(ADMINISTRATOR, 200), (APP_MANAGER, 403)])
def test_only_administrators_register_providers(client: Client, group: str, may: int) -> None:
    person = User.objects.create_user("sam", is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    client.force_login(person)
    assert client.get(f"{PROVIDERS}add/").status_code == may


def test_an_administrator_cannot_link_an_identity_of_theirs_to_a_superuser(
    client: Client, elsewhere: IdentityProvider, chief: User
) -> None:
    person = User.objects.create_user("sam", is_staff=True)
    person.groups.add(Group.objects.get(name=ADMINISTRATOR))
    client.force_login(person)
    client.post(f"/admin/accounts/user/{chief.pk}/change/", change_fields(chief, **LINK))
    assert not SocialAccount.objects.exists()


def test_no_list_of_the_library_is_in_the_console(client: Client, chief: User) -> None:
    client.force_login(chief)
    for name in ("socialapp", "socialaccount", "socialtoken"):
        assert client.get(f"/admin/socialaccount/{name}/").status_code == 404
