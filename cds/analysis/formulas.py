"""Three-valued truth for a solver: one formula that says *is true*, one that says *is false*, never both.

The tables are those of `cds.truth`, written once more; a test compares the two over every pair of truths.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

import z3

Formula: TypeAlias = z3.BoolRef
YES: Final[Formula] = z3.BoolVal(True)
NO: Final[Formula] = z3.BoolVal(False)


def both(*formulas: Formula) -> Formula:
    """Conjunction, with what is certain left out: a small formula is a fast and a readable one.

    >>> both(YES, z3.Bool("a"), YES)
    a
    """
    kept: dict[int, Formula] = {}
    for formula in formulas:
        if z3.is_false(formula):
            return NO
        if not z3.is_true(formula):
            kept[formula.get_id()] = formula
    left = list(kept.values())
    return YES if not left else left[0] if len(left) == 1 else z3.And(left)


def either(*formulas: Formula) -> Formula:
    """Disjunction, with what is impossible left out.

    >>> either(NO, z3.Bool("a"))
    a
    """
    kept: dict[int, Formula] = {}
    for formula in formulas:
        if z3.is_true(formula):
            return YES
        if not z3.is_false(formula):
            kept[formula.get_id()] = formula
    left = list(kept.values())
    return NO if not left else left[0] if len(left) == 1 else z3.Or(left)


def no(formula: Formula) -> Formula:
    """Negation."""
    if z3.is_true(formula):
        return NO
    return YES if z3.is_false(formula) else z3.Not(formula)


@dataclass(frozen=True, slots=True)
class Symbolic:
    """The truth of something in any patient: when it is true, and when it is false. In between it is unknown.

    >>> (Symbolic.of(True) & Symbolic(z3.Bool("t"), z3.Bool("f"))).true
    t
    """

    true: Formula
    false: Formula

    @staticmethod
    def of(value: bool) -> Symbolic:
        """The truth of something that is the same in every patient."""
        return Symbolic(YES, NO) if value else Symbolic(NO, YES)

    @property
    def unknown(self) -> Formula:
        """When it is neither."""
        return both(no(self.true), no(self.false))

    def __invert__(self) -> Symbolic:
        return Symbolic(self.false, self.true)

    def __and__(self, other: Symbolic) -> Symbolic:
        return Symbolic(both(self.true, other.true), either(self.false, other.false))

    def __or__(self, other: Symbolic) -> Symbolic:
        return Symbolic(either(self.true, other.true), both(self.false, other.false))

    def __xor__(self, other: Symbolic) -> Symbolic:
        return Symbolic(
            either(both(self.true, other.false), both(self.false, other.true)),
            either(both(self.true, other.true), both(self.false, other.false)),
        )

    def implies(self, other: Symbolic) -> Symbolic:
        """CQL's `implies`: what *not this, or that* is."""
        return ~self | other

    def where(self, present: Formula) -> Symbolic:
        """The same, said of something that may not be there: then it is false (it adds nothing to an *or*)."""
        return Symbolic(both(present, self.true), either(no(present), self.false))


UNKNOWN: Final = Symbolic(NO, NO)


def some(truths: Iterable[Symbolic]) -> Symbolic:
    """Kleene's *or* of any number; of none it is false."""
    members = list(truths)
    return Symbolic(either(*(m.true for m in members)), both(*(m.false for m in members)))


def every(truths: Iterable[Symbolic]) -> Symbolic:
    """Kleene's *and* of any number; of none it is true."""
    members = list(truths)
    return Symbolic(both(*(m.true for m in members)), either(*(m.false for m in members)))
