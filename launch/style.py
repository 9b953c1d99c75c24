"""Our colours and measures for apps that wish to look like us.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#styling
"""

import hashlib
import json
from functools import cache

from django.conf import settings
from django.urls import reverse

STYLE = {
    "color_background": "#f3f6f8",
    "color_error": "#a1201a",
    "color_highlight": "#0b5876",
    "color_modal_backdrop": "#17242e",
    "color_success": "#1a6437",
    "color_text": "#17242e",
    "dim_border_radius": "8px",
    "dim_font_size": "16px",
    "dim_spacing_size": "16px",
    "font_family_body": "system-ui, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif",
    "font_family_heading": "system-ui, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif",
}


@cache
def style_document() -> bytes:
    """The style as the JSON that is served."""
    return json.dumps(STYLE, indent=1, sort_keys=True).encode()


@cache
def style_hash() -> str:
    """What names the document: it changes with the content, as SMART wants of `smart_style_url`."""
    return hashlib.sha256(style_document()).hexdigest()[:32]


def style_url() -> str:
    """The absolute address of the style, for the launch context."""
    return f"{settings.SITE_URL}{reverse('launch:style', args=[style_hash()])}"
