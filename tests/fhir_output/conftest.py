"""What tests of the FHIR resources share."""

from __future__ import annotations

import pytest

from cds.ruleset import RuleSet
from tests.fhir_output.answers import NAMES, shipped


@pytest.fixture(scope="session")
def rules() -> RuleSet:
    """The rule set of this repository."""
    return shipped()


@pytest.fixture(scope="session", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """The name of each example."""
    return str(request.param)
