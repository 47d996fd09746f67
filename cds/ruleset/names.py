"""What a condition may name at a place of a rule set: facts, definitions and parameters, per level and phase."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from cds.language.syntax import (
    And,
    AnyOf,
    Between,
    Comparison,
    Expression,
    FactReference,
    Implies,
    Membership,
    Not,
    Or,
    Xor,
)
from cds.language.types import BooleanType, Constant, ValueType
from cds.ruleset.model import Parameter, Phase
from cds.ruleset.vocabulary_file import PLANNER_FACTS
from cds.vocabulary import Level, Vocabulary, level_of

WORDS: Mapping[Level, tuple[str, ...]] = {
    Level.PATIENT: ("patient",),
    Level.LESION: ("patient", "lesion"),
    Level.STRUCTURE: ("patient", "lesion", "structure"),
    Level.OTHER_LESION: ("patient", "lesion", "other"),
}
"""The words that may stand before the point in a condition of each level."""


@dataclass(frozen=True)
class ConditionNames:
    """The names of one level in one phase; `lookup` resolves a definition of that phase, or gives `None`."""

    level: Level
    phase: Phase
    vocabulary: Vocabulary
    parameters: Mapping[str, Parameter]
    definition_names: Collection[str]
    lookup: Callable[[str, Phase], Expression | None]

    def levels(self) -> Collection[str]:
        """The words that may stand before the point here."""
        return WORDS[self.level]

    def fact_type(self, level: str, name: str) -> ValueType | None:
        """The type of a fact, or `None`."""
        if level not in WORDS[self.level]:
            return None
        if level == "structure" and name in PLANNER_FACTS and self.phase != "follow-up":  # which has no plan to make
            return BooleanType()
        definition = self.vocabulary.facts.get((level_of(level), name))
        return definition.type if definition else None

    def definition(self, level: str, name: str) -> Expression | None:
        """A definition's resolved expression, speaking of the other lesion where it is named through `other`."""
        word = "lesion" if level == "other" else level
        if level not in WORDS[self.level] or f"{word}.{name}" not in self.definition_names:
            return None
        expression = self.lookup(f"{word}.{name}", self.phase)
        return of_other_lesion(expression) if expression is not None and level == "other" else expression

    def names_of(self, level: str) -> Collection[str]:
        """Every fact and definition that a word gives access to."""
        word = "lesion" if level == "other" else level
        facts = [name for (its, name) in self.vocabulary.facts if its is level_of(level)]
        defined = [name.partition(".")[2] for name in self.definition_names if name.startswith(f"{word}.")]
        return [*facts, *defined, *(PLANNER_FACTS if level == "structure" else ())]

    def parameter(self, name: str) -> Constant | None:
        """The value of a parameter."""
        parameter = self.parameters.get(name)
        if parameter is None or parameter.value is None:
            return None
        value = Fraction(parameter.value)
        exponent = (
            0 if isinstance(parameter.value, int) else max(0, -int(parameter.value.normalize().as_tuple().exponent))
        )
        decimals = max(1, exponent) if parameter.type == "Decimal" else exponent
        return Constant(value, decimals, parameter.unit)

    def parameter_is_unset(self, name: str) -> bool:
        """Whether the parameter is there without a value."""
        return name in self.parameters and self.parameters[name].value is None

    def parameter_names(self) -> Collection[str]:
        """Every parameter."""
        return self.parameters.keys()


def of_other_lesion(expression: Expression) -> Expression:
    """A definition of a lesion, said of the other lesion of a pair.

    *Any structure* then ranges over the other lesion's structures; its body speaks from within a structure, where
    `lesion` is already that structure's own lesion, and stays as it is.
    """
    match expression:
        case FactReference():
            return replace(expression, level="other") if expression.level == "lesion" else expression
        case Not():
            return replace(expression, operand=of_other_lesion(expression.operand))
        case And() | Or() | Xor() | Implies() | Comparison():
            return replace(expression, left=of_other_lesion(expression.left), right=of_other_lesion(expression.right))
        case Between():
            return replace(expression, operand=of_other_lesion(expression.operand))
        case Membership():
            return replace(expression, operand=of_other_lesion(expression.operand))
        case AnyOf():
            return replace(expression, over=f"other.{expression.over}")
        case _:
            return expression
