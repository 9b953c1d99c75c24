"""What the fhir app answers: https://hl7.org/fhir/R4/http.html#summary."""

from django.urls import URLPattern, URLResolver, path, re_path

from fhir import operations
from fhir.interactions.bundle import bundle
from fhir.interactions.capabilities import capabilities
from fhir.interactions.conditional_delete import conditional_delete
from fhir.interactions.conditional_patch import conditional_patch
from fhir.interactions.conditional_update import conditional_update
from fhir.interactions.create import create
from fhir.interactions.delete import delete
from fhir.interactions.histories import system_history, type_history
from fhir.interactions.history import history
from fhir.interactions.patch import patch
from fhir.interactions.read import read
from fhir.interactions.search import search, search_posted, search_system, search_system_posted
from fhir.interactions.update import update
from fhir.interactions.vread import vread
from fhir.views import unknown_path, view

app_name = "fhir"
base = view(GET=search_system, POST=bundle)
"""The FHIR base itself, with a slash behind it or not."""
urlpatterns: list[URLPattern | URLResolver] = [
    path("", base, name="base"),
    path("metadata", view(public=True, GET=capabilities), name="capabilities"),
    *operations.urlpatterns,
    path("_search", view(POST=search_system_posted), name="system-search"),
    path("_history", view(GET=system_history), name="system-history"),
    path("<str:type>/_history", view(GET=type_history), name="type-history"),
    path("<str:type>/_search", view(POST=search_posted), name="search"),
    path("<str:type>/<str:id>", view(GET=read, PUT=update, PATCH=patch, DELETE=delete), name="instance"),
    path(
        "<str:type>",
        view(
            GET=search,
            POST=create,
            PUT=conditional_update,
            PATCH=conditional_patch,
            DELETE=conditional_delete,
        ),
        name="type",
    ),
    path("<str:type>/<str:id>/_history", view(GET=history), name="instance-history"),
    path("<str:type>/<str:id>/_history/<str:version>", view(GET=vread), name="version"),
    re_path("", unknown_path),
]
