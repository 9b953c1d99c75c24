"""Rows about tokens: new ones for a refresh token, and what one is worth."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from bench.load import CONNECTIONS, Exchange
from bench.rows.row import DIFFERENT, Row, examples, http, shared
from bench.services import Service, ahead, is_granted
from bench.tokens import App, Token

FORM = "application/x-www-form-urlencoded"


def refresh(app: App, tokens: list[Token]) -> Row:
    """New tokens for a refresh token; the next request uses the one that came back. The last of the tokens
    are left for counting."""
    families = [_Family(app.basic, token) for token in tokens]
    timed, counted = families[:-5], families[-5:]
    sources = [_taking_turns(timed[number::CONNECTIONS]) for number in range(CONNECTIONS)]

    def answered(exchange: Exchange, body: bytes) -> None:
        family = exchange.subject
        if isinstance(family, _Family):
            family.refresh_token = json.loads(body)["refresh_token"]

    requests = examples([family.exchange() for family in counted])
    return Row("token by refresh", sources, _is_refreshed, 0.3, answered, writes=True, examples=requests)


def by_assertion(service: Service) -> Row:
    """A token for a backend service that signs. No examples: an assertion is too old when statements are
    counted."""

    def exchange() -> Exchange:
        form = urlencode(service.form()).encode()
        return Exchange(http("POST", "/oauth/token", {"Content-Type": FORM}, form), 200)

    sources = [ahead(exchange, DIFFERENT)] * CONNECTIONS
    name = f"token by assertion, {service.alg}"
    return Row(name, sources, lambda _, body: is_granted(body), 0.3, writes=True)


def introspection(app: App, tokens: list[Token]) -> Row:
    """What an access token is worth, asked by its client."""
    headers = {"Authorization": app.basic, "Content-Type": FORM}
    exchanges = []
    for token in tokens:
        form = urlencode({"token": token.access_token}).encode()
        exchanges.append(Exchange(http("POST", "/oauth/introspect", headers, form), 200, token))

    def judge(exchange: Exchange, body: bytes) -> bool:
        told = json.loads(body)
        patient = exchange.subject.patient if isinstance(exchange.subject, Token) else None
        is_ours = told["client_id"] == app.client_id and told.get("patient", "") == patient
        return bool(told["active"]) and is_ours

    return Row("introspection", shared(exchanges), judge, 0.5, examples=examples(exchanges))


@dataclass
class _Family:
    """The tokens of one authorization: each refresh token is good once."""

    basic: str
    token: Token
    refresh_token: str = ""

    def exchange(self) -> Exchange:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self.refresh_token or self.token.refresh_token,
        }
        headers = {"Authorization": self.basic, "Content-Type": FORM}
        return Exchange(http("POST", "/oauth/token", headers, urlencode(form).encode()), 200, self)


def _taking_turns(families: list[_Family]) -> Iterator[Exchange]:
    return (family.exchange() for family in itertools.cycle(families))


def _is_refreshed(exchange: Exchange, body: bytes) -> bool:
    told = json.loads(body)
    patient = exchange.subject.token.patient if isinstance(exchange.subject, _Family) else None
    is_jwt = told["access_token"].count(".") == 2
    return is_jwt and bool(told["token_type"] == "Bearer" and told["patient"] == patient)
