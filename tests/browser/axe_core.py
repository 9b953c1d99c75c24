"""axe-core, the published checker of accessibility, asked about the page that Chromium shows."""

import os
import shutil
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page

from tests.demo_site import ROOT

SOURCE = Path(__file__).parent / "axe"
CACHE = ROOT / ".cache" / "npm"
STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
"""axe-core's tags: WCAG 2.2, levels A and AA, and what is asked beside it of headings and landmarks."""
VIEWS: tuple[tuple[int, int, Literal["light", "dark"]], ...] = (
    (1280, 900, "light"),
    (390, 844, "light"),
    (390, 844, "dark"),
)
Known = Collection[tuple[str, str]]


def bring(directory: Path) -> str:
    """axe-core's source, fetched into `directory` in the version and with the checksum of the lock."""
    for file in SOURCE.iterdir():
        shutil.copy(file, directory)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    environment = os.environ | {"npm_config_cache": str(CACHE / "cache")}
    subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True)
    return (directory / "node_modules" / "axe-core" / "axe.min.js").read_text()


@dataclass(frozen=True)
class Checker:
    """Asks axe-core. Its source comes by the browser's debugger, which our policy for scripts does not bind:
    the policy stays in force.
    """

    source: str

    def violations(self, page: Page) -> set[tuple[str, str]]:
        """What is wrong with the page as it is shown now: rule and selector of each element."""
        if not page.evaluate("'axe' in window"):
            page.evaluate(self.source)
        # Colours on their way from dark to light are nobody's.
        page.evaluate("Promise.all(document.getAnimations().map(each => each.finished.catch(() => null)))")
        found: dict[str, Any] = page.evaluate(
            "tags => axe.run(document, {runOnly: {type: 'tag', values: tags},"
            " rules: {'target-size': {enabled: true}}, resultTypes: ['violations']})",
            list(STANDARDS),
        )
        return {
            (str(rule["id"]), " ".join(str(part) for part in node["target"]))
            for rule in found["violations"]
            for node in rule["nodes"]
        }

    def check(self, page: Page, name: str, known: Known = ()) -> None:
        """Fail if anything but what is `known` is wrong with the page, on desktop, on phone, or in the dark.

        The page is left at a desktop's width, in light colours.
        """
        wrong = []
        for width, height, scheme in reversed(VIEWS):
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme)
            found = sorted(self.violations(page) - set(known))
            wrong += [f"{name} at {width} px, {scheme}: {rule} {where}" for rule, where in found]
        assert not wrong, "\n".join(wrong)
