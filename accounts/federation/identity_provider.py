"""The other OpenID providers at which people may sign in, as staff register them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.urls import reverse

from accounts.encryption import box
from accounts.federation.web_address import web_address_fault

KINDS = ("Patient", "Practitioner", "RelatedPerson")
CLAIM_NAME = RegexValidator(r"^[A-Za-z0-9_:/.\-]{1,100}\Z", "Write the name of one claim, such as fhirUser.")
SCOPE = RegexValidator(
    r"^[!#-\[\]-~]+( [!#-\[\]-~]+)*\Z",
    "Write scopes with one space between each two, such as openid profile.",
)


class IdentityProvider(models.Model):
    """An OpenID provider, how we are registered there, and who its people are here.

    What is left at its default is the strict choice. A link between one of its people and an account is a
    `SocialAccount` of django-allauth with our `slug` and their identity; the issuer stands firm as long as
    there is one, so that (issuer, identity) is what a link means.
    """

    class AuthMethod(models.TextChoices):
        """How we prove who we are at its token endpoint."""

        BASIC = "client_secret_basic", "HTTP Basic (client_secret_basic)"
        POST = "client_secret_post", "in the form (client_secret_post)"

    class NewPeople(models.TextChoices):
        """What becomes of somebody who has no account here yet."""

        LINKED = "linked", "are refused: only people whom staff have linked sign in"
        CREATED = "created", "get an account at their first sign-in"

    class WithoutFhirUser(models.TextChoices):
        """What becomes of somebody for whom the provider names no FHIR user that counts here."""

        REFUSED = "refused", "are refused"
        ADMITTED = "admitted", "sign in; a new account has no FHIR user then, and opens no record"

    class Authority(models.TextChoices):
        """Whose word counts when the provider names another FHIR user than the account has."""

        HERE = "here", "the account's: such a sign-in is refused"
        PROVIDER = "provider", "the provider's: the account follows, and its tokens end"

    name = models.CharField(max_length=40, help_text="What the button says after “Sign in with”.")
    slug = models.SlugField(
        "short name",
        max_length=40,
        unique=True,
        help_text="Part of our redirect URI there, so it stays as it is.",
    )
    active = models.BooleanField(
        default=True, help_text="Switched off, nobody signs in with it from this moment on."
    )
    issuer = models.CharField(
        max_length=255,
        unique=True,
        help_text="Exactly as its documents name it, such as https://id.example.org. What follows from it is "
        "read there, at /.well-known/openid-configuration.",
    )
    client_id = models.CharField("client id", max_length=255, help_text="What we are called there.")
    encrypted_secret = models.TextField(blank=True, editable=False)
    token_endpoint_auth_method = models.CharField(
        "the secret is sent", max_length=30, choices=AuthMethod.choices, default=AuthMethod.BASIC
    )
    scope = models.CharField(
        "scopes",
        max_length=255,
        default="openid profile fhirUser",
        validators=[SCOPE],
        help_text="openid first.",
    )
    reads_userinfo = models.BooleanField(
        "ask its userinfo endpoint too",
        default=False,
        help_text="For providers whose id_token lacks the claims below.",
    )
    identity_claim = models.CharField(
        "claim that is the person's identity",
        max_length=100,
        default="sub",
        validators=[CLAIM_NAME],
        help_text="Must never pass from one person to another. Only sub is made for that.",
    )
    fhir_user_claim = models.CharField(
        "claim that names the FHIR user", max_length=100, default="fhirUser", validators=[CLAIM_NAME]
    )
    fhir_base = models.CharField(
        "its FHIR base",
        max_length=255,
        blank=True,
        help_text="With it, https://ehr.example.org/fhir/Practitioner/1 there is Practitioner/1 here: only "
        "for providers whose ids are the same as ours. It is also sent as aud, which SMART servers ask for. "
        "Left out, only relative references and URLs on this server count.",
    )
    kinds = models.CharField(
        "kinds of people",
        max_length=60,
        default="Practitioner",
        help_text="Nobody who is another kind of person in the health record signs in with it.",
    )
    new_people = models.CharField(
        "people without an account",
        max_length=10,
        choices=NewPeople.choices,
        default=NewPeople.LINKED,
    )
    without_fhir_user = models.CharField(
        "people without a FHIR user there",
        max_length=10,
        choices=WithoutFhirUser.choices,
        default=WithoutFhirUser.REFUSED,
    )
    authority = models.CharField(
        "if the FHIR users differ, what counts is",
        max_length=10,
        choices=Authority.choices,
        default=Authority.HERE,
    )

    class Meta:
        ordering = ("name", "slug")

    def __str__(self) -> str:
        return self.name

    @property
    def secret(self) -> str:
        """The client secret; empty if there is none. Raises cryptography's InvalidToken if no key of ours has
        encrypted it.
        """
        return box().decrypt(self.encrypted_secret.encode()).decode() if self.encrypted_secret else ""

    @secret.setter
    def secret(self, text: str) -> None:
        """Take a new secret, or the empty text for none. Not saved."""
        self.encrypted_secret = box().encrypt(text.encode()).decode() if text else ""

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends people back to; under SITE_URL, whatever the Host header says."""
        return f"{settings.SITE_URL}{reverse('openid_connect_callback', args=[self.slug])}"

    @property
    def links(self) -> models.QuerySet[Any]:
        """The people of this provider that have an account here."""
        found: models.QuerySet[Any] = SocialAccount.objects.filter(provider=self.slug)
        return found

    def clean(self) -> None:
        """Refuse addresses that are not https and unknown kinds of people. Raises ValidationError."""
        faults = {}
        for name, address in (("issuer", self.issuer), ("fhir_base", self.fhir_base)):
            if address and (fault := web_address_fault(address)):
                faults[name] = f"This {fault}"
        if "openid" not in self.scope.split():
            faults["scope"] = "The scope openid is needed."
        if not self.kinds or not set(self.kinds.split()) <= set(KINDS):
            faults["kinds"] = f"Choose at least one of {', '.join(KINDS)}."
        if faults:
            raise ValidationError(faults)


def providers_of(user: Any) -> list[IdentityProvider]:
    """The providers in use at which this person can prove who they are."""
    slugs = SocialAccount.objects.filter(user=user).values("provider")
    return list(IdentityProvider.objects.filter(active=True, slug__in=slugs))


def refuse_unless_in_use(records: Sequence[Mapping[str, Any]]) -> None:
    """Of a sign-in's proofs, as allauth keeps them: whether the provider that vouched for the person is still
    in use, since a second factor may have taken its time. Raises PermissionDenied.
    """
    none: Mapping[str, Any] = {}
    first = next((each for each in reversed(records) if each.get("method") != "mfa"), none)
    if first.get("method") != "socialaccount":
        return
    if not IdentityProvider.objects.filter(active=True, slug=first.get("provider", "")).exists():
        raise PermissionDenied("The provider is switched off.")


def forget_links(sender: type, instance: IdentityProvider, **kwargs: Any) -> None:
    """A `post_delete` receiver: a provider's links go with it, and nobody of another inherits them."""
    instance.links.delete()


def encrypt_anew() -> int:
    """Encrypt the client secrets with the first of KEY_ENCRYPTION_KEYS; returns how many there are."""
    kept = IdentityProvider.objects.exclude(encrypted_secret="")
    for provider in kept:
        provider.encrypted_secret = box().rotate(provider.encrypted_secret.encode()).decode()
        provider.save(update_fields=["encrypted_secret"])
    return len(kept)
