"""The colours of our pages, light and dark, can be told apart."""

import re
from pathlib import Path

import pytest
from django.conf import settings

SHEET = Path(settings.BASE_DIR) / "static" / "css" / "site.css"
TEXT = 4.5
EDGE = 3.0

# Foreground, background, least contrast.
PAIRS = [
    *[
        (text, ground, TEXT)
        for text in ("text", "muted", "accent", "danger")
        for ground in ("ground", "surface")
    ],
    *[("text", soft, TEXT) for soft in ("accent-soft", "danger-soft", "success-soft", "warning-soft")],
    *[("accent-strong", ground, TEXT) for ground in ("ground", "surface", "accent-soft")],
    ("muted", "accent-soft", TEXT),
    ("warning", "warning-soft", TEXT),
    *[("on-accent", ground, TEXT) for ground in ("accent", "accent-strong")],
    *[("on-danger", ground, TEXT) for ground in ("danger", "danger-strong")],
    *[(line, ground, EDGE) for line in ("edge", "focus", "accent") for ground in ("ground", "surface")],
    *[(f"{kind}", f"{kind}-soft", EDGE) for kind in ("accent", "danger", "success", "warning")],
]


def schemes() -> list[dict[str, str]]:
    """The colour variables: light, then dark."""
    blocks = re.findall(r":root \{(.*?)\}", SHEET.read_text(), re.DOTALL)
    return [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in blocks]


def luminance(color: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_is_21_to_1() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.requirement("WCAG 2.2 AA, 1.4.3 and 1.4.11 https://www.w3.org/TR/WCAG22/#contrast-minimum")
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_colours_that_meet_can_be_told_apart(front: str, back: str, least: float) -> None:
    light, dark = schemes()
    for scheme in (light, dark):
        assert contrast(scheme[front], scheme[back]) >= least
