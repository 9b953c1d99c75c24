"""demo.json: the demonstration's addresses, accounts and clients, for whoever wants to try it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from django.conf import settings

from smartcdr.demo.accounts import ACCOUNTS
from smartcdr.demo.elements import Json

DESCRIPTION: Final = Path(settings.BASE_DIR) / "demo.json"


def known_secrets(path: Path) -> dict[str, str]:
    """The clients' secrets in a demo.json by client_id; none if there is none or it is not one of ours."""
    try:
        clients = json.loads(path.read_bytes())["clients"]
        return {one["client_id"]: one["client_secret"] for one in clients if "client_secret" in one}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def write(path: Path, clients: list[Json]) -> None:
    """Write demo.json, readable for its owner alone."""
    text = json.dumps(
        {
            "site": settings.SITE_URL,
            "fhir": settings.FHIR_BASE,
            "users": [account.entry() for account in ACCOUNTS],
            "clients": clients,
        },
        indent=2,
    )
    part = path.with_suffix(".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    part.replace(path)
