"""Whose data a person may see and write, by the FHIR identity alone."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Proxy, User
from fhir.hashing import digest, reference_key
from fhir.models import ReferenceIndex, Resource
from launch.rights import CLINICAL_TYPES, NO_RIGHTS, depend_on_identity_alone, rights_of

pytestmark = pytest.mark.django_db


def user_as(fhir_user: str, **fields: object) -> User:
    return User.objects.create_user(username="someone", fhir_user=fhir_user, **fields)  # type: ignore[arg-type]


def test_a_patient_reaches_the_own_record_and_writes_what_the_settings_say(settings: Settings) -> None:
    settings.PATIENT_WRITABLE = ["Goal"]
    rights = rights_of(user_as("Patient/a"))
    assert rights.patients == frozenset({"a"})
    assert rights.writable == {"Goal"}
    assert rights.reaches("a")
    assert not rights.reaches("b")
    assert not rights.reaches("")


def test_a_related_person_reaches_the_patients_with_a_proxy_in_force() -> None:
    user = user_as("RelatedPerson/r")
    now = timezone.now()
    Proxy.objects.create(user=user, patient="a")
    Proxy.objects.create(user=user, patient="off", active=False)
    Proxy.objects.create(user=user, patient="over", ends=now - timedelta(seconds=1))
    Proxy.objects.create(user=user, patient="to-come", starts=now + timedelta(hours=1))
    assert rights_of(user).patients == frozenset({"a"})


def test_a_practitioner_reaches_everybody_and_writes_clinical_types() -> None:
    rights = rights_of(user_as("Practitioner/p"))
    assert rights.patients is None
    assert rights.reaches("anybody")
    assert {"Patient", "Observation", "MedicationRequest", "Medication"} <= rights.writable
    assert not {"StructureDefinition", "ValueSet", "SearchParameter"} & rights.writable
    assert rights.writable == CLINICAL_TYPES


@pytest.mark.parametrize("fhir_user", ["", "Patient", "Device/d", "Person/p", "practitioner/p"])
def test_somebody_without_a_known_identity_reaches_nobody(fhir_user: str) -> None:
    assert rights_of(user_as(fhir_user, is_staff=True, is_superuser=True)) == NO_RIGHTS


@pytest.mark.parametrize("fhir_user", ["Patient/a", "RelatedPerson/r", "Practitioner/p"])
def test_somebody_deactivated_reaches_nobody(fhir_user: str) -> None:
    user = user_as(fhir_user, is_active=False)
    Proxy.objects.create(user=user, patient="a")
    assert rights_of(user) == NO_RIGHTS


def patient(fhir_id: str, number: int, deleted: bool = False) -> None:
    Resource.objects.create(
        id=number,
        type="Patient",
        fhir_id=fhir_id,
        key=reference_key("Patient", fhir_id),
        version=1,
        last_updated=0,
        method="PUT",
        deleted=deleted,
        text="{}",
    )


def named(pair: tuple[str, str], of_patient: str, practitioner: str, number: int) -> None:
    ReferenceIndex.objects.create(
        hash=digest(*pair),
        patient=reference_key("Patient", of_patient),
        date=0,
        resource_id=number,
        target=reference_key("Practitioner", practitioner),
    )


def test_with_care_teams_a_practitioner_reaches_only_patients_looked_after(settings: Settings) -> None:
    settings.CLINICIAN_ACCESS = "careteam"
    for number, fhir_id in enumerate(("a", "b", "c", "d", "gone")):
        patient(fhir_id, number, deleted=fhir_id == "gone")
    named(("CareTeam", "participant"), "a", "p", 10)
    named(("Encounter", "practitioner"), "b", "p", 11)
    named(("Patient", "general-practitioner"), "c", "p", 2)
    named(("CareTeam", "participant"), "d", "another", 12)
    named(("Observation", "performer"), "d", "p", 13)
    named(("CareTeam", "participant"), "gone", "p", 14)
    rights = rights_of(user_as("Practitioner/p"))
    assert rights.patients == frozenset({"a", "b", "c"})


def test_any_setting_but_all_is_the_narrow_one(settings: Settings) -> None:
    settings.CLINICIAN_ACCESS = "al"
    assert rights_of(user_as("Practitioner/p")).patients == frozenset()


def test_which_rights_can_be_remembered_with_the_identity(settings: Settings) -> None:
    assert depend_on_identity_alone("Patient/a")
    assert depend_on_identity_alone("Practitioner/p")
    assert not depend_on_identity_alone("RelatedPerson/r")
    settings.CLINICIAN_ACCESS = "careteam"
    assert not depend_on_identity_alone("Practitioner/p")
