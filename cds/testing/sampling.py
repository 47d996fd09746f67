"""Cases from a seed, for comparisons of many thousands of cases where a Hypothesis search would be too slow."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator

from cds.case import Case
from cds.testing.generation import AS_OF, NO_CONSTANTS, Constants, any_case, any_narrowing
from cds.vocabulary import Vocabulary


class SeededChoices:
    """Choices from a pseudo-random generator: the same seed, the same choices."""

    def __init__(self, generator: random.Random) -> None:
        self._generator = generator

    def chance(self, probability: float) -> bool:
        """Whether a thing of this probability happens."""
        return self._generator.random() < probability

    def below(self, count: int) -> int:
        """One of 0 to `count` - 1."""
        return int(self._generator.random() * count)


def random_cases(
    vocabulary: Vocabulary,
    constants: Constants = NO_CONSTANTS,
    seed: int = 0,
    n: int = 1000,
    known: float = 0.7,
    *,
    as_of: dt.date = AS_OF,
    lesions: tuple[int, int] = (1, 2),
) -> Iterator[Case]:
    """`n` cases; the k-th depends on the seed and on k alone, so that a failing one can be made again by itself.

    >>> from cds.testing import sample_vocabulary
    >>> first, second = random_cases(sample_vocabulary(), seed=7, n=2)
    >>> first == next(random_cases(sample_vocabulary(), seed=7, n=1)), first == second
    (True, False)
    """
    for number in range(n):
        choices = SeededChoices(random.Random(f"{seed}/{number}"))
        yield any_case(choices, vocabulary, as_of=as_of, lesions=lesions, known=known, constants=constants)


def random_narrowings(
    case: Case, vocabulary: Vocabulary, constants: Constants = NO_CONSTANTS, seed: int = 0, n: int = 10
) -> Iterator[Case]:
    """`n` cases that know what `case` knows and more."""
    for number in range(n):
        choices = SeededChoices(random.Random(f"narrowing/{seed}/{number}"))
        yield any_narrowing(choices, case, vocabulary, constants=constants)
