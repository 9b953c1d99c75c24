"""In what two texts, or two URLs, differ: phrases that go on after "differs by"."""

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, unquote, urlsplit

from oauth.causes.masking import masked

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(?::(.*))?\Z", re.DOTALL)
_LONGEST = 2_000


def by_one_character(received: str, known: str) -> bool:
    """Whether one character is missing, too many or another one, or two neighbours have changed places."""
    if received == known or abs(len(received) - len(known)) > 1:
        return False
    start = _common(received, known)
    rest, known_rest = received[start:], known[start:]
    if len(rest) != len(known_rest):
        return rest[1:] == known_rest or rest == known_rest[1:]
    swapped = rest[1:2] + rest[:1] + rest[2:]
    return rest[1:] == known_rest[1:] or swapped == known_rest


def of_texts(received: str, known: str) -> str:
    """The one small thing in which two texts differ; empty if they differ in more, or in nothing."""
    if received == known:
        return ""
    if received.strip() == known:
        return "white space around it"
    if received.casefold() == known.casefold():
        return "upper and lower case"
    return "one character" if by_one_character(received, known) else ""


def of_urls(received: str, known: str) -> list[str]:
    """Every part in which a URL differs from a known one; nothing if they are the same."""
    if received == known:
        return []
    if _CONTROL.search(received):
        return ["a control character"]
    if slight := _slight(received, known):
        return [slight]
    try:
        one, two = urlsplit(received), urlsplit(known)
    except ValueError:
        return ["being no URL"]
    found = [
        _scheme(received, known),
        *_authority(one.netloc, two.netloc),
        _path(one.path, two.path),
        _query(one, two),
        "a fragment" if one.fragment != two.fragment else "",
    ]
    return [phrase for phrase in found if phrase] or ["an empty query or fragment at its end"]


def nearest(received: str, known: Iterable[str]) -> tuple[str, list[str]]:
    """The known URL that differs least, and in what; ("", []) if there is none."""
    if len(received) > _LONGEST:
        return "", []
    ranked = [(of_urls(received, url), url) for url in known]
    if not ranked:
        return "", []
    phrases, url = min(ranked, key=lambda one: (len(one[0]), -_alike(received, one[1])))
    return url, phrases


def joined(phrases: list[str]) -> str:
    """ "a, b and c"."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def _slight(received: str, known: str) -> str:
    """What concerns the URL as a whole."""
    if received.strip() == known:
        return "white space around it"
    if received.casefold() == known.casefold():
        return "upper and lower case"
    if "%" in received + known and unquote(received) == unquote(known):
        return "percent-encoding"
    return ""


def _scheme(received: str, known: str) -> str:
    one, two = (url.partition(":")[0] if ":" in url else "" for url in (received, known))
    return "" if one == two else f"{_shown(one)} instead of {_shown(two)}"


def _authority(received: str, known: str) -> list[str]:
    user, _, one = received.rpartition("@")
    known_user, _, two = known.rpartition("@")
    (host, port), (known_host, known_port) = _host_and_port(one), _host_and_port(two)
    return [
        "a user name before its host" if user != known_user else "",
        _host(host, known_host),
        f"its port ({_shown(port)} instead of {_shown(known_port)})" if port != known_port else "",
    ]


def _host_and_port(authority: str) -> tuple[str, str]:
    match = _HOST_AND_PORT.match(authority)
    return (match[1], match[2] or "") if match else (authority, "")


def _host(host: str, known: str) -> str:
    if host == known:
        return ""
    if host.casefold() == known.casefold():
        return "upper and lower case of its host"
    if host.removeprefix("www.") == known.removeprefix("www."):
        return "www. before its host"
    what = "one character of its host" if by_one_character(host, known) else "its host"
    return f"{what} ({_shown(host)} instead of {_shown(known)})"


def _path(path: str, known: str) -> str:
    if path == known:
        return ""
    if path.removesuffix("/") == known.removesuffix("/"):
        return "a trailing slash"
    if path.casefold() == known.casefold():
        return "upper and lower case of its path"
    if unquote(path) == unquote(known):
        return "percent-encoding of its path"
    if re.sub("/+", "/", path) == re.sub("/+", "/", known):
        return "a doubled slash"
    what = "one character of its path" if by_one_character(path, known) else "its path"
    return f"{what} ({_shown(path)} instead of {_shown(known)})"


def _query(one: SplitResult, two: SplitResult) -> str:
    if one.query == two.query:
        return ""
    if not two.query:
        return "a query"
    if not one.query:
        return "a missing query"
    if sorted(one.query.split("&")) == sorted(two.query.split("&")):
        return "the order of its query"
    return "its query"


def _shown(text: str) -> str:
    return masked(text) or "none"


def _alike(one: str, two: str) -> int:
    """How many characters agree from the beginning and from the end."""
    return _common(one, two) + _common(one[::-1], two[::-1])


def _common(one: str, two: str) -> int:
    length = min(len(one), len(two))
    return next((place for place in range(length) if one[place] != two[place]), length)
