"""The scopes of our own invention: full URIs below our own address, as SMART wants it.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#extensibility
"""

from django.conf import settings

from oauth.scopes import UriScope

LAUNCH_CONTEXT_PATH = "/scopes/launch-context"
LAUNCH_CONTEXT_WORDS = "Open registered apps for people, with a patient, from another health record system"


def launch_context_scope() -> UriScope:
    """The scope with which an external EHR makes launch contexts; its address is this site's."""
    return UriScope(f"{settings.SITE_URL}{LAUNCH_CONTEXT_PATH}")
