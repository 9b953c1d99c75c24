"""What SMART App Launch 2.2.0 demands of a server, recommends and allows: the lines of requirements.csv."""

import csv
from dataclasses import dataclass
from pathlib import Path

SPECIFICATION = "https://hl7.org/fhir/smart-app-launch/STU2.2/"
LIST = Path(__file__).with_name("requirements.csv")
# Page of the specification → its title.
PAGES = {
    "app-launch.html": "App launch",
    "scopes-and-launch-context.html": "Scopes and launch context",
    "backend-services.html": "Backend services",
    "token-introspection.html": "Token introspection",
    "client-confidential-asymmetric.html": "Client authentication: asymmetric",
    "client-confidential-symmetric.html": "Client authentication: symmetric",
    "conformance.html": "Conformance",
    "brands.html": "User access brands",
}
# What smart-configuration would have to name for some requirements to apply → why it does not.
OPTIONAL = {
    "smart-app-state": "keeping state for apps is optional, and the capability is not advertised",
    "user_access_brand_bundle": "publishing brands is optional, and smart-configuration names no bundle",
}


@dataclass(frozen=True)
class Requirement:
    """A demand, a recommendation or an option.

    `mark` is what a test's mark says, `anchor` is relative to SPECIFICATION, `rule` is a word such as SHALL,
    `summary` says it in our words, `needs` is a key of OPTIONAL or empty.
    """

    mark: str
    anchor: str
    rule: str
    summary: str
    needs: str

    @property
    def is_demanded(self) -> bool:
        """Whether it is a SHALL or a SHALL NOT."""
        return self.rule.startswith("SHALL")

    @property
    def page(self) -> str:
        """The file name of the specification's page."""
        return self.anchor.partition("#")[0]


def requirements() -> list[Requirement]:
    """All of them, in the order of the list: the demands come first."""
    with LIST.open(encoding="utf-8", newline="") as lines:
        return [
            Requirement(f"SMART-{row['id']}", row["anchor"], row["rule"], row["summary"], row["needs"])
            for row in csv.DictReader(lines)
        ]
