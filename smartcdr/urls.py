"""Mounts only: which app answers which part of the site."""

from django.contrib import admin
from django.urls import include, path

from fhir import urls as fhir_urls
from oauth import urls as oauth_urls

handler500 = "smartcdr.failures.failed"
urlpatterns = [
    path("", include("smartcdr.site_urls")),
    path("", include(oauth_urls.well_known)),
    path("fhir", fhir_urls.base),
    path("fhir/", include(fhir_urls)),
    path("oauth/", include("oauth.urls")),
    path("accounts/", include("accounts.urls")),
    path("", include(oauth_urls.launches)),
    path("launch/", include("launch.urls")),
    path("admin/", admin.site.urls),
]
