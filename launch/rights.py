"""What a person may see and change, before any app or scope comes into it.

The answer follows the FHIR identity alone: `is_staff` opens the admin console and nothing here. A scope can
only narrow these rights, and they are asked for anew at every request.
https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#smarts-scopes-are-used-to-delegate-access
"""

from dataclasses import dataclass

from django.conf import settings

from accounts.models import Proxy, User
from fhir.care_relations import patients_cared_for_by
from fhir.registry import RESOURCE_TYPES, SHARED_TYPES

# Types without a patient that clinical work writes as well; the other shared types are definitions, which it
# only reads.
WRITABLE_SHARED_TYPES = frozenset(
    {
        "Endpoint",
        "HealthcareService",
        "Location",
        "Medication",
        "Organization",
        "Practitioner",
        "PractitionerRole",
        "Substance",
    }
)
CLINICAL_TYPES = frozenset(RESOURCE_TYPES) - (SHARED_TYPES - WRITABLE_SHARED_TYPES)


@dataclass(frozen=True, slots=True)
class Rights:
    """`patients`: ids of the patients whose data the person may see, None for every patient and all else
    there is.

    `writable`: the types that the person may create, update and delete, always among the patients above.
    """

    patients: frozenset[str] | None
    writable: frozenset[str]

    def reaches(self, patient: str) -> bool:
        """Whether the person may see this patient's data at all."""
        return bool(patient) and (self.patients is None or patient in self.patients)


NO_RIGHTS = Rights(patients=frozenset(), writable=frozenset())


def rights_of(user: User) -> Rights:
    """The rights of this person at this moment. A person without a FHIR identity, or deactivated, has
    none.
    """
    kind, _, fhir_id = user.fhir_user.partition("/")
    if not user.is_active or not fhir_id:
        return NO_RIGHTS
    match kind:
        case "Patient":
            return rights_over_own_record(fhir_id)
        case "RelatedPerson":
            wards = Proxy.objects.in_force().filter(user=user).values_list("patient", flat=True)
            return Rights(frozenset(wards), frozenset(settings.PATIENT_WRITABLE))
        case "Practitioner":
            return Rights(_patients_of_clinician(fhir_id), CLINICAL_TYPES)
        case _:
            return NO_RIGHTS


def rights_over_own_record(patient: str) -> Rights:
    """The rights of the patient with this id; without an id, none."""
    return Rights(frozenset({patient}), frozenset(settings.PATIENT_WRITABLE)) if patient else NO_RIGHTS


def depend_on_identity_alone(fhir_user: str) -> bool:
    """Whether rights can change only by a change of `fhir_user` or of the settings, and not by other data."""
    kind = fhir_user.partition("/")[0]
    return kind == "Patient" or (kind == "Practitioner" and settings.CLINICIAN_ACCESS == "all")


def _patients_of_clinician(fhir_id: str) -> frozenset[str] | None:
    """None (all) only where the setting says exactly "all"; anything else means the clinician's own
    patients.
    """
    return None if settings.CLINICIAN_ACCESS == "all" else patients_cared_for_by(fhir_id)
