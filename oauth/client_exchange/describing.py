"""A client as metadata: what `oauth.clients.metadata.fill` would take to make the same client again."""

import json
from collections.abc import Iterable
from typing import Any

from oauth.clients.metadata import LIFETIME_LIMITS, TEXTS
from oauth.models import Application

REDACTED = "redacted"

# Kept by the model as one text, told as a list.
_LISTED = ("redirect_uris", "allowed_origins")
# Told in another way, or not at all where they are empty.
_KEYS = ("jwks", "jwks_uri")


def export(clients: Iterable[Application]) -> str:
    """The clients as a file that can be imported, in the order given. Secrets are told of, never told."""
    told = [{**describe(client), "client_secrets": _secrets(client)} for client in clients]
    return json.dumps({"clients": told}, indent=2, ensure_ascii=False) + "\n"


def describe(client: Application) -> dict[str, Any]:
    """The metadata of a client, every member of them, so that filling them in makes the same client."""
    told: dict[str, Any] = {
        name: getattr(client, field) for name, field in TEXTS.items() if name not in _KEYS
    }
    told |= {name: getattr(client, name).split() for name in _LISTED}
    told |= {name: list(getattr(client, name)) for name in ("contacts", "grant_types")}
    told |= {name: getattr(client, name) for name in LIFETIME_LIMITS}
    told["may_launch"] = may_launch(client)
    if client.client_jwks_uri:
        told["jwks_uri"] = client.client_jwks_uri
    if client.client_jwks:
        told["jwks"] = _key_set(client.client_jwks)
    return told


def may_launch(client: Application) -> list[str]:
    """The client_ids of the apps that a client may launch, in their order; none for one that is not saved."""
    if client.pk is None:
        return []
    return sorted(client.may_launch.values_list("client_id", flat=True))


def _key_set(text: str) -> Any:
    """The key set as JSON. One that is none is told as it is, and refused where it is imported."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _secrets(client: Application) -> list[dict[str, Any]]:
    return [
        {
            "description": secret.description,
            "starts": secret.starts.isoformat(),
            "ends": secret.ends.isoformat() if secret.ends else None,
            "secret": REDACTED,
        }
        for secret in client.secrets.order_by("starts", "pk")
    ]
