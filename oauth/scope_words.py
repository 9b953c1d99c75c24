"""What a scope means in plain words: the lines that a person reads before allowing or withdrawing something.

Pure: a scope goes in, a sentence without a full stop comes out. Each says what is done to whose data.
"""

import re
from urllib.parse import parse_qsl, urlsplit

from accounts.models import User
from fhir.registry import search_parameter
from fhir.search.escapes import split, unescape
from fhir.search.prefixes import split_prefix
from oauth.own_scopes import LAUNCH_CONTEXT_WORDS, launch_context_scope
from oauth.scopes import LAUNCH_TYPES, WILDCARD, LaunchScope, NamedScope, ResourceScope, Scope, UriScope
from oauth.us_core_categories import category_of

VERBS = {"c": "add", "r": "read", "u": "change", "d": "delete", "s": "search"}

NAMED = {
    "openid": "Know that it is you who signed in",
    "fhirUser": "Know which record on this server is yours",
    "profile": "See your name, user name and e-mail address",
    "email": "See your e-mail address",
    "offline_access": "Keep this access when you are away, until it runs out or until you take it back",
    "online_access": "Keep this access while you stay signed in",
    "introspection": "Check whether access that other apps were given is still valid",
}

# Types whose everyday name is not the type's name taken apart.
NOUNS = {
    "AdverseEvent": "side effects and other adverse events",
    "AllergyIntolerance": "allergies and intolerances",
    "Appointment": "appointments",
    "AppointmentResponse": "answers to appointments",
    "AuditEvent": "records of who looked at data",
    "Basic": "records of no other kind",
    "Binary": "files",
    "Bundle": "collections of records",
    "CarePlan": "care plans",
    "CareTeam": "care teams",
    "ChargeItem": "charges",
    "Claim": "bills to insurers",
    "ClaimResponse": "answers of insurers to bills",
    "ClinicalImpression": "clinical assessments",
    "Communication": "messages",
    "CommunicationRequest": "requests for messages",
    "Composition": "summaries and other composed documents",
    "Condition": "conditions and diagnoses",
    "Consent": "consents and advance decisions",
    "Coverage": "insurance coverage",
    "DetectedIssue": "possible problems, such as drug interactions",
    "Device": "devices and implants",
    "DeviceUseStatement": "use of devices and implants",
    "DiagnosticReport": "lab and imaging reports",
    "DocumentReference": "clinical notes and documents",
    "EffectEvidenceSynthesis": "evidence about effects",
    "Encounter": "visits and hospital stays",
    "Endpoint": "technical addresses",
    "EpisodeOfCare": "episodes of care",
    "Evidence": "evidence",
    "EvidenceVariable": "evidence variables",
    "ExplanationOfBenefit": "insurance claims and payments",
    "FamilyMemberHistory": "family history",
    "Flag": "warnings and alerts",
    "Goal": "health goals",
    "Group": "groups of people",
    "GuidanceResponse": "advice from decision support",
    "ImagingStudy": "imaging studies",
    "Immunization": "immunizations",
    "ImmunizationEvaluation": "assessments of immunizations",
    "ImmunizationRecommendation": "recommended immunizations",
    "Linkage": "links between records",
    "Location": "places of care",
    "Media": "photos, videos and recordings",
    "Medication": "medicines",
    "MedicationAdministration": "medication given",
    "MedicationDispense": "medication handed out",
    "MedicationKnowledge": "facts about medicines",
    "MedicationRequest": "prescriptions",
    "MedicationStatement": "medication taken",
    "MedicinalProductManufactured": "manufactured medicinal products",
    "MedicinalProductPackaged": "packaged medicinal products",
    "MolecularSequence": "genetic sequences",
    "NutritionOrder": "diet orders",
    "Observation": "lab results, vital signs and other observations",
    "Organization": "hospitals, practices and other organizations",
    "Parameters": "technical parameters",
    "Patient": "name, date of birth, address and other personal details",
    "Person": "people known to several places of care",
    "Practitioner": "doctors and other practitioners",
    "PractitionerRole": "roles of doctors and other practitioners",
    "Procedure": "operations and other procedures",
    "Provenance": "records of where data came from",
    "Questionnaire": "questionnaires",
    "QuestionnaireResponse": "answers to questionnaires",
    "RelatedPerson": "relatives and other related persons",
    "RiskEvidenceSynthesis": "evidence about risks",
    "ServiceRequest": "orders and referrals",
    "Slot": "free times for appointments",
    "Specimen": "samples",
    "SubstanceReferenceInformation": "reference information about substances",
    "SupplyDelivery": "deliveries of supplies",
    "SupplyRequest": "orders of supplies",
    "Task": "tasks",
    "TerminologyCapabilities": "descriptions of terminology servers",
    "VisionPrescription": "prescriptions for glasses and lenses",
}

SINGULARS = {"Encounter": "visit or hospital stay", "Location": "place of care"}
"""Where somebody is working, in everyday words."""

# What a prefix before a number or a date says, and a modifier behind a parameter's name.
ORDERED = frozenset({"date", "number", "quantity"})
NUMBERS = {
    "eq": "is",
    "ne": "is not",
    "gt": "is above",
    "lt": "is below",
    "ge": "is at least",
    "le": "is at most",
    "sa": "begins above",
    "eb": "ends below",
    "ap": "is about",
}
DATES = {
    **NUMBERS,
    "gt": "is after",
    "lt": "is before",
    "ge": "is not before",
    "le": "is not after",
    "sa": "begins after",
    "eb": "ends before",
}
MODIFIERS = {
    "not": "is not",
    "contains": "contains",
    "exact": "is exactly",
    "below": "is or lies below",
    "above": "is or lies above",
}

WHOSE = {
    "patient": "of the patient",
    "user": "of everyone whose records you may see",
    "system": "of all patients, without anybody signed in",
}


def describe_for(user: User, scope: Scope) -> str:
    """`describe`, to this person: patients reach their own record and nobody else's."""
    return describe(scope, own=user.fhir_user_type == "Patient")


def describe(scope: Scope, *, own: bool = False) -> str:
    """Say in one sentence what granting the scope allows, for the person who decides about it.

    `own`: it can be about nothing but this person's own record.
    """
    match scope:
        case NamedScope(name):
            return NAMED[name]
        case LaunchScope("" | "patient", _) if own:
            return "Know that it is opened for you"
        case LaunchScope("", _):
            return "Know for which patient it was opened"
        case LaunchScope(lower_case_type, _):
            resource_type = LAUNCH_TYPES[lower_case_type]
            return (
                f"Know which {SINGULARS.get(resource_type) or _singular(resource_type)} you are working with"
            )
        case ResourceScope():
            return _describe_resource(scope, own and scope.context != "system")
        case UriScope():
            return LAUNCH_CONTEXT_WORDS if scope == launch_context_scope() else _additional(scope.uri)


def noun(resource_type: str) -> str:
    """The everyday plural of an R4 type, such as "prescriptions" for MedicationRequest."""
    return NOUNS.get(resource_type) or _plural(_singular(resource_type))


def _describe_resource(scope: ResourceScope, own: bool) -> str:
    verbs, whose = _verbs(scope.letters), "in your own record" if own else WHOSE[scope.context]
    if scope.type == WILDCARD and own:
        return f"{verbs} everything {whose}, now and in future{_only(scope.type, scope.query)}"
    if scope.type == WILDCARD:
        return f"{verbs} all records {whose}, now and in future{_only(scope.type, scope.query)}"
    if category := category_of(scope.type, scope.query):
        return f"{verbs} only {category.words} {whose}"
    return f"{verbs} {noun(scope.type)} {whose}{_only(scope.type, scope.query)}"


def _additional(uri: str) -> str:
    """A scope of somebody's own: what its last words say, and whose it is."""
    address = urlsplit(uri)
    name = re.sub(r"[^0-9A-Za-z]+", " ", address.path).strip().rpartition("scopes ")[2]
    return f"Use an additional function, “{name or address.path}”, of {address.netloc}"


def _verbs(letters: str) -> str:
    """The letters as "Read, search and add": reading first, as that is what people look for."""
    words = [VERBS[letter] for letter in "rscud" if letter in letters]
    return (words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}").capitalize()


def _only(resource_type: str, query: str) -> str:
    """`category=http://…|laboratory` as ", only where category is laboratory": codes without system."""
    if not query:
        return ""
    limits = [_limit(resource_type, name, value) for name, value in parse_qsl(query)]
    return f", only where {' and '.join(limits)}"


def _limit(resource_type: str, name: str, value: str) -> str:
    """What one parameter of a query asks. https://hl7.org/fhir/R4/search.html#modifiers"""
    code, _, modifier = name.partition(":")
    what = code.removeprefix("_").replace("-", " ")
    if modifier == "missing":
        return f"{what} is {'not ' if value == 'true' else ''}given"
    parameter = search_parameter(resource_type, code)
    kind = parameter.type if parameter else ""
    said: dict[str, list[str]] = {}
    for part in split(value, ","):
        verb, text = _compared(kind, part)
        said.setdefault(MODIFIERS.get(modifier, verb), []).append(text)
    clauses = (f"{verb} {' or '.join(texts)}" for verb, texts in said.items())
    return f"{what} {' or '.join(clauses)}"


def _compared(kind: str, value: str) -> tuple[str, str]:
    """What the prefix of a value says, and the rest: "is at least", "5".

    https://hl7.org/fhir/R4/search.html#prefix
    """
    prefix, rest = split_prefix(value) if kind in ORDERED else ("eq", value)
    parts = [unescape(part) for part in split(rest, "|")]
    text = " ".join(filter(None, (parts[0], parts[-1]))) if kind == "quantity" and parts[1:] else parts[-1]
    return (DATES if kind == "date" else NUMBERS)[prefix], text or rest


def _singular(resource_type: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", resource_type).lower()


def _plural(words: str) -> str:
    if words.endswith(("s", "x", "ch")):
        return words + "es"
    if re.search(r"[^aeiou]y\Z", words):
        return words[:-1] + "ies"
    return words + "s"
