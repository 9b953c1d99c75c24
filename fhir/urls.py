"""What the fhir app answers: https://hl7.org/fhir/R4/http.html#summary."""

from django.urls import URLPattern, URLResolver, path, re_path

from fhir.interactions.create import create
from fhir.interactions.delete import delete
from fhir.interactions.history import history
from fhir.interactions.read import read
from fhir.interactions.update import update
from fhir.interactions.vread import vread
from fhir.views import unknown_path, view

app_name = "fhir"
urlpatterns: list[URLPattern | URLResolver] = [
    path("<str:type>/<str:id>", view(GET=read, PUT=update, DELETE=delete), name="instance"),
    path("<str:type>", view(POST=create), name="type"),
    path("<str:type>/<str:id>/_history", view(GET=history), name="instance-history"),
    path("<str:type>/<str:id>/_history/<str:version>", view(GET=vread), name="version"),
    re_path("", unknown_path),
]
