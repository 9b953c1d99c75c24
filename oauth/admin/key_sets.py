"""Key sets of clients and trusted issuers in the admin console: what was fetched, and what went wrong."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from oauth.admin.read_only import ReadOnlyAdmin
from oauth.clients import keys as client_keys
from oauth.clients.keys import KeysUnavailable
from oauth.jwk_sets import ALGORITHMS, ISSUER_ALGORITHMS, BadKeySet, KeySet, read_key_set
from oauth.models import Application, FetchedKeySet, TrustedIssuer


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
        """The clients and issuers that are registered with this address."""
        clients = Application.objects.filter(client_jwks_uri=row.url).values_list("name", flat=True)
        issuers = TrustedIssuer.objects.filter(jwks_uri=row.url).values_list("name", flat=True)
        if names := [*clients.order_by("name"), *issuers]:
            return ", ".join(names)
        discovered = TrustedIssuer.objects.filter(keys=TrustedIssuer.Keys.DISCOVERY).exists()
        return (
            "a trusted issuer whose metadata name it, or nobody any more" if discovered else "nobody any more"
        )

    @admin.display(description="keys")
    def found(self, row: FetchedKeySet) -> str:
        """The keys of the last good answer, also of one whose time is over."""
        return told(read_key_set(row.keys, _algorithms(row.url))) if row.keys else "none"

    @admin.action(description="Fetch the selected key sets now", permissions=["act"])
    def fetch_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Do not wait until the time of the last answer is over."""
        for row in queryset:
            fetch(request, row.url, row.url, _algorithms(row.url))
            self.log_change(request, row, "Fetched now.")


def _algorithms(url: str) -> frozenset[str]:
    """By which the keys at an address may verify: those of clients, or any where no client is registered
    with it.
    """
    of_client = Application.objects.filter(client_jwks_uri=url).exists()
    return frozenset(ALGORITHMS if of_client else ISSUER_ALGORITHMS)


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


def fetch(
    request: HttpRequest, name: str, url: str, algorithms: frozenset[str] = frozenset(ALGORITHMS)
) -> None:
    """Fetch a key set and say what came of it."""
    try:
        messages.success(request, f"{name}: {told(client_keys.fetch_now(url, algorithms))}")
    except KeysUnavailable:
        failure = FetchedKeySet.objects.filter(url=url).values_list("failure", flat=True).first()
        messages.error(request, f"{name}: the key set could not be fetched. {failure or ''}")


def told(key_set: KeySet) -> str:
    """The keys in words: `first (ES384); second cannot be used: …`."""
    ways: dict[str, list[str]] = {}
    for key in key_set.keys:
        ways.setdefault(key.kid, []).append(key.algorithm)
    good = [f"{kid} ({', '.join(dict.fromkeys(names))})" for kid, names in ways.items()]
    bad = [f"{key.kid or 'a key without kid'} cannot be used: {key.fault}" for key in key_set.unusable]
    return "; ".join((*good, *bad)) or "the key set is empty"
