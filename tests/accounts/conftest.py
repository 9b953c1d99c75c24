"""Fresh rate limits and a person for each test."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from accounts.models import User

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def fresh_rate_limits() -> Iterator[None]:
    """allauth counts in the cache: no test may feel another one's tries."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def amy(db: None) -> User:
    """A patient."""
    return User.objects.create_user(
        "amy", password=PASSWORD, fhir_user="Patient/amy", first_name="Amy", last_name="Shaw"
    )


@pytest.fixture
def chief(db: None) -> User:
    """A superuser of the console, without a FHIR identity."""
    return User.objects.create_superuser("chief", password=PASSWORD)
