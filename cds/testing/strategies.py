"""Hypothesis strategies for facts, cases, cases that know more, and bundles, all made from a vocabulary.

`@given(cases(vocabulary, constants=thresholds))` makes a test hold for every case that a record can be read as.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Unpack

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from cds.case import Case, Fact, Lesion, Value
from cds.intake.rebuild import rebuild
from cds.ruleset import RuleSet
from cds.testing.directed import Target, Where, case_at_threshold, case_where
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
from cds.testing.noise import Noise, NoisyBundle
from cds.testing.search import Key
from cds.truth import Truth
from cds.vocabulary import FactDefinition, Vocabulary

# A chance is a number of hundredths: the smallest draw is "no", towards which Hypothesis shrinks. Of a wider range
# Hypothesis draws small numbers far more often, and what should happen every other time would happen every fourth.
_PARTS = 100


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


def lesions(
    vocabulary: Vocabulary,
    *,
    as_of: dt.date = AS_OF,
    structures: int | None = None,
    known: float = 0.5,
    constants: Constants = NO_CONSTANTS,
) -> SearchStrategy[Lesion]:
    """Target lesions, each with its structures at risk, as they stand in cases."""
    made = cases(vocabulary, lesions=1, as_of=as_of, structures=structures, known=known, constants=constants)
    return made.map(lambda case: case.lesions[0])


def days(rules: RuleSet) -> SearchStrategy[dt.date]:
    """Days to evaluate at: any of ten years up to `AS_OF`, and those around which a parameter changed."""
    turns = sorted(period.until for period in rules.periods)
    telling = [day for turn in turns for day in (turn, turn - dt.timedelta(days=1))]
    first = AS_OF - dt.timedelta(days=3650)
    return st.just(AS_OF) | st.sampled_from(telling or [AS_OF]) | st.dates(first, AS_OF)


# --- directed at a criterion -----------------------------------------------------------------------------------------


def cases_where(rules: RuleSet, criterion: str, truth: Truth, **where: Unpack[Where]) -> SearchStrategy[Case]:
    """Cases with a place in which a criterion (`SS-2`, `TP-1.done`) is true, false or unknown.

    `phase`: by default the first that has the criterion; `as_of`: the day of the cases; `others`: how many facts beside
    its own are said at most, by default 8. What fails shrinks to a patient of whom no more is said than the criterion
    needs. Raises `UnknownCriterion`, and on drawing `Unreachable` where no case is found.
    """
    return _cases_at(Target.of(rules, criterion, **where), truth)


def cases_at_threshold(rules: RuleSet, criterion: str, **where: Unpack[Where]) -> SearchStrategy[Case]:
    """Cases in which one number, on a threshold or the step of its grid below or above it, decides a criterion.

    Takes and raises what `cases_where` does.
    """
    target = Target.of(rules, criterion, **where)
    return _chosen(lambda choices: case_at_threshold(choices, target))


def facts_where(
    rules: RuleSet, criterion: str, truth: Truth, **where: Unpack[Where]
) -> SearchStrategy[dict[Key, Fact]]:
    """The facts that a criterion reads where it has this truth, by subject and name: `("T1", "carotidEncasement")`."""
    target = Target.of(rules, criterion, **where)

    def read(case: Case) -> dict[Key, Fact]:
        decided = next(iter(target.places(case, truth).values()))
        return {(subject, fact.name): value for subject, fact, value in decided.facts()}

    return _cases_at(target, truth).map(read)


def lesions_where(rules: RuleSet, criterion: str, truth: Truth, **where: Unpack[Where]) -> SearchStrategy[Lesion]:
    """Lesions in which, or at a structure of which, a criterion has this truth; the first one for a patient's."""
    target = Target.of(rules, criterion, **where)

    def lesion(case: Case) -> Lesion:
        place = next(iter(target.places(case, truth)))
        named = place.split("/")[0].split("+")[0]
        return next((each for each in case.lesions if each.id == named), case.lesions[0])

    return _cases_at(target, truth).map(lesion)


def bundles_where(
    rules: RuleSet, criterion: str, truth: Truth, **where: Unpack[Where]
) -> SearchStrategy[dict[str, object]]:
    """FHIR bundles, each the smallest that reads as a case of `cases_where`."""
    return cases_where(rules, criterion, truth, **where).map(lambda case: rebuild(case, rules.vocabulary))


def noisy_bundles_where(
    rules: RuleSet, criterion: str, truth: Truth, *, noises: Sequence[Noise] = (), **where: Unpack[Where]
) -> SearchStrategy[NoisyBundle]:
    """The bundles of `bundles_where` as other senders would write them, each with its case."""
    made = cases_where(rules, criterion, truth, **where)
    return made.flatmap(lambda case: noisy(rebuild(case, rules.vocabulary), case=case, noises=noises))


def _cases_at(target: Target, truth: Truth) -> SearchStrategy[Case]:
    return _chosen(lambda choices: case_where(choices, target, truth))


# --- from a case, or over a bundle -----------------------------------------------------------------------------------


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


def noisy(
    bundle: Mapping[str, Any], *, case: Case | None = None, noises: Sequence[Noise] = ()
) -> SearchStrategy[NoisyBundle]:
    """The bundle as other senders would write it: with these noises, or with any of `cds.testing.NOISES`."""
    return _chosen(lambda choices: NoisyBundle.made(bundle, choices, case=case, noises=noises))


def noisy_bundles(
    vocabulary: Vocabulary,
    *,
    lesions: int | tuple[int, int] = (1, 2),
    as_of: dt.date = AS_OF,
    structures: int | None = 2,
    known: float = 0.3,
    constants: Constants = NO_CONSTANTS,
    noises: Sequence[Noise] = (),
) -> SearchStrategy[NoisyBundle]:
    """Bundles with noise over them, each with the case as which it has to be read."""
    made = cases(vocabulary, lesions=lesions, as_of=as_of, structures=structures, known=known, constants=constants)
    return made.flatmap(lambda case: noisy(rebuild(case, vocabulary), case=case, noises=noises))


def _chosen(make: Callable[[Choices], T]) -> SearchStrategy[T]:
    @st.composite
    def drawn(draw: DrawFn) -> T:
        return make(DrawnChoices(draw))

    return drawn()
