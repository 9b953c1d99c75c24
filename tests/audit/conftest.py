"""What tests of the audit trail share."""

import pytest
from django.test import Client

from tests.oauth.issuing import make_user


@pytest.fixture
def staff(db: None) -> Client:
    """Somebody who may do everything in the console, signed in."""
    client = Client()
    client.force_login(make_user("", username="root", is_staff=True, is_superuser=True))
    return client
