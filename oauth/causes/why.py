"""What staff are told of a refusal."""

from typing import NamedTuple


class Why(NamedTuple):
    """Which rule failed, the exact cause in one sentence, and what was expected and received, as far as that
    says more. No credential stands in any of them.
    """

    rule: str
    cause: str
    expected: str = ""
    received: str = ""
