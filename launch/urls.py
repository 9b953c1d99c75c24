"""What the launch app answers."""

from django.urls import URLPattern, URLResolver

app_name = "launch"
urlpatterns: list[URLPattern | URLResolver] = []
