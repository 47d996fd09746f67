"""The numbers at which the conditions of a rule set change their truth: where generated values are most telling."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from cds.language import walk
from cds.language.syntax import Between, Comparison, Expression, FactReference, NumberLiteral, QuantityLiteral


def thresholds(conditions: Iterable[Expression]) -> dict[str, tuple[Fraction, ...]]:
    """Every number that a resolved condition compares a fact with, by the fact's path, in the fact's unit.

    Made for `cases(…, constants=…)`. A fact of the other lesion of a pair counts as a fact of a lesion.

    >>> fact = FactReference("other", "diameter")
    >>> thresholds([Comparison(">", fact, QuantityLiteral(Fraction(30), 0, "mm"))])
    {'lesion.diameter': (Fraction(30, 1),)}
    """
    found: dict[str, dict[Fraction, None]] = {}
    for condition in conditions:
        for node, _ in walk(condition):
            match node:
                case Comparison(_, FactReference() as fact, constant):
                    constants: tuple[Expression, ...] = (constant,)
                case Between(FactReference() as fact, low, high):
                    constants = (low, high)
                case _:
                    continue
            path = f"{'lesion' if fact.level == 'other' else fact.level}.{fact.name}"
            for literal in constants:
                if isinstance(literal, NumberLiteral | QuantityLiteral):
                    found.setdefault(path, {})[literal.value] = None
    return {path: tuple(sorted(numbers)) for path, numbers in found.items()}
