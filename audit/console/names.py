"""Who is behind an identifier. The audit trail keeps identifiers alone; pages show names beside them.

The accounts and clients are found at run time: this room imports no other.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import Model, Q
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from oauth2_provider.models import get_application_model

MOST = 20
"""So many people or apps may be meant by a part of a name."""


class Named(NamedTuple):
    """A name for an identifier, and the page about whoever has it, if the reader may see that."""

    id: str
    name: str
    url: str = ""


class Names:
    """The names of all people and apps of one page, asked for together."""

    def __init__(self, request: HttpRequest, people: Iterable[str], clients: Iterable[str]) -> None:
        self._request = request
        users: Any = get_user_model()
        ids = [each for each in set(people) if is_uuid(each)]
        self._people = {
            str(each.uid): self._named(str(each.uid), each.get_username(), each)
            for each in users.objects.filter(uid__in=ids)
        }
        applications: Any = get_application_model()
        found = applications.objects.filter(client_id__in={each for each in clients if each})
        self._clients = {each.client_id: self._named(each.client_id, each.name, each) for each in found}

    def person(self, uid: str) -> Named | None:
        """Who that is: by the identifier alone where the account is gone; None of nobody."""
        return self._people.get(uid) or (Named(uid, uid) if uid else None)

    def client(self, client_id: str) -> Named | None:
        """Which app that is, likewise."""
        return self._clients.get(client_id) or (Named(client_id, client_id) if client_id else None)

    def _named(self, identifier: str, name: str, row: Model) -> Named:
        opts = row._meta
        if not self._request.user.has_perm(f"{opts.app_label}.view_{opts.model_name}"):
            return Named(identifier, name)
        try:
            url = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[row.pk])
        except NoReverseMatch:
            url = ""
        return Named(identifier, name, url)


def people_meant(text: str) -> list[str]:
    """The subject identifiers of those whom a user name, a part of a name, or an identifier means."""
    if is_uuid(text):
        return [str(uuid.UUID(text))]
    users: Any = get_user_model()
    same = users.objects.filter(username__iexact=text)
    parts = Q(username__icontains=text) | Q(first_name__icontains=text) | Q(last_name__icontains=text)
    found = list(same) or list(users.objects.filter(parts)[:MOST])
    return [str(each.uid) for each in found]


def clients_meant(text: str) -> list[str]:
    """The client_ids that a client_id, a name, or a part of a name means; the text itself if no client is
    known by it, as events of one that was deleted stay.
    """
    applications: Any = get_application_model()
    same = applications.objects.filter(Q(client_id=text) | Q(name__iexact=text))
    found = list(same) or list(applications.objects.filter(name__icontains=text)[:MOST])
    return [str(each.client_id) for each in found] or [text]


def is_uuid(text: str) -> bool:
    """Whether it could be a subject identifier."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
