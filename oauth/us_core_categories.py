"""The categories by which US Core sorts Observations, Conditions and DocumentReferences, in plain words.

Each becomes a scope such as `patient/Observation.rs?category=http://…/observation-category|laboratory`.
https://hl7.org/fhir/us/core/STU8/scopes.html
https://hl7.org/fhir/us/core/STU8/CodeSystem-us-core-category.html
"""

from dataclasses import dataclass

_OBSERVATION = "http://terminology.hl7.org/CodeSystem/observation-category"
_CONDITION = "http://terminology.hl7.org/CodeSystem/condition-category"
_US_CORE = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category"
_US_CORE_CONDITION = "http://hl7.org/fhir/us/core/CodeSystem/condition-category"
_US_CORE_DOCUMENT = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"


@dataclass(frozen=True, slots=True)
class Category:
    """A category; `words` is the everyday plural of what is in it."""

    system: str
    code: str
    words: str

    @property
    def query(self) -> str:
        """What stands behind the "?" of a scope that is limited to this category."""
        return f"category={self.system}|{self.code}"


CATEGORIES: dict[str, tuple[Category, ...]] = {
    "Observation": (
        Category(_OBSERVATION, "laboratory", "laboratory results"),
        Category(_OBSERVATION, "vital-signs", "vital signs"),
        Category(_OBSERVATION, "social-history", "social history (such as smoking and work)"),
        Category(_OBSERVATION, "survey", "answers to surveys and assessments"),
        Category(_OBSERVATION, "exam", "findings of physical examinations"),
        Category(_OBSERVATION, "imaging", "findings in images"),
        Category(_OBSERVATION, "procedure", "findings of procedures"),
        Category(_OBSERVATION, "therapy", "observations about treatments"),
        Category(_OBSERVATION, "activity", "physical activity (such as steps)"),
        Category(_US_CORE, "sdoh", "living conditions (such as housing and food)"),
        Category(_US_CORE, "functional-status", "abilities in daily life"),
        Category(_US_CORE, "disability-status", "disabilities"),
        Category(_US_CORE, "cognitive-status", "memory and thinking"),
        Category(_US_CORE, "treatment-intervention-preference", "wishes about treatments"),
        Category(_US_CORE, "care-experience-preference", "wishes about how care is given"),
        Category(_US_CORE, "observation-adi-documentation", "notes on advance directives"),
    ),
    "Condition": (
        Category(_CONDITION, "problem-list-item", "problems on the problem list"),
        Category(_CONDITION, "encounter-diagnosis", "diagnoses made at visits"),
        Category(_US_CORE_CONDITION, "health-concern", "health concerns"),
        Category(_US_CORE, "sdoh", "problems with living conditions (such as housing and food)"),
    ),
    "DocumentReference": (Category(_US_CORE_DOCUMENT, "clinical-note", "clinical notes"),),
}
"""By type, in the order in which people are shown them."""


def category_of(resource_type: str, query: str) -> Category | None:
    """The category to which a scope of this type with this query is limited; None for any other query."""
    return next((each for each in CATEGORIES.get(resource_type, ()) if each.query == query), None)
