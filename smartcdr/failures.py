"""What is answered when something fails that nobody has foreseen, in the form that the address speaks.

Django logs the failure before it asks here. Nothing below touches the database, which may be what failed.
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import server_error

from fhir.jsontext import serialise
from fhir.negotiation import MEDIA_TYPE
from fhir.outcome import Issue, outcome
from oauth.cors import PUBLIC
from oauth.middleware import WITHOUT_PAGES

_FHIR = urlsplit(settings.FHIR_BASE).path
_REGISTRATION = "/oauth/register"


def failed(request: HttpRequest) -> HttpResponse:
    """500: an OperationOutcome for the FHIR API, OAuth's JSON for what clients call, a page for people.

    https://www.rfc-editor.org/rfc/rfc6749#section-5.2 has no word for it; that of section 4.1.2.1 is taken.
    """
    path = request.path_info
    is_for_clients = path in WITHOUT_PAGES or path.startswith(_REGISTRATION)
    if is_for_clients or (path in PUBLIC and not path.endswith("/metadata")):
        said = {"error": "server_error", "error_description": "The server failed at this request."}
        return JsonResponse(said, status=500, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})
    if path == _FHIR or path.startswith(f"{_FHIR}/"):
        issue = Issue("fatal", "exception", "The server failed at this request. What happened is in its log.")
        headers = {"Cache-Control": "private, no-cache"}
        return HttpResponse(serialise(outcome([issue])), MEDIA_TYPE, 500, headers=headers)
    return server_error(request)
