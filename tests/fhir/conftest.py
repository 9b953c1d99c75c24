"""What the tests of the FHIR API share."""

import pytest
from pytest_django.fixtures import Settings

from tests.fhir.callers import Caller, everyone


@pytest.fixture(autouse=True)
def callers(settings: Settings) -> None:
    """Callers are known by tests.fhir.callers instead of by tokens."""
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["tests.fhir.callers.CallerAuthentication"]}


@pytest.fixture
def api(db: None) -> Caller:
    """A caller who may do everything, with a database."""
    return everyone()
