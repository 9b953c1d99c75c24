"""What lies encrypted in the database or in a page, under KEY_ENCRYPTION_KEYS: one place that knows how."""

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def box() -> MultiFernet:
    """Encrypts with the newest key and decrypts with each of them. Made anew, as the setting may change."""
    return MultiFernet([Fernet(key) for key in settings.KEY_ENCRYPTION_KEYS])
