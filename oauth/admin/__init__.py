"""The authorization server in the admin console. Secrets and tokens are never shown, except a new secret,
once.

django-oauth-toolkit registers its models by itself; ours replace them.
"""

from django.contrib import admin
from oauth2_provider.models import get_device_grant_model

from oauth.models import AccessToken, Application, Grant, IDToken, RefreshToken

for model in (Application, Grant, AccessToken, RefreshToken, IDToken, get_device_grant_model()):
    if admin.site.is_registered(model):
        admin.site.unregister(model)

from oauth.admin import (  # noqa: E402  # after the others are gone
    clients,
    consents,
    key_sets,
    keys,
    registrations,
    scopes,
    tokens,
    trusted_issuers,
)

__all__ = ["clients", "consents", "key_sets", "keys", "registrations", "scopes", "tokens", "trusted_issuers"]
