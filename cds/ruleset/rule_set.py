"""A rule set that has been loaded and checked: nothing in it needs looking up or checking again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cds.errors import Finding
from cds.language.syntax import Expression
from cds.ruleset.model import (
    Alternative,
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
class RuleSet:
    """Clinical knowledge, loaded: vocabulary, rules, parameters, references, and the programs made of them.

    `conditions` has every criterion's condition by id (`SS-2`, `TP-1.done`); `digest` is the SHA-256 of all files that
    the rule set was read from, in a fixed order; `overrides` names the parameters that an overlay replaced.
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

    def rules_in(self, phase: Phase) -> tuple[Rule, ...]:
        """The rules that a phase considers; see `considered`."""
        return tuple(rule for rule in self.rules if considered(rule, phase))

    def needs(self) -> tuple[Need, ...]:
        """Why a structure may need protection."""
        return self.planner.need
