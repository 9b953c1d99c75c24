"""R4's types, elements, search parameters and the Patient compartment, as facts."""

from typing import Any

import pytest

from fhir import registry
from fhir.elements import children, contexts, lineage, value_sets

KINDS = {"number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special"}

COMPARTMENT = """
Account AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent Basic BodyStructure
CarePlan CareTeam ChargeItem Claim ClaimResponse ClinicalImpression Communication CommunicationRequest
Composition Condition Consent Contract Coverage CoverageEligibilityRequest CoverageEligibilityResponse
DetectedIssue Device DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference
Encounter EnrollmentRequest EpisodeOfCare ExplanationOfBenefit FamilyMemberHistory Flag Goal Group
GuidanceResponse ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation Invoice List
MeasureReport Media MedicationAdministration MedicationDispense MedicationRequest MedicationStatement
MolecularSequence NutritionOrder Observation Patient Person Procedure Provenance QuestionnaireResponse
RelatedPerson RequestGroup ResearchSubject RiskAssessment Schedule ServiceRequest Specimen SupplyDelivery
SupplyRequest Task VisionPrescription
"""

SHARED = """
Practitioner PractitionerRole Organization Location HealthcareService Endpoint Medication
MedicationKnowledge Substance Questionnaire CapabilityStatement CompartmentDefinition ExampleScenario
GraphDefinition ImplementationGuide MessageDefinition OperationDefinition SearchParameter
StructureDefinition StructureMap CodeSystem ConceptMap NamingSystem TerminologyCapabilities ValueSet
ActivityDefinition ChargeItemDefinition DeviceDefinition EventDefinition Library Measure
ObservationDefinition PlanDefinition ResearchDefinition ResearchElementDefinition SpecimenDefinition
"""

NONE = """
Binary BiologicallyDerivedProduct Bundle CatalogEntry DeviceMetric EffectEvidenceSynthesis
EnrollmentResponse Evidence EvidenceVariable InsurancePlan Linkage MedicinalProduct
MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductIndication
MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageHeader OperationOutcome
OrganizationAffiliation Parameters PaymentNotice PaymentReconciliation ResearchStudy RiskEvidenceSynthesis
Slot Subscription SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation
SubstanceSourceMaterial SubstanceSpecification TestReport TestScript VerificationResult
"""

BASE_CODES = {
    "_id",
    "_lastUpdated",
    "_profile",
    "_security",
    "_source",
    "_tag",
    "_text",
    "_content",
    "_query",
}


def test_there_are_146_resource_types_in_a_fixed_order() -> None:
    assert len(registry.RESOURCE_TYPES) == 146
    assert list(registry.RESOURCE_TYPES) == sorted(registry.RESOURCE_TYPES)
    assert registry.is_resource_type("Patient")
    for name in ("Resource", "DomainResource", "HumanName", "patient", ""):
        assert not registry.is_resource_type(name)


@pytest.mark.requirement("https://hl7.org/fhir/R4/compartmentdefinition-patient.html")
def test_each_of_the_146_types_has_its_place_under_a_patient_scope() -> None:
    expected = dict.fromkeys(COMPARTMENT.split(), "compartment")
    expected |= dict.fromkeys(SHARED.split(), "shared") | dict.fromkeys(NONE.split(), "none")
    assert {name: registry.compartment_class(name) for name in registry.RESOURCE_TYPES} == expected
    assert set(SHARED.split()) == registry.SHARED_TYPES
    assert registry.compartment_class("Nothing") == "none"


def test_a_link_gives_no_access_to_a_patient() -> None:
    assert registry.compartment_parameters("Patient") == ()


@pytest.mark.parametrize("resource_type", ["Device", "Task", "GuidanceResponse", "Contract"])
def test_the_types_added_to_the_compartment_belong_by_their_patient(resource_type: str) -> None:
    [parameter] = registry.compartment_parameters(resource_type)
    assert parameter.code == "patient"


def test_compartment_parameters_are_references_that_can_name_a_patient() -> None:
    for resource_type in COMPARTMENT.split():
        parameters = registry.compartment_parameters(resource_type)
        assert parameters or resource_type == "Patient"
        for parameter in parameters:
            assert parameter.type == "reference"
            assert "Patient" in parameter.targets, (resource_type, parameter.code)
    assert [p.code for p in registry.compartment_parameters("Observation")] == ["subject", "performer"]
    assert registry.compartment_parameters("Organization") == ()


@pytest.mark.requirement("https://hl7.org/fhir/R4/searchparameter-registry.html")
def test_all_search_parameters_of_r4_and_us_core_are_there_and_compile() -> None:
    own, extra = 0, set()
    for resource_type in registry.RESOURCE_TYPES:
        parameters = registry.search_parameters(resource_type)
        for code, parameter in parameters.items():
            assert (parameter.code, parameter.resource_type) == (code, resource_type)
            assert parameter.type in KINDS
            assert set(parameter.targets) <= set(registry.RESOURCE_TYPES)
            assert callable(parameter.compiled)
            assert bool(parameter.element_types) == bool(parameter.expression)
            for component in parameter.components:
                assert component.code in parameters
            if "/us/core/" in parameter.url:
                extra.add((resource_type, code))
            own += code not in BASE_CODES
        assert set(parameters) >= BASE_CODES - {"_text"}
    # 1,703 pairs with an expression, of which 6 are of Resource; 7 of US Core.
    assert own == 1703 - 6 + 7
    assert extra == {
        ("CareTeam", "role"),
        ("Condition", "asserted-date"),
        ("Encounter", "discharge-disposition"),
        ("Goal", "description"),
        ("Patient", "ethnicity"),
        ("Patient", "gender-identity"),
        ("Patient", "race"),
    }


def test_a_name_that_is_no_concrete_type_has_no_search_parameters() -> None:
    for name in ("Nothing", "Resource", "DomainResource"):
        with pytest.raises(KeyError):
            registry.search_parameters(name)
    assert registry.search_parameter("Patient", "nothing") is None


def test_a_parameter_knows_its_facts() -> None:
    code = registry.search_parameter("Observation", "code")
    assert code is not None
    assert (code.type, code.element_types, code.is_single) == ("token", ("CodeableConcept",), True)
    assert code.url == "http://hl7.org/fhir/SearchParameter/clinical-code"
    value = registry.search_parameter("Observation", "value-quantity")
    assert value is not None
    assert (value.element_types, value.is_single) == (("Quantity", "SampledData"), True)
    combined = registry.search_parameter("Observation", "combo-value-quantity")
    assert combined is not None
    assert not combined.is_single
    anything = registry.search_parameter("Provenance", "target")
    assert anything is not None
    assert "Observation" in anything.targets
    phonetic = registry.search_parameter("Patient", "phonetic")
    assert phonetic is not None
    assert phonetic.usage == "phonetic"


def test_a_composite_gives_its_components_at_each_place() -> None:
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "code": {"text": "whole"},
        "valueQuantity": {"value": 1},
        "component": [{"code": {"text": "part"}, "valueQuantity": {"value": 2}}, {"code": {"text": "bare"}}],
    }
    parameter = registry.search_parameter("Observation", "combo-code-value-quantity")
    assert parameter is not None
    assert parameter.compiled(resource) == [
        (([({"text": "whole"}, "CodeableConcept")], [({"value": 1}, "Quantity")]), "Observation"),
        (([({"text": "part"}, "CodeableConcept")], [({"value": 2}, "Quantity")]), "Observation.component"),
        (([({"text": "bare"}, "CodeableConcept")], []), "Observation.component"),
    ]


def test_a_component_can_look_at_the_whole_resource() -> None:
    resource: dict[str, Any] = {
        "resourceType": "MolecularSequence",
        "referenceSeq": {"chromosome": {"text": "1"}},
        "variant": [{"start": 5, "end": 6}],
    }
    parameter = registry.search_parameter("MolecularSequence", "chromosome-variant-coordinate")
    assert parameter is not None
    [(value, kind)] = parameter.compiled(resource)
    assert kind == "MolecularSequence.variant"
    assert value == ([({"text": "1"}, "CodeableConcept")], [(5, "integer")], [(6, "integer")])


def test_extracting_all_parameters_at_once_finds_what_each_alone_finds() -> None:
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "id": "1",
        "meta": {"lastUpdated": "2026-01-01T00:00:00Z"},
        "status": "final",
        "code": {"coding": [{"code": "1"}]},
        "subject": {"reference": "Patient/1"},
        "effectiveDateTime": "2026",
        "component": [{"code": {"text": "part"}, "valueQuantity": {"value": 2}}],
    }
    together = {parameter.code: found for parameter, found in registry.extract(resource)}
    alone = {code: p.compiled(resource) for code, p in registry.search_parameters("Observation").items()}
    assert together == {code: found for code, found in alone.items() if found}
    assert together["patient"] == [({"reference": "Patient/1"}, "Reference")]
    assert together["date"] == [("2026", "dateTime")]


def test_extraction_needs_a_concrete_type() -> None:
    for resource in ({"resourceType": "Nothing"}, {"id": "1"}):
        with pytest.raises(KeyError):
            registry.extract(resource)


def test_a_main_date_is_one_date_of_a_resource() -> None:
    chosen = {name: registry.main_date(name) for name in registry.RESOURCE_TYPES}
    for name, parameter in chosen.items():
        if parameter is None:
            continue
        assert parameter.type == "date"
        assert parameter.is_single, name
        assert parameter.element_types != ("Timing",)
    codes = {name: parameter.code for name, parameter in chosen.items() if parameter}
    assert codes["Observation"] == "date"
    assert codes["MedicationRequest"] == "authoredon"
    assert codes["Condition"] == "recorded-date"
    assert codes["Patient"] == "birthdate"
    assert registry.main_date("Organization") is None


def test_every_type_with_single_dates_has_a_main_date_but_those_that_only_expire() -> None:
    without = {
        name
        for name in registry.RESOURCE_TYPES
        if registry.main_date(name) is None
        and any(
            p.type == "date" and p.code != "_lastUpdated" for p in registry.search_parameters(name).values()
        )
    }
    assert without == {"Medication", "Substance"}


def test_the_parameter_that_names_the_patient_is_known_with_its_twins() -> None:
    observation = registry.patient_parameter("Observation")
    assert observation == registry.PatientParameter("patient", True, ("subject",))
    appointment = registry.patient_parameter("Appointment")
    assert appointment == registry.PatientParameter("patient", False, ("actor",))
    assert registry.patient_parameter("Encounter") == registry.PatientParameter("patient", True, ("subject",))
    assert registry.patient_parameter("Organization") is None
    assert registry.patient_parameter("Patient") is None


def test_elements_are_found_by_path_through_types_structures_and_choices() -> None:
    system = registry.element("Observation.code.coding.system")
    assert system is not None
    assert system.types == ("uri",)
    value = registry.element("Observation.value")
    assert value is not None
    assert value.choice
    assert registry.element("Observation.valueQuantity") == value
    low = registry.element("Observation.component.referenceRange.low")
    assert low is not None
    assert low.path == "Observation.referenceRange.low"
    decimal = registry.element("Observation.valueQuantity.value")
    assert decimal is not None
    assert decimal.types == ("decimal",)
    status = registry.element("Observation.status")
    assert status is not None
    assert (status.min, status.many, status.modifier) == (1, False, True)
    assert status.values == "http://hl7.org/fhir/ValueSet/observation-status"
    for missing in ("Observation.nothing", "Nothing.id", "Observation.status.nothing"):
        assert registry.element(missing) is None


def test_every_structure_inherits_what_all_structures_have() -> None:
    for context in contexts():
        names = set(children(context))
        assert "id" in names, context
        if "." in context:
            assert "extension" in names, context
    assert {"meta", "text", "contained", "modifierExtension"} <= set(children("Patient"))
    assert "text" not in children("Bundle")


def test_types_know_what_they_specialise() -> None:
    assert lineage("canonical") == ("canonical", "uri", "Element")
    assert lineage("Age")[:2] == ("Age", "Quantity")
    assert lineage("Patient") == ("Patient", "DomainResource", "Resource")


def test_required_value_sets_hold_their_codes_by_system() -> None:
    genders = value_sets()["http://hl7.org/fhir/ValueSet/administrative-gender"]
    assert genders == {"http://hl7.org/fhir/administrative-gender": {"male", "female", "other", "unknown"}}
