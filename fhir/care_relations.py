"""Which patients a practitioner looks after, as the stored data say."""

from fhir.hashing import digest, reference_key
from fhir.models import ReferenceIndex, Resource

# (type, search parameter) pairs that name the practitioner in something that belongs to a patient.
CARE_PARAMETERS = (
    ("CareTeam", "participant"),
    ("Encounter", "participant"),
    ("Encounter", "practitioner"),
    ("Patient", "general-practitioner"),
)


def patients_cared_for_by(practitioner_id: str) -> frozenset[str]:
    """The ids of the patients with a CareTeam, Encounter or generalPractitioner entry that names this
    practitioner.

    Something that belongs to no patient, or to several, gives nobody access.
    """
    named_in = ReferenceIndex.objects.filter(
        hash__in=[digest(*pair) for pair in CARE_PARAMETERS],
        target=reference_key("Practitioner", practitioner_id),
    )
    patients = Resource.objects.filter(type="Patient", deleted=False, key__in=named_in.values("patient"))
    return frozenset(patients.values_list("fhir_id", flat=True))
