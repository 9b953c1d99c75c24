"""Whether a value meets what is asked for, by the words of the specification."""

import datetime as dt
import re
import unicodedata
from decimal import Decimal
from typing import Any

BASE = "http://testserver/fhir/"
_BEGINNING = dt.datetime.min.replace(tzinfo=dt.UTC)
_END = dt.datetime.max.replace(tzinfo=dt.UTC)
Interval = tuple[dt.datetime, dt.datetime]


def pieces(asked: str, separator: str) -> list[str]:
    """A value cut at the separators that no backslash stands before."""
    return re.split(rf"(?<!\\){re.escape(separator)}", asked)


def plain(asked: str) -> str:
    """A value without its backslashes."""
    return re.sub(r"\\(.)", r"\1", asked)


def folded(text: str) -> str:
    """Without accents and case."""
    decomposed = unicodedata.normalize("NFD", text)
    plain = "".join(letter for letter in decomposed if unicodedata.category(letter) != "Mn")
    return re.sub(r"\s+", " ", plain.lower()).strip()


def interval(text: str) -> Interval:
    """From the beginning of a date to the beginning of what comes after it."""
    if len(text) == 4:
        return _utc(f"{text}-01-01"), _utc(f"{int(text) + 1}-01-01")
    if len(text) == 7:
        year, month = int(text[:4]), int(text[5:])
        return _utc(f"{text}-01"), _utc(f"{year + month // 12:04}-{month % 12 + 1:02}-01")
    if len(text) == 10:
        return _utc(text), _utc(text) + dt.timedelta(days=1)
    seconds = re.search(r":\d\d:\d\d(\.\d+)?", text)
    start = _utc(text)
    if seconds is None:
        return start, start + dt.timedelta(minutes=1)
    if seconds[1] is None:
        return start, start + dt.timedelta(seconds=1)
    return start, start + dt.timedelta(seconds=1) / 10 ** (len(seconds[1]) - 1)


def _utc(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def period(value: dict[str, str]) -> Interval:
    """From start to end, each open where it is not told."""
    start, end = value.get("start"), value.get("end")
    return (interval(start)[0] if start else _BEGINNING), (interval(end)[1] if end else _END)


def date_matches(value: Any, kind: str, asked: str) -> bool:
    """https://hl7.org/fhir/R4/search.html#prefix, the column with ranges."""
    prefix, text = _prefix(asked)
    low, end = period(value) if kind == "Period" else interval(value)
    first, after = interval(text)
    contained = first <= low and end <= after
    return {
        "eq": contained,
        "ne": not contained,
        "gt": end > after,
        "lt": low < first,
        "ge": contained or end > after,
        "le": contained or low < first,
        "sa": low >= after,
        "eb": end <= first,
    }[prefix]


def _prefix(asked: str) -> tuple[str, str]:
    return (asked[:2], asked[2:]) if asked[:1].isalpha() else ("eq", asked)


def quantity_matches(value: dict[str, Any], asked: str) -> bool:
    """https://hl7.org/fhir/R4/search.html#quantity"""
    number, *unit = [plain(piece) for piece in pieces(asked, "|")]
    if "value" not in value or not _unit_matches(value, unit):
        return False
    prefix, digits = _prefix(number)
    wanted, has = Decimal(digits), Decimal(str(value["value"]))
    comparator: str = value.get("comparator", "")
    low = Decimal("-Infinity") if comparator.startswith("<") else has
    high = Decimal("Infinity") if comparator.startswith(">") else has
    places = len(digits.partition(".")[2])
    half = Decimal(5) / 10 ** (places + 1)
    inside = wanted - half <= low and high < wanted + half
    answers: dict[str, bool] = {
        "eq": inside,
        "ne": not inside,
        "gt": high > wanted,
        "lt": low < wanted,
        "ge": high >= wanted,
        "le": low <= wanted,
        "sa": low > wanted,
        "eb": high < wanted,
        "ap": high >= wanted - abs(wanted) / 10 and low <= wanted + abs(wanted) / 10,
    }
    return answers[prefix]


def _unit_matches(value: dict[str, Any], unit: list[str]) -> bool:
    if not unit:
        return True
    system, code = unit
    if system:
        return value.get("system") == system and (not code or value.get("code") == code)
    return code in (value.get("code"), value.get("unit"))


def codes(value: Any, kind: str) -> list[tuple[str, str]]:
    """(system, code) of a value. https://hl7.org/fhir/R4/search.html#token"""
    match kind:
        case "CodeableConcept":
            return [pair for coding in value.get("coding", []) for pair in codes(coding, "Coding")]
        case "Coding":
            return [(value.get("system", ""), value.get("code", ""))]
        case "Identifier":
            return [(value.get("system", ""), value.get("value", ""))]
        case "ContactPoint":
            return [(value.get("use", ""), value.get("value", ""))]
        case "boolean":
            return [("http://terminology.hl7.org/CodeSystem/special-values", str(value).lower())]
        case "code":
            return [("", value)]
        case system:
            return [(system, value)]


def token_matches(value: Any, kind: str, asked: str) -> bool:
    """code, system|code, |code or system|."""
    *system, code = [plain(piece) for piece in pieces(asked, "|")]
    return any(
        (not system or system == [own_system]) and (not code or code == own_code)
        for own_system, own_code in codes(value, kind)
    )


def texts(value: Any, kind: str) -> list[str]:
    """What `:text` looks at."""
    match kind:
        case "CodeableConcept":
            found = [value.get("text"), *(coding.get("display") for coding in value.get("coding", []))]
        case "Coding" | "Reference":
            found = [value.get("display")]
        case "Identifier":
            found = [value.get("type", {}).get("text")]
        case _:
            found = []
    return [text for text in found if text]


def strings(value: Any, kind: str) -> list[str]:
    """The texts of a string parameter: names and addresses part by part."""
    if kind == "string":
        return [value]
    parts = {"HumanName": ["family", "given", "text", "prefix", "suffix"]}.get(
        kind, ["line", "city", "district", "state", "postalCode", "country", "text"]
    )
    found = [value.get(part, []) for part in parts]
    return [text for part in found for text in (part if isinstance(part, list) else [part])]


def string_matches(value: Any, kind: str, modifier: str, asked: str) -> bool:
    """https://hl7.org/fhir/R4/search.html#string"""
    for text in strings(value, kind):
        if modifier == "exact" and text == asked:
            return True
        if modifier == "contains" and folded(asked) in folded(text):
            return True
        if modifier == "" and folded(text).startswith(folded(asked)):
            return True
    return False


def address(value: dict[str, Any]) -> str:
    """What a reference points at: Type/id if it is here, else as it stands; empty without a literal."""
    text: str = value.get("reference", "")
    return "" if text.startswith("#") else text.removeprefix(BASE).partition("/_history/")[0]


def reference_matches(value: dict[str, Any], modifier: str, asked: str, targets: tuple[str, ...]) -> bool:
    """https://hl7.org/fhir/R4/search.html#reference"""
    if modifier == "identifier":
        return "identifier" in value and token_matches(value["identifier"], "Identifier", asked)
    target = address(value)
    wanted = asked.removeprefix(BASE)
    if "/" in wanted or ":" in wanted:
        return target == wanted
    resource_type, _, fhir_id = target.rpartition("/")
    allowed = (modifier,) if modifier else targets
    return fhir_id == wanted and (resource_type in allowed or (not allowed and resource_type.isalpha()))
