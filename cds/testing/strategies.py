"""Hypothesis strategies for facts, cases, cases that know more, and bundles, all made from a vocabulary.

`@given(cases(vocabulary, constants=thresholds))` makes a test hold for every case that a record can be read as.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from cds.case import Case, Fact, Value
from cds.intake.rebuild import rebuild
from cds.testing.generation import (
    AS_OF,
    NO_CONSTANTS,
    Choices,
    Constants,
    T,
    any_case,
    any_fact,
    any_narrowing,
    any_value,
)
from cds.vocabulary import FactDefinition, Vocabulary

_PARTS = 1000  # a chance is a number of thousandths: the smallest draw is "no", towards which Hypothesis shrinks


class DrawnChoices:
    """Choices that Hypothesis makes, and makes simpler where a test fails."""

    def __init__(self, draw: DrawFn) -> None:
        self._draw = draw

    def chance(self, probability: float) -> bool:
        """Whether a thing of this probability happens."""
        return self._draw(st.integers(0, _PARTS - 1)) >= _PARTS - round(probability * _PARTS)

    def below(self, count: int) -> int:
        """One of 0 to `count` - 1."""
        return self._draw(st.integers(0, count - 1)) if count > 1 else 0


def values(
    definition: FactDefinition, *, as_of: dt.date = AS_OF, constants: Sequence[Fraction | Decimal | int] = ()
) -> SearchStrategy[Value]:
    """Legal values: plausible numbers on the fact's grid (points and intervals), its codes, dates not after `as_of`."""
    return _chosen(lambda choices: any_value(choices, definition, as_of, constants))


def facts(
    definition: FactDefinition,
    *,
    as_of: dt.date = AS_OF,
    known: float = 0.5,
    constants: Sequence[Fraction | Decimal | int] = (),
) -> SearchStrategy[Fact]:
    """Facts in every state that a record can leave them in: known, absent for a reason, conflicting."""
    return _chosen(lambda choices: any_fact(choices, definition, as_of=as_of, known=known, constants=constants))


def cases(
    vocabulary: Vocabulary,
    *,
    lesions: int | tuple[int, int] = (1, 2),
    as_of: dt.date = AS_OF,
    structures: int | None = None,
    known: float = 0.5,
    constants: Constants = NO_CONSTANTS,
) -> SearchStrategy[Case]:
    """Cases that a record could be read as.

    `lesions`: how many, or from how many to how many; `structures`: on how many structures of a lesion the record
    reports at most; `known`: how likely a fact has a value; `constants`: numbers worth trying, by fact path.
    """
    span = (lesions, lesions) if isinstance(lesions, int) else lesions
    return _chosen(
        lambda choices: any_case(
            choices, vocabulary, as_of=as_of, lesions=span, structures=structures, known=known, constants=constants
        )
    )


def dense_cases(
    vocabulary: Vocabulary,
    *,
    lesions: int | tuple[int, int] = 1,
    as_of: dt.date = AS_OF,
    constants: Constants = NO_CONSTANTS,
) -> SearchStrategy[Case]:
    """Cases in which nearly everything is known, so that most rules are decided."""
    return cases(vocabulary, lesions=lesions, as_of=as_of, known=0.92, constants=constants)


def sparse_cases(
    vocabulary: Vocabulary,
    *,
    lesions: int | tuple[int, int] = (0, 2),
    as_of: dt.date = AS_OF,
    constants: Constants = NO_CONSTANTS,
) -> SearchStrategy[Case]:
    """Cases in which hardly anything is known; some have no lesion."""
    return cases(vocabulary, lesions=lesions, as_of=as_of, known=0.1, structures=2, constants=constants)


def narrowings(
    case: Case, vocabulary: Vocabulary, *, constants: Constants = NO_CONSTANTS, most: int = 12
) -> SearchStrategy[Case]:
    """Cases that know what `case` knows and more, lesions, structures and `as_of` being the same."""
    return _chosen(lambda choices: any_narrowing(choices, case, vocabulary, constants=constants, most=most))


def bundles(
    vocabulary: Vocabulary, *, as_of: dt.date = AS_OF, known: float = 0.5, constants: Constants = NO_CONSTANTS
) -> SearchStrategy[dict[str, object]]:
    """FHIR bundles, each the smallest that reads as some case."""
    return cases(vocabulary, as_of=as_of, known=known, constants=constants).map(lambda case: rebuild(case, vocabulary))


def _chosen(make: Callable[[Choices], T]) -> SearchStrategy[T]:
    @st.composite
    def drawn(draw: DrawFn) -> T:
        return make(DrawnChoices(draw))

    return drawn()
