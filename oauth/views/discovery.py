"""The documents by which clients find their way. Anybody may read them, from any origin."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from oauth.signing_keys import published_jwks
from oauth.smart_configuration import (
    authorization_server_metadata,
    openid_configuration,
    smart_configuration,
)


def _public_document(
    build: Callable[[], dict[str, Any]], max_age: int
) -> Callable[[HttpRequest], HttpResponse]:
    """A view that answers the document as application/json, whatever Accept says; `max_age` in seconds."""

    @require_safe
    def view(request: HttpRequest) -> HttpResponse:
        response = JsonResponse(build())
        response["Access-Control-Allow-Origin"] = "*"
        response["Cache-Control"] = f"public, max-age={max_age}"
        return response

    return view


smart = _public_document(smart_configuration, 60)
openid = _public_document(openid_configuration, 60)
authorization_server = _public_document(authorization_server_metadata, 60)
# New keys are published for longer than that before they sign: oauth/key_rotation.py.
jwks = _public_document(published_jwks, settings.JWKS_SECONDS)
