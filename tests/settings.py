"""The product's settings, in a set-up fit for tests: development defaults, quick password hashing."""

import os

os.environ.setdefault("DEVELOPMENT", "1")
os.environ.setdefault("SITE_URL", "http://testserver")
os.environ.setdefault("DATABASE_URL", "sqlite://:memory:")

from smartcdr.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Static files are found where they lie: tests do not depend on a collectstatic before.
WHITENOISE_AUTOREFRESH = True
# No thread writes behind a test: one that looks at the audit trail has what waits written first. Servers in
# processes of their own have one, and some a process.
AUDIT_IN_BACKGROUND = env.bool("AUDIT_IN_BACKGROUND", default=False)  # noqa: F405
