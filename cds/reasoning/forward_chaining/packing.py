"""Cuts formulas into rules that durable-rules can carry.

The engine walks a fact through its network with a stack of 64 and meets everything behind a disjunction once for each
branch that holds. So what counts is not only how many atoms a ruleset has but on how many paths a fact can reach the
end of a rule. Rearranging is free: formulas are two-valued and hold no *not*.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Final

from cds.reasoning.forward_chaining.lowering import (
    All,
    Atom,
    Formula,
    HeldAttribute,
    Some,
    all_parts,
    some_parts,
)

ATOMS_PER_RULESET: Final = 60
PATHS_PER_RULESET: Final = 60
PATHS_PER_RULE: Final = 16
GROUPS_PER_RULE: Final = 14
"""The engine keeps 32 marks for a rule; each group takes two, the guard's own group among them."""
TERMS_TRIED: Final = 64


def atoms(formula: Formula) -> int:
    """How many atoms a formula is written with."""
    if isinstance(formula, All | Some):
        return sum(atoms(part) for part in formula.parts)
    return 1


def paths(formula: Formula) -> int:
    """On how many paths a fact can satisfy a formula at once, at most.

    Tests of one attribute for different constants exclude one another: they count once.
    """
    match formula:
        case All(parts):
            return prod(paths(part) for part in parts)
        case Some(parts):
            return 1 if _exclusive(parts) else sum(paths(part) for part in parts)
        case _:
            return 1


def _exclusive(parts: Sequence[Formula]) -> bool:
    asked = {part.attribute for part in parts if isinstance(part, Atom) and part.operator == "="}
    return len(asked) == 1 and all(isinstance(part, Atom) and part.operator == "=" for part in parts)


def _groups(formula: Formula) -> int:
    return 1 + sum(_groups(part) for part in formula.parts) if isinstance(formula, All | Some) else 0


def fits(formula: Formula) -> bool:
    """Whether a formula can be one rule."""
    return (
        atoms(formula) <= ATOMS_PER_RULESET
        and paths(formula) <= PATHS_PER_RULE
        and _groups(formula) <= GROUPS_PER_RULE
    )


def rules_of(formula: Formula) -> tuple[Formula, ...]:
    """Formulas that each fit into one rule, and one of which holds exactly where `formula` does.

    Where nothing else helps, a part is decided before (`HeldAttribute`), as a formula of its own.
    """
    return tuple(_joined(_cut(formula)))


def _cut(formula: Formula) -> Iterator[Formula]:
    if fits(formula):
        yield formula
    elif isinstance(formula, Some):
        for part in formula.parts:
            yield from _cut(part)
    else:
        assert isinstance(formula, All)
        terms = _terms(formula, PATHS_PER_RULE)
        if terms is not None and all(fits(term) for term in terms):
            yield from terms
        else:
            yield _with_parts_held(formula)


def _with_parts_held(formula: All) -> Formula:
    """The formula with every disjunction decided before, and with so many atoms decided before that it fits."""
    parts = [_held(part) if isinstance(part, Some) else part for part in formula.parts]
    while len(parts) > ATOMS_PER_RULESET:
        parts = [
            _held(all_parts(parts[start : start + ATOMS_PER_RULESET]))
            for start in range(0, len(parts), ATOMS_PER_RULESET)
        ]
    return all_parts(parts)


def _held(formula: Formula) -> Formula:
    return Atom(HeldAttribute(formula), "=", 1)


def _terms(formula: Formula, most: int) -> tuple[Formula, ...] | None:
    """The formula as a disjunction of conjunctions of atoms, none implied by another; `None` if there are many."""
    sets = _term_sets(formula)
    if sets is None or len(sets) > most:
        return None
    return tuple(all_parts(term) for term in sets)


def _term_sets(formula: Formula) -> list[frozenset[Formula]] | None:
    if isinstance(formula, Some):
        union: list[frozenset[Formula]] = []
        for part in formula.parts:
            terms = _term_sets(part)
            if terms is None:
                return None
            union = _without_implied([*union, *terms])
        return union if len(union) <= TERMS_TRIED else None
    if isinstance(formula, All):
        product: list[frozenset[Formula]] = [frozenset()]
        for part in formula.parts:
            terms = _term_sets(part)
            if terms is None or len(product) * len(terms) > TERMS_TRIED**2:
                return None
            product = _without_implied([left | right for left in product for right in terms])
            if len(product) > TERMS_TRIED:
                return None
        return product
    return [frozenset([formula])]


def _without_implied(terms: list[frozenset[Formula]]) -> list[frozenset[Formula]]:
    distinct = sorted(dict.fromkeys(terms), key=len)
    kept: list[frozenset[Formula]] = []
    for term in distinct:
        if not any(shorter <= term for shorter in kept):
            kept.append(term)
    return kept


def _joined(formulas: Iterator[Formula]) -> Iterator[Formula]:
    """The same disjunction in fewer rules: neighbours that fit together become one."""
    waiting: Formula = False
    for formula in formulas:
        together = some_parts((waiting, formula))
        if fits(together):
            waiting = together
        else:
            if waiting is not False:
                yield waiting
            waiting = formula
    if waiting is not False:
        yield waiting
