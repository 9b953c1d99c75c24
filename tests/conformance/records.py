"""Two patients and what belongs to them, written over the API by a service: for tests from outside."""

from typing import Any

from django.test import Client as Browser

from tests.oauth.services import make_service

JSON = "application/fhir+json"
RECORDS: dict[str, dict[str, Any]] = {
    **{f"Patient/{name}": {"name": [{"family": name}]} for name in ("amy", "ben")},
    **{
        f"Observation/{name}-{category}": {
            "status": "final",
            "code": {"text": category},
            "category": [
                {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                            "code": category,
                        }
                    ]
                }
            ],
            "subject": {"reference": f"Patient/{name}"},
        }
        for name in ("amy", "ben")
        for category in ("laboratory", "vital-signs")
    },
    "Encounter/amy-1": {
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": "Patient/amy"},
    },
    "Practitioner/d1": {"name": [{"family": "Dee"}]},
    "RelatedPerson/r1": {"patient": {"reference": "Patient/amy"}},
}


class Api:
    """The FHIR API as an app calls it that holds a token, given as the Authorization header's value."""

    def __init__(self, authorization: str = "") -> None:
        self.browser = Browser()
        self.headers = {"Authorization": authorization} if authorization else {}

    def get(self, path: str) -> Any:
        """GET below the FHIR base."""
        return self.browser.get(f"/fhir/{path}", headers=self.headers)

    def put(self, path: str, **changes: Any) -> Any:
        """PUT the resource of RECORDS with these members changed, or one made of the members alone."""
        return self.send("put", path, resource(path, **changes))

    def send(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """POST or PUT a resource."""
        call = getattr(self.browser, method)
        return call(f"/fhir/{path}".rstrip("/"), body, content_type=JSON, headers=self.headers)

    def ids(self, query: str) -> list[str]:
        """The ids that a search finds, sorted."""
        answer = self.get(query)
        assert answer.status_code == 200, answer.content
        return sorted(entry["resource"]["id"] for entry in answer.json().get("entry", []))


def resource(path: str, **changes: Any) -> dict[str, Any]:
    """A resource whose type and id are those of the path."""
    resource_type, _, fhir_id = path.partition("/")
    return {"resourceType": resource_type, "id": fhir_id, **RECORDS.get(path, {}), **changes}


def write_records() -> None:
    """Put all RECORDS into the repository."""
    api = Api(make_service().bearer("system/*.cruds")["Authorization"])
    for path in RECORDS:
        assert api.put(path).status_code == 201
