"""The authorization server's tables. All five models of django-oauth-toolkit are swapped for ours."""

from oauth.models.authorization_request import AuthorizationRequest
from oauth.models.client import Application, ClientSecret
from oauth.models.client_keys import ClientAssertionJti, FetchedKeySet
from oauth.models.consent import Consent
from oauth.models.registration import ClientRegistration, InitialAccessToken
from oauth.models.scope import Scope
from oauth.models.signing_key import SigningKey
from oauth.models.standing import Standing
from oauth.models.tokens import AccessToken, Grant, IDToken, RefreshToken
from oauth.models.trusted_issuer import TrustedIssuer

__all__ = [
    "AccessToken",
    "Application",
    "AuthorizationRequest",
    "ClientAssertionJti",
    "ClientRegistration",
    "ClientSecret",
    "Consent",
    "FetchedKeySet",
    "Grant",
    "IDToken",
    "InitialAccessToken",
    "RefreshToken",
    "Scope",
    "SigningKey",
    "Standing",
    "TrustedIssuer",
]
