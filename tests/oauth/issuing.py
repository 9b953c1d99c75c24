"""Rows that a token rests on, made by hand: for tests of what happens to tokens after they were issued."""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from launch.models import LaunchContext
from oauth.models import AccessToken, Application, Consent, RefreshToken, SigningKey


@dataclass
class Key:
    """A signing key of which the test holds the private part."""

    row: SigningKey
    private: ec.EllipticCurvePrivateKey


def make_key(status: str = "active") -> Key:
    """A published ES256 key."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = jwt.algorithms.ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    kid = secrets.token_hex(8)
    jwk = {**public, "kid": kid, "use": "sig", "alg": "ES256"}
    row = SigningKey.objects.create(
        kid=kid, algorithm="ES256", status=status, public_jwk=jwk, private_key_encrypted=b""
    )
    return Key(row, private)


def make_user(fhir_user: str = "Practitioner/p1", **fields: Any) -> User:
    """A person with this FHIR identity."""
    return User.objects.create_user(
        username=fields.pop("username", secrets.token_hex(6)), fhir_user=fhir_user, **fields
    )


def make_client(**fields: Any) -> Application:
    """A live public browser app that may ask for nearly everything."""
    values: dict[str, Any] = {
        "name": "Lab Viewer",
        "status": Application.Status.LIVE,
        "client_type": Application.CLIENT_PUBLIC,
        "authorization_grant_type": Application.GRANT_AUTHORIZATION_CODE,
        "client_secret": "",
        "redirect_uris": "https://app.example.org/callback",
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid fhirUser profile email launch launch/patient online_access offline_access "
        "patient/*.cruds user/*.cruds introspection",
    }
    application: Application = Application.objects.create(**{**values, **fields})
    return application


@dataclass
class Issued:
    """An access token and its row."""

    token: str
    row: AccessToken
    claims: dict[str, Any] = field(default_factory=dict)

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Bearer {self.token}"


def issue(
    key: Key,
    user: User | None = None,
    client: Application | None = None,
    scope: str = "patient/*.rs",
    patient: str = "",
    seconds: int = 600,
    headers: dict[str, Any] | None = None,
    **claims: Any,
) -> Issued:
    """An access token as the token endpoint gives it, with consent and launch context.

    `claims` and `headers` change the JWT only; a claim that is None is left out.
    """
    client = client or make_client()
    now = timezone.now()
    jti = secrets.token_urlsafe(12)
    context = consent = None
    if user is not None:
        consent = Consent.objects.create(application=client, user=user, patient=patient, scope=scope)
        context = LaunchContext.objects.create(application=client, user=user, patient=patient, expires=now)
    payload = {
        "iss": settings.SITE_URL,
        "aud": settings.FHIR_BASE,
        "sub": str(user.uid) if user else client.client_id,
        "client_id": client.client_id,
        "azp": client.client_id,
        "scope": scope,
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + seconds,
        "jti": jti,
        **claims,
    }
    payload = {name: value for name, value in payload.items() if value is not None}
    token = jwt.encode(
        payload,
        key.private,
        algorithm="ES256",
        headers={"kid": key.row.kid, "typ": "at+jwt", **(headers or {})},
    )
    row = AccessToken(
        user=user,
        application=client,
        scope=scope,
        expires=now + timedelta(seconds=seconds),
        jti=jti,
        kid=key.row.kid,
        consent=consent,
        launch_context=context,
        auth_time=now,
    )
    row._raw_token = token
    row.save()
    return Issued(token, row, payload)


def issue_refresh(issued: Issued, **fields: Any) -> tuple[str, RefreshToken]:
    """A refresh token beside an access token."""
    row = RefreshToken(
        user=issued.row.user,
        application=issued.row.application,
        access_token=issued.row,
        consent=issued.row.consent,
        launch_context=issued.row.launch_context,
        scope=issued.row.scope,
        expires=timezone.now() + timedelta(days=1),
        **fields,
    )
    text = secrets.token_urlsafe(32)
    row._raw_token = text
    row.save()
    return text, row
