"""What a scope means in plain words: the lines that a person reads before allowing or withdrawing something.

Pure: a scope goes in, a sentence without a full stop comes out. Each says what is done to whose data.
"""

import re
from urllib.parse import parse_qsl

from oauth.scopes import LAUNCH_TYPES, WILDCARD, LaunchScope, NamedScope, ResourceScope, Scope

VERBS = {"c": "add", "r": "read", "u": "change", "d": "delete", "s": "search"}

NAMED = {
    "openid": "Know that it is you who signed in",
    "fhirUser": "Know which record on this server is yours",
    "profile": "See your name, user name and e-mail address",
    "email": "See your e-mail address",
    "offline_access": "Keep this access when you are away, until you revoke it",
    "online_access": "Keep this access while you stay signed in",
    "introspection": "Check whether access that other apps were given is still valid",
}

# Types whose everyday name is not the type's name taken apart.
NOUNS = {
    "AllergyIntolerance": "allergies and intolerances",
    "Appointment": "appointments",
    "Binary": "files",
    "CarePlan": "care plans",
    "CareTeam": "care teams",
    "ClinicalImpression": "clinical assessments",
    "Condition": "conditions and diagnoses",
    "Coverage": "insurance coverage",
    "Device": "devices and implants",
    "DiagnosticReport": "lab and imaging reports",
    "DocumentReference": "clinical notes and documents",
    "Encounter": "visits and hospital stays",
    "EpisodeOfCare": "episodes of care",
    "Evidence": "evidence",
    "EvidenceVariable": "evidence variables",
    "ExplanationOfBenefit": "insurance claims and payments",
    "FamilyMemberHistory": "family history",
    "Goal": "health goals",
    "ImagingStudy": "imaging studies",
    "Immunization": "immunizations",
    "Location": "places of care",
    "Media": "photos, videos and recordings",
    "Medication": "medicines",
    "MedicationAdministration": "medication given",
    "MedicationDispense": "medication handed out",
    "MedicationKnowledge": "facts about medicines",
    "MedicationRequest": "prescriptions",
    "MedicationStatement": "medication taken",
    "NutritionOrder": "diet orders",
    "Observation": "lab results, vital signs and other observations",
    "Organization": "hospitals, practices and other organizations",
    "Patient": "name, date of birth, address and other personal details",
    "Practitioner": "doctors and other practitioners",
    "PractitionerRole": "roles of doctors and other practitioners",
    "Procedure": "operations and other procedures",
    "Provenance": "records of where data came from",
    "Questionnaire": "questionnaires",
    "QuestionnaireResponse": "answers to questionnaires",
    "RelatedPerson": "relatives and other related persons",
    "ServiceRequest": "orders and referrals",
    "Specimen": "samples",
    "Task": "tasks",
}

WHOSE = {
    "patient": "of the patient",
    "user": "of everyone whose records you may see",
    "system": "of all patients, without anybody signed in",
}


def describe(scope: Scope) -> str:
    """Say in one sentence what granting the scope allows, for the person who decides about it."""
    match scope:
        case NamedScope(name):
            return NAMED[name]
        case LaunchScope("", _):
            return "Know for which patient it was opened"
        case LaunchScope(lower_case_type, _):
            return f"Know which {_singular(LAUNCH_TYPES[lower_case_type])} you are working with"
        case ResourceScope():
            return _describe_resource(scope)
        case _:
            return f"Use the additional function {scope.text}"


def noun(resource_type: str) -> str:
    """The everyday plural of an R4 type, such as "prescriptions" for MedicationRequest."""
    return NOUNS.get(resource_type) or _plural(_singular(resource_type))


def _describe_resource(scope: ResourceScope) -> str:
    what = "all records" if scope.type == WILDCARD else noun(scope.type)
    later = ", now and in future" if scope.type == WILDCARD else ""
    return f"{_verbs(scope.letters)} {what} {WHOSE[scope.context]}{later}{_only(scope.query)}"


def _verbs(letters: str) -> str:
    """The letters as "Read, search and add": reading first, as that is what people look for."""
    words = [VERBS[letter] for letter in "rscud" if letter in letters]
    return (words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}").capitalize()


def _only(query: str) -> str:
    """`category=http://…|laboratory` as ", only where category is laboratory": codes without system."""
    if not query:
        return ""
    limits = [f"{name} is {' or '.join(_codes(value))}" for name, value in parse_qsl(query)]
    return f", only where {' and '.join(limits)}"


def _codes(value: str) -> list[str]:
    return [part.rpartition("|")[2] or part for part in value.split(",")]


def _singular(resource_type: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", resource_type).lower()


def _plural(words: str) -> str:
    if words.endswith(("s", "x", "ch")):
        return words + "es"
    if re.search(r"[^aeiou]y\Z", words):
        return words[:-1] + "ies"
    return words + "s"
