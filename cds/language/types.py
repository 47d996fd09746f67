"""The types a condition may speak of, as the vocabulary declares them.

`decimals` is a fact's declared grid: every value is rounded outward to it before an engine sees it, and every constant
compared with the fact must lie on it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from cds.language.syntax import Expression


@dataclass(frozen=True, slots=True)
class BooleanType:
    """A yes/no question."""

    def __str__(self) -> str:
        return "Boolean"


@dataclass(frozen=True, slots=True)
class NumberType:
    """An Integer (`decimals == 0`) or a Decimal on a grid of `decimals` places, without unit."""

    decimals: int

    def __str__(self) -> str:
        return "Decimal" if self.decimals else "Integer"


@dataclass(frozen=True, slots=True)
class QuantityType:
    """A number of `unit` (UCUM) on a grid of `decimals` places."""

    unit: str
    decimals: int

    def __str__(self) -> str:
        return f"Quantity in {self.unit}"


@dataclass(frozen=True, slots=True)
class CodeType:
    """One of the codes `values`."""

    values: tuple[str, ...]

    def __str__(self) -> str:
        return "Code"


@dataclass(frozen=True, slots=True)
class DateType:
    """A date that may be incomplete. Conditions hold no dates: freshness is declared in the vocabulary."""

    def __str__(self) -> str:
        return "Date"


ValueType = BooleanType | NumberType | QuantityType | CodeType | DateType


@dataclass(frozen=True, slots=True)
class Constant:
    """What a parameter stands for: a number, with its unit or `None`."""

    value: Fraction
    decimals: int
    unit: str | None


class Names(Protocol):
    """What a condition may name where it stands. The rule set provides it; the language asks nothing else."""

    def levels(self) -> Collection[str]:
        """The levels that may be named here, e.g. `patient`, `lesion`, `structure`."""

    def fact_type(self, level: str, name: str) -> ValueType | None:
        """The type of a fact, or `None` if the level has no fact of that name."""

    def definition(self, level: str, name: str) -> Expression | None:
        """The already resolved expression of a definition (a Boolean), or `None` if there is none of that name."""

    def names_of(self, level: str) -> Collection[str]:
        """Every fact and definition of a level, for "did you mean"."""

    def parameter(self, name: str) -> Constant | None:
        """The value of a parameter, or `None` if there is none of that name."""

    def parameter_is_unset(self, name: str) -> bool:
        """Whether the parameter exists without a value."""

    def parameter_names(self) -> Collection[str]:
        """Every parameter, for "did you mean"."""
