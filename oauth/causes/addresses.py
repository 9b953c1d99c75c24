"""Why a redirect_uri or an aud was refused."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from oauth.causes.differences import joined, nearest, of_urls
from oauth.causes.masking import masked


def of_redirect_uri(values: Sequence[str], registered: Sequence[str]) -> str:
    """How the redirect_uri that came differs from the registered one that is nearest to it.

    `values` are all that came. https://www.rfc-editor.org/rfc/rfc9700#section-2.1
    """
    if fault := not_once("redirect_uri", values):
        return fault
    if not registered:
        return "The client has no registered redirect_uri."
    url, phrases = nearest(values[0], registered)
    if not phrases:
        return "redirect_uri is far longer than any registered one."
    if len(phrases) == 1:
        return (
            f"redirect_uri differs from the registered one only by {phrases[0]}: {masked(url)} is registered."
        )
    return f"redirect_uri differs from the nearest registered one, {masked(url)}, by {joined(phrases)}."


def of_aud(values: Sequence[str], fhir_base: str) -> str:
    """How the aud that came differs from the address of the FHIR API; a slash at its end does not count.

    https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#request-4
    """
    if fault := not_once("aud", values):
        return f"{fault} It has to be {fhir_base}."
    aud = values[0]
    path = urlsplit(fhir_base).path
    if path and aud.removesuffix("/") == fhir_base.removesuffix(path):
        return f"aud is this server's address without {path}: {fhir_base} is expected."
    if aud.startswith(f"{fhir_base}/") and aud.strip("/") != fhir_base:
        return f"aud goes on behind the address of the FHIR API, which is {fhir_base}."
    phrases = of_urls(aud.removesuffix("/"), fhir_base)
    if len(phrases) == 1:
        return f"aud differs from the address of the FHIR API only by {phrases[0]}: {fhir_base} is expected."
    return f"aud is the address of another server, {masked(aud)}: {fhir_base} is expected."


def not_once(name: str, values: Sequence[str]) -> str:
    """Whether a parameter is missing, empty or there several times; empty if it came once."""
    if len(values) > 1:
        return f"{name} came {len(values)} times."
    return "" if values and values[0] else f"{name} is missing."
