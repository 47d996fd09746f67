"""The addresses (canonical URLs) of what a rule set publishes in FHIR. They hold wherever it is served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cds.ruleset import RuleSet

UNNAMED: Final = "https://example.org/fhir/CodeSystem/cds-"
"""The start of local code systems where a rule set names none of its own (`mapping/`, `local.value_prefix`)."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of one rule set's artefacts: all below the publisher's address, which its own code systems show.

    >>> Addresses("https://example.org/fhir/CodeSystem/hnc-cds-", "neck", "1.0.0").plan
    'https://example.org/fhir/PlanDefinition/neck'
    """

    prefix: str
    rule_set: str
    version: str

    @classmethod
    def of(cls, rules: RuleSet) -> Addresses:
        """The addresses of a rule set."""
        return cls(rules.mapping.local.value_prefix or UNNAMED, rules.head.id, rules.head.version)

    def canonical(self, resource_type: str, id_: str) -> str:
        """The address of an artefact by its type and id."""
        return f"{self.prefix.partition('/CodeSystem/')[0]}/{resource_type}/{id_}"

    @property
    def plan(self) -> str:
        """The PlanDefinition that the rules are."""
        return self.canonical("PlanDefinition", self.rule_set)

    @property
    def library(self) -> str:
        """The Library that says which data and thresholds the rules read."""
        return self.canonical("Library", self.rule_set)

    @property
    def missing_fact(self) -> str:
        """The extension by which a DataRequirement says which fact is missing."""
        return self.canonical("StructureDefinition", "cds-missing-fact")

    def versioned(self, canonical: str) -> str:
        """An address with the rule set's version, as `instantiatesCanonical` holds it."""
        return f"{canonical}|{self.version}"

    def system(self, name: str) -> str:
        """The code system of one kind of word: `verdict`, `option`, `effect`.

        It is told apart from the code systems of facts (`…hnc-cds-site`) by `answer-`.
        """
        return f"{self.prefix}answer-{name}"
