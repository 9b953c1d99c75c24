"""What the authorization server answers."""

from django.urls import URLPattern, URLResolver

app_name = "oauth"
well_known: list[URLPattern | URLResolver] = []
urlpatterns: list[URLPattern | URLResolver] = []
