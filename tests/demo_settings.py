"""The demonstration of the tests is set up as `make demo` does it, but for quick password hashing."""

from smartcdr.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
