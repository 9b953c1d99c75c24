"""What there is to compare with: constant bytes, and one SELECT, each without and with Django around it."""

import random
from collections.abc import Callable

from bench.floor import CONSTANT, DJANGO_CONSTANT, DJANGO_FLOOR, FLOOR, PLAIN_CONSTANT
from bench.load import Exchange
from bench.rows.row import Row, http, shared
from bench.searches import Facts

CONSTANT_BYTES, ONE_SELECT = "constant bytes", "floor: one SELECT"
DJANGO_SELECT = "one SELECT through Django"
Stored = Callable[[str], bytes]


def floors(facts: Facts, stored: Stored) -> list[Row]:
    """The server's own speed with constant bytes, and the floor: one prepared, indexed SELECT whose text is
    served as it is; then both through Django's handler without any middleware."""
    return [
        _constant(CONSTANT_BYTES, PLAIN_CONSTANT),
        _select(ONE_SELECT, FLOOR, facts, stored),
        _constant("constant bytes through Django", DJANGO_CONSTANT),
        _select(DJANGO_SELECT, DJANGO_FLOOR, facts, stored),
    ]


def _constant(name: str, path: str) -> Row:
    exchange = Exchange(http("GET", path, {}), 200)
    return Row(name, shared([exchange]), lambda _, body: body == CONSTANT)


def _select(name: str, path: str, facts: Facts, stored: Stored) -> Row:
    addresses = list(facts["addresses"])
    random.Random(5).shuffle(addresses)
    exchanges = [Exchange(http("GET", f"{path}{one}", {}), 200, one) for one in addresses]
    return Row(name, shared(exchanges), lambda exchange, body: body == stored(str(exchange.subject)))
