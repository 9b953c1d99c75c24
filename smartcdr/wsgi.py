"""The WSGI entry point that granian serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from smartcdr.clear_text import encrypted_only
from smartcdr.framing import framed

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartcdr.settings")
django_application = get_wsgi_application()

# Django must be set up before these.
from fhir import validation  # noqa: E402
from fhir.front import straight_to_api  # noqa: E402
from oauth.front import straight_to_endpoints  # noqa: E402

application = encrypted_only(framed(straight_to_api(straight_to_endpoints(django_application))))

# What every request needs is made before the first one, and then left out of garbage collections: they would
# walk through these hundred thousands of objects again and again (a parsed bundle of 7 MB takes half as long
# without).
validation.prepare()
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)
