"""Our style, for apps."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from launch.style import style_document, style_hash


@require_safe
def style(request: HttpRequest, digest: str) -> HttpResponse:
    """The style under its hash, public, for any origin and unchanging; another hash was never ours: 404."""
    if digest != style_hash():
        raise Http404
    headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=31536000, immutable"}
    return HttpResponse(style_document(), content_type="application/json", headers=headers)
