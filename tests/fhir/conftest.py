"""What the tests of the FHIR API share."""

import pytest

from tests.fhir.callers import Caller, everyone


@pytest.fixture
def api(db: None) -> Caller:
    """A caller who may do everything, with a database."""
    return everyone()
