"""Mounts only: which app answers which part of the site."""

from django.contrib import admin
from django.urls import include, path

from oauth import urls as oauth_urls

urlpatterns = [
    path("", include("smartcdr.site_urls")),
    path("", include(oauth_urls.well_known)),
    path("fhir/", include("fhir.urls")),
    path("oauth/", include("oauth.urls")),
    path("accounts/", include("accounts.urls")),
    path("launch/", include("launch.urls")),
    path("admin/", admin.site.urls),
]
