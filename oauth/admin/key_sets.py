"""Clients' key sets in the admin console: what was fetched from which address, and what went wrong."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from oauth import client_keys
from oauth.admin.read_only import ReadOnlyAdmin
from oauth.client_keys import KeysUnavailable
from oauth.jwk_sets import BadKeySet, KeySet, read_key_set
from oauth.models import Application, FetchedKeySet


@admin.register(FetchedKeySet)
class FetchedKeySetAdmin(ReadOnlyAdmin):
    """The last answer from each address. Public keys only; nothing is typed."""

    list_display = ("url", "clients", "found", "fetched", "expires", "tried", "failure")
    fields = ("url", "clients", "found", "fetched", "expires", "tried", "failure")
    search_fields = ("url",)
    ordering = ("url",)
    actions = ("fetch_again",)

    @admin.display(description="used by")
    def clients(self, row: FetchedKeySet) -> str:
        """The clients that are registered with this address."""
        names = Application.objects.filter(client_jwks_uri=row.url).values_list("name", flat=True)
        return ", ".join(names.order_by("name")) or "nobody any more"

    @admin.display(description="keys")
    def found(self, row: FetchedKeySet) -> str:
        """The keys of the last good answer, also of one whose time is over."""
        return told(read_key_set(row.keys)) if row.keys else "none"

    @admin.action(description="Fetch the selected key sets now", permissions=["act"])
    def fetch_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Do not wait until the time of the last answer is over."""
        for url in queryset.values_list("url", flat=True):
            fetch(request, url, url)


def check(request: HttpRequest, client: Application) -> None:
    """Say to staff which keys a client has, after fetching them where it has registered an address."""
    if not client.has_keys:
        messages.warning(request, f"{client.name} does not prove itself by a key.")
    elif client.client_jwks_uri:
        fetch(request, client.name, client.client_jwks_uri)
    else:
        try:
            messages.success(request, f"{client.name}: {told(read_key_set(client.client_jwks))}")
        except BadKeySet as error:
            messages.error(request, f"{client.name}: the key set {error}")


def fetch(request: HttpRequest, name: str, url: str) -> None:
    """Fetch a key set and say what came of it."""
    try:
        messages.success(request, f"{name}: {told(client_keys.fetch_now(url))}")
    except KeysUnavailable:
        failure = FetchedKeySet.objects.filter(url=url).values_list("failure", flat=True).first()
        messages.error(request, f"{name}: the key set could not be fetched. {failure or ''}")


def told(key_set: KeySet) -> str:
    """The keys in words: `first (ES384); second cannot be used: …`."""
    good = [f"{key.kid} ({key.algorithm})" for key in key_set.keys]
    bad = [f"{key.kid or 'a key without kid'} cannot be used: {key.fault}" for key in key_set.unusable]
    return "; ".join((*good, *bad)) or "the key set is empty"
