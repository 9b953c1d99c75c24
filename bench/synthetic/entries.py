"""The entries of one invented record, as a transaction creates them: what all of its resources share."""

import datetime as dt
import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from bench.synthetic.clinic import NPI, OWN, npi, organization_name, practitioner_name
from bench.synthetic.codes import CORE

Json = dict[str, Any]


@dataclass
class Entries:
    """Resources that are to be created, in order. `draw` decides whatever chance decides."""

    draw: random.Random
    patient: str = ""
    found: list[Json] = field(default_factory=list)

    def add(self, resource_type: str, profile: str, content: Json) -> str:
        """Add a resource; returns what others refer to it by. Where there is a patient, it is the subject's
        or beneficiary's to say so in `content`."""
        full_url = f"urn:uuid:{UUID(int=self.draw.getrandbits(128), version=4)}"
        head = {"resourceType": resource_type, "meta": {"profile": [f"{CORE}/{profile}"]}}
        request = {"method": "POST", "url": resource_type}
        self.found.append({"fullUrl": full_url, "resource": head | content, "request": request})
        return full_url

    @property
    def subject(self) -> Json:
        """The reference to the patient."""
        return {"reference": self.patient}

    def bundle(self) -> Json:
        """All of it in one transaction."""
        return {"resourceType": "Bundle", "type": "transaction", "entry": self.found}


@dataclass(frozen=True)
class Visit:
    """An encounter: its reference, when it began, and who saw the patient where (by number)."""

    reference: str
    start: dt.datetime
    practitioner: int
    organization: int

    @property
    def encounter(self) -> Json:
        """The reference to the encounter."""
        return {"reference": self.reference}

    @property
    def seen_by(self) -> Json:
        """The reference to the practitioner."""
        return practitioner(self.practitioner)

    def at(self, minutes: int = 0) -> str:
        """So many minutes after the beginning, as a dateTime."""
        return moment(self.start + dt.timedelta(minutes=minutes))


def practitioner(number: int) -> Json:
    """A conditional reference, as records from elsewhere have them."""
    return {
        "reference": f"Practitioner?identifier={NPI}|{npi(number)}",
        "display": practitioner_name(number),
    }


def organization(number: int) -> Json:
    """A conditional reference, as above."""
    return {
        "reference": f"Organization?identifier={OWN}|organization-{number}",
        "display": organization_name(number),
    }


def location(number: int) -> Json:
    """A conditional reference, as above."""
    return {
        "reference": f"Location?identifier={OWN}|location-{number}",
        "display": organization_name(number),
    }


def moment(time: dt.datetime) -> str:
    """A dateTime with its seconds and its zone."""
    return time.isoformat(timespec="seconds")


def day(time: dt.datetime) -> str:
    """A date."""
    return time.date().isoformat()
