"""A program: every condition of a rule set for one phase, resolved, in the form that the engines run.

An engine sees criteria only: an id, the level it is decided at, and a condition whose names are facts and whose
constants lie on the facts' grids. What a criterion is *for* (an exclusion, an obligation, a measure) is not its
concern.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from cds.language import compared, walk
from cds.language.syntax import Expression, FactReference, NumberLiteral, QuantityLiteral
from cds.vocabulary import Level, Vocabulary


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition to decide in every context of its level.

    `id` is the rule's (`SS-2`), with `.done` for what fulfils it. `condition` is resolved: no parameter, no definition.
    """

    id: str
    level: Level
    condition: Expression


@dataclass(frozen=True)
class Program:
    """All criteria of a phase.

    `derived` gives the Boolean structure facts that the planner computes (`unprotectable`, `coveredByPlan`) as an
    expression for each structure name: `derived["carotid-artery", "unprotectable"]`. A condition names them as any
    other fact; an engine puts the expression in their place.
    """

    phase: str
    criteria: tuple[Criterion, ...]
    derived: Mapping[tuple[str, str], Expression]
    vocabulary: Vocabulary

    def at(self, level: Level) -> tuple[Criterion, ...]:
        """The criteria of one level, in the order of the rule set."""
        return tuple(criterion for criterion in self.criteria if criterion.level is level)

    @cached_property
    def constants(self) -> Mapping[tuple[str, str], tuple[tuple[str, Fraction], ...]]:
        """The numbers that each fact is compared with, each with the id of the criterion that does.

        By the fact's level and name, facts of the other lesion being a lesion's.
        """
        found: dict[tuple[str, str], list[tuple[str, Fraction]]] = {}
        for criterion in self.criteria:
            for node, _ in walk(criterion.condition):
                operand, sides = compared(node)
                if isinstance(operand, FactReference):
                    key = ("lesion" if operand.level == "other" else operand.level, operand.name)
                    its = found.setdefault(key, [])
                    its += [(criterion.id, s.value) for s in sides if isinstance(s, NumberLiteral | QuantityLiteral)]
        return {key: tuple(its) for key, its in found.items()}
