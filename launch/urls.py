"""What the launch app answers."""

from django.urls import path, register_converter

from launch.views.choose_patient import choose_patient
from launch.views.portal import portal
from launch.views.start import start, start_without_patient
from launch.views.style import style


class FhirId:
    """The id of a resource in a path: https://hl7.org/fhir/R4/datatypes.html#id."""

    regex = r"[A-Za-z0-9\-.]{1,64}"

    def to_python(self, value: str) -> str:
        """As it stands."""
        return value

    def to_url(self, value: str) -> str:
        """As it stands."""
        return value


register_converter(FhirId, "fhir_id")

app_name = "launch"
urlpatterns = [
    path("", portal, name="portal"),
    path("style/<slug:digest>.json", style, name="style"),
    path("<int:app>/", choose_patient, name="patients"),
    path("<int:app>/without-patient", start_without_patient, name="start_without"),
    path("<int:app>/<fhir_id:patient>/", start, name="start"),
]
