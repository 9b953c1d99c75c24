"""What tests of pages share."""

import pytest

from tests.browser.axe_core import Checker, bring


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Checker:
    """axe-core, ready to be asked about a page."""
    return Checker(bring(tmp_path_factory.mktemp("axe")))
