"""An entry in our own form: RFC 7591 metadata with our members, as `manage.py register_client` takes them."""

from collections.abc import Mapping
from typing import Any

from oauth.client_exchange import given_secrets
from oauth.client_exchange.entries import Read


def read(entry: Mapping[str, Any]) -> Read:
    """The metadata as they are; only secrets are taken apart. What the metadata say is judged later."""
    found = Read(metadata={name: value for name, value in entry.items() if name != "client_secrets"})
    given_secrets.take(found, "client_secrets", entry.get("client_secrets"), given_secrets.OURS)
    return found
