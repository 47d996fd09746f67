"""Formulas of the solver worked out for many patients at once, quickly.

Independent of what makes the formulas: it knows the solver's operators, and nothing of conditions, facts or truths. The
truth of a formula is one number whose n-th bit is its truth for the n-th patient.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import z3

Values = Mapping[str, int | bool]
_NUMBERS: dict[int, Callable[[int, int], bool]] = {
    z3.Z3_OP_EQ: operator.eq, z3.Z3_OP_LE: operator.le, z3.Z3_OP_LT: operator.lt, z3.Z3_OP_GE: operator.ge,
    z3.Z3_OP_GT: operator.gt,
}  # fmt: skip


def bits(truths: Sequence[bool]) -> int:
    """The number that holds these truths.

    >>> bits([True, False, True])
    5
    """
    return int("".join("1" if truth else "0" for truth in reversed(truths)) or "0", 2)


class Evaluation:
    """Formulas for these patients, each given by the values of all variables."""

    def __init__(self, patients: Sequence[Values]) -> None:
        self._patients = patients
        self._all = (1 << len(patients)) - 1
        self._truths: dict[int, int] = {}
        self._kept: list[z3.ExprRef] = []  # an id is one formula's only as long as the formula lives

    def truths(self, formula: z3.ExprRef) -> int:
        """For which patients the formula holds."""
        known = self._truths.get(formula.get_id())
        if known is None:
            known = self._truths[formula.get_id()] = self._decide(formula)
            self._kept.append(formula)
        return known

    def _decide(self, formula: z3.ExprRef) -> int:
        kind = formula.decl().kind()
        parts = formula.children()
        if kind in _NUMBERS and not z3.is_bool(parts[0]):
            left, right = map(self._numbers, parts)
            return bits(list(map(_NUMBERS[kind], left, right)))
        match kind:
            case z3.Z3_OP_TRUE:
                return self._all
            case z3.Z3_OP_FALSE:
                return 0
            case z3.Z3_OP_UNINTERPRETED:
                name = formula.decl().name()
                return bits([bool(patient[name]) for patient in self._patients])
            case z3.Z3_OP_NOT:
                return self._all ^ self.truths(parts[0])
            case z3.Z3_OP_AND:
                return reduce(operator.and_, map(self.truths, parts))
            case z3.Z3_OP_OR:
                return reduce(operator.or_, map(self.truths, parts))
            case z3.Z3_OP_EQ:
                return self._all ^ self.truths(parts[0]) ^ self.truths(parts[1])
            case z3.Z3_OP_DISTINCT:
                return self.truths(parts[0]) ^ self.truths(parts[1])
        raise TypeError(f"`{formula.decl()}` is not worked out here")

    def _numbers(self, term: z3.ExprRef) -> list[int]:
        kind = term.decl().kind()
        if z3.is_int_value(term):
            return [term.as_long()] * len(self._patients)
        if kind == z3.Z3_OP_UNINTERPRETED:
            name = term.decl().name()
            return [patient[name] for patient in self._patients]
        if kind == z3.Z3_OP_MOD:
            left, right = map(self._numbers, term.children())
            return list(map(operator.mod, left, right))
        raise TypeError(f"`{term.decl()}` is not worked out here")
