"""The product's settings, in a set-up fit for tests: development defaults, quick password hashing."""

import os

os.environ.setdefault("DEVELOPMENT", "1")
os.environ.setdefault("SITE_URL", "http://testserver")
os.environ.setdefault("DATABASE_URL", "sqlite://:memory:")

from smartcdr.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Static files are found where they lie: tests do not depend on a collectstatic before.
WHITENOISE_AUTOREFRESH = True
# No thread writes behind a test's back: tests that look at the audit trail have what waits written first.
AUDIT_IN_BACKGROUND = False
