"""A rule set that has been loaded and checked: nothing in it needs looking up or checking again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cds.errors import Finding, Position
from cds.language.syntax import Expression
from cds.ruleset.model import (
    Alternative,
    Claim,
    Definition,
    Head,
    Need,
    Option,
    Parameter,
    Phase,
    PlannerFile,
    Preference,
    Reference,
    Rule,
    RuleException,
    SourceAttribute,
)
from cds.ruleset.program import Program
from cds.vocabulary import Vocabulary

if TYPE_CHECKING:
    from cds.ruleset.mapping import MappingTables


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition as its author wrote it: the text for people, the tree, and the parameters it reads.

    `parameters` includes those that its definitions read.
    """

    text: str
    tree: Expression
    parameters: tuple[str, ...]


def considered(rule: Rule, phase: Phase) -> bool:
    """Whether a phase considers a rule: planning adds its own to those of decision, follow-up stands alone.

    The scope is asked in every phase: whom a rule set is about does not change with the phase.
    """
    phases = {"decision": ("decision",), "planning": ("decision", "planning"), "follow-up": ("follow-up",)}[phase]
    return rule.phase in phases or rule.option == "scope"


@dataclass(frozen=True, slots=True)
class Period:
    """The parameters before a day on which one of them changed, and the programs that they make."""

    until: dt.date
    parameters: Mapping[str, Parameter]
    programs: Mapping[Phase, Program]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Clinical knowledge, loaded: vocabulary, rules, parameters, references, and the programs made of them.

    `conditions` has every criterion's condition by id (`SS-2`, `TP-1.done`); `digest` is the SHA-256 of all files that
    the rule set was read from, in a fixed order; `overrides` names the parameters that an overlay replaced.

    `parameters` and `programs` are those of the newest values; `on` gives those of a day. `places` says where each
    statement (by id), parameter (`parameters.name`), definition, option, alternative and structure stands.
    """

    head: Head
    vocabulary: Vocabulary
    options: Mapping[str, Option]
    alternatives: tuple[Alternative, ...]
    parameters: Mapping[str, Parameter]
    rules: tuple[Rule, ...]
    exceptions: tuple[RuleException, ...]
    preferences: tuple[Preference, ...]
    planner: PlannerFile
    references: Mapping[str, Reference]
    conditions: Mapping[str, Condition]
    programs: Mapping[Phase, Program]
    mapping: MappingTables
    digest: str
    overrides: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()
    source_attributes: tuple[SourceAttribute, ...] = ()
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)
    places: Mapping[str, Position] = field(default_factory=dict)
    periods: tuple[Period, ...] = ()

    def on(self, day: dt.date) -> RuleSet:
        """The rule set under the parameters that hold on a day; one that has no value yet is `unset` there.

        >>> from cds.ruleset import load_rules
        >>> load_rules().on(dt.date(1999, 1, 1)).parameters["carotidEncasementLimit"].status
        'unset'
        """
        before = [period for period in self.periods if day < period.until]
        return replace(self, parameters=before[-1].parameters, programs=before[-1].programs) if before else self

    def rules_in(self, phase: Phase) -> tuple[Rule, ...]:
        """The rules that a phase considers; see `considered`."""
        return tuple(rule for rule in self.rules if considered(rule, phase))

    def needs(self) -> tuple[Need, ...]:
        """Why a structure may need protection."""
        return self.planner.need
