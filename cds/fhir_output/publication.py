"""Everything that a rule set publishes, as one Bundle: what a FHIR server would be loaded with."""

from __future__ import annotations

from cds.fhir_output.datatypes import Json
from cds.fhir_output.operations import operation_definitions
from cds.fhir_output.plan_definition import artefacts
from cds.ruleset import RuleSet


def publication(rules: RuleSet) -> Json:
    """The artefacts and the operations of a rule set in a Bundle of the type `collection`, each under its address.

    >>> from cds.ruleset import load_rules
    >>> publication(load_rules())["entry"][0]["fullUrl"]
    'https://example.org/fhir/PlanDefinition/recurrent-head-and-neck'
    """
    made = (*artefacts(rules), *operation_definitions(rules))
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": each["url"], "resource": each} for each in made],
    }
