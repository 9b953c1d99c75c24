"""The admin console as staff use it."""

from typing import Any

from django.test import Client


def act(client: Client, model: str, action: str, *pks: int) -> Any:
    """Carry out an action on the chosen rows of a list; the page that follows."""
    form = {"action": action, "_selected_action": list(pks)}
    return client.post(f"/admin/oauth/{model}/", form, follow=True)
