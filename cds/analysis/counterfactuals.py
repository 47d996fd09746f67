"""What would change one patient's answer, by the solver: however many facts it takes, with a proof that fewer do not.

The search in `cds.reasoning.changes` stops at a number of facts; this one does not. It is for one case at a time and
runs offline. Whatever the solver finds, the reference evaluator decides again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import z3

from cds.analysis.formulas import Formula, both, either, no
from cds.analysis.judging import untrusted
from cds.analysis.meaning import Meaning
from cds.analysis.universe import PATIENT, Universe, Variable, place
from cds.analysis.witness import Undecided
from cds.case import Fact, Facts, Known, subjects_of
from cds.case.supposing import Place
from cds.language.types import CodeType, NumberType
from cds.quantities import Interval
from cds.reasoning.changes import Change, Way, is_changeable
from cds.reasoning.decision import Decision, LesionDecision, OptionDecision
from cds.reasoning.supposing import Supposing
from cds.reasoning.verdict import ORDER_OF_VERDICTS, Verdict

MOST_LESIONS: Final = 2
"""A patient of the solver has one lesion in question and one other."""
_FAR: Final = 10**12
"""Beyond any number that a fact can have: the end of a value that is known from one side only."""


@dataclass(frozen=True)
class Stated:
    """One lesion of a decided case, in the words of the solver: `T1` is the lesion in question, `T2` the other one."""

    decision: Decision
    lesion: LesionDecision
    meaning: Meaning

    @property
    def universe(self) -> Universe:
        """The variables."""
        return self.meaning.universe

    @cached_property
    def subjects(self) -> Mapping[str, str]:
        """The case's subject for each of the solver's; of a structure that the case does not have there is none."""
        others = [each.id for each in self.decision.case.lesions if each.id != self.lesion.lesion.id]
        lesions = dict(zip(self.universe.lesions, [self.lesion.lesion.id, *others], strict=True))
        mine = {subject for subject, _, _ in subjects_of(self.decision.case)}
        named = {PATIENT: PATIENT, **lesions}
        for its, places in self.universe.structures.items():
            named |= {each.key: f"{lesions[its]}/{each.name}/{each.side}" for each in places}
        return {its: subject for its, subject in named.items() if subject in mine}

    @cached_property
    def variables(self) -> Mapping[Place, Variable]:
        """The variable of each fact of the case."""
        return {
            (self.subjects[subject], name): variable
            for (subject, name), variable in self.universe.variables.items()
            if subject in self.subjects
        }

    @cached_property
    def facts(self) -> Mapping[str, Facts]:
        """The facts of the case by subject."""
        return {subject: facts for subject, _, facts in subjects_of(self.decision.case)}

    def structures(self) -> Formula:
        """The case's structures at risk are there, and no others."""
        places = [each for its in self.universe.structures.values() for each in its]
        return both(*(each.present if each.key in self.subjects else no(each.present) for each in places))

    def fact(self, where: Place) -> Fact:
        """A fact as the case has it."""
        return self.facts[where[0]][where[1]]

    def same(self, where: Place) -> Formula:
        """A fact is as the case has it."""
        variable, value = self.variables[where], self.fact(where).value
        if value is None:
            return no(variable.known)
        return both(variable.known, self._is(variable, value))

    @staticmethod
    def _is(variable: Variable, value: object) -> Formula:
        if variable.yes is not None:
            return variable.yes if value is True else no(variable.yes)
        if variable.code is not None and isinstance(variable.definition.type, CodeType):
            return both(variable.code == variable.definition.type.values.index(str(value)))
        if variable.low is not None and variable.high is not None and isinstance(value, Interval):
            low, high = ends(value, variable)
            return both(variable.low == low, variable.high == high)
        return both()  # a date: no condition reads one

    def otherwise(self, where: Place) -> Formula:
        """A known fact has another value than the case states: of numbers an exact one."""
        variable, value = self.variables[where], self.fact(where).value
        other = no(self._is(variable, value))
        if variable.low is not None and variable.high is not None and isinstance(value, Interval):
            low, high = ends(value, variable)
            whole = isinstance(variable.definition.type, NumberType) and variable.definition.type.decimals == 0
            other = both(
                variable.low == variable.high,
                either(variable.high < low, variable.low > high),
                *([variable.low % 2 == 0] if whole else []),
            )
        return both(variable.known, variable.bounds(), other)

    def possible(self, option: str) -> Mapping[Verdict, Formula]:
        """When each verdict is possible."""
        return {verdict: self.meaning.possible(option, verdict) for verdict in ORDER_OF_VERDICTS}


def ends(value: Interval, variable: Variable) -> tuple[int, int]:
    """The first and the last place on the grid that a value may be at."""
    low = -_FAR if value.low is None else place(value.low, variable.definition, after=value.low_open)
    high = _FAR if value.high is None else place(value.high, variable.definition, before=value.high_open)
    return low, high


def stated(decision: Decision, lesion: LesionDecision) -> Stated:
    """One lesion of a case for the solver. Raises `ValueError` for more lesions than `MOST_LESIONS`."""
    count = len(decision.case.lesions)
    if count > MOST_LESIONS:
        raise ValueError(f"the case has {count} lesions; the solver speaks of {MOST_LESIONS} at most: name one of them")
    universe = Universe(decision.rules.vocabulary, other=count == 2)
    return Stated(decision, lesion, Meaning(decision.rules, "decision", universe))


def fewest_changes(case: Stated, option: OptionDecision, *, seconds: float) -> tuple[Way, ...]:
    """For every other answer that changes of known, modifiable facts can lead to: one way that changes the fewest.

    What is not listed, no changes lead to. Raises `Undecided` where the solver gives up.
    """
    supposing = Supposing(case.decision, case.lesion, option)
    free = {each: z3.Bool(f"changed {each[0]}.{each[1]}") for each in supposing.read if is_changeable(each, supposing)}
    solver = z3.Solver()
    solver.set("timeout", max(1, int(seconds * 1000)))
    solver.add(case.structures())
    for where in case.variables:
        if where in free:
            solver.add(z3.If(free[where], case.otherwise(where), case.same(where)))
        else:
            solver.add(case.same(where))
    verdicts = {verdict: z3.Bool(f"{verdict.value} is possible") for verdict in ORDER_OF_VERDICTS}
    for verdict, formula in case.possible(option.option).items():
        solver.add(verdicts[verdict] == formula)
    solver.add(_another(verdicts, option.possible))
    ways: list[Way] = []
    for most in range(1, len(free) + 1):
        bounded = z3.Bool(f"at most {most}")
        solver.add(z3.Implies(bounded, z3.AtMost(*free.values(), most)))
        while (model := _found(solver, bounded)) is not None:
            way = _way(model, case, supposing, free, verdicts)
            ways.append(way)
            solver.add(_another(verdicts, way.possible))
    return tuple(ways)


def _another(verdicts: Mapping[Verdict, z3.BoolRef], possible: frozenset[Verdict]) -> Formula:
    """Other verdicts are possible than these."""
    return either(*(no(each) if verdict in possible else each for verdict, each in verdicts.items()))


def _found(solver: z3.Solver, assumed: z3.BoolRef) -> z3.ModelRef | None:
    answer = solver.check(assumed)
    if answer == z3.unknown:
        raise Undecided(
            f"the solver gave no answer ({solver.reason_unknown()}); nothing is proved: allow it more time"
        )
    return solver.model() if answer == z3.sat else None


def _way(
    model: z3.ModelRef,
    case: Stated,
    supposing: Supposing,
    free: Mapping[Place, z3.BoolRef],
    verdicts: Mapping[Verdict, z3.BoolRef],
) -> Way:
    """What the solver found, as the reference evaluator finds it, too. Raises `UntrustedWitness` where it does not."""
    changed = {
        where: case.variables[where].fact(model)
        for where, its in free.items()
        if z3.is_true(model.eval(its, model_completion=True))
    }
    possible = frozenset(
        verdict for verdict, its in verdicts.items() if z3.is_true(model.eval(its, model_completion=True))
    )
    if supposing.possible(changed) != possible:
        raise untrusted("what other values of its facts lead to")
    changes = (
        Change(where, supposing.definition(where), supposing.fact(where), (fact.state.value,))
        for where, fact in changed.items()
        if isinstance(fact.state, Known)
    )
    return Way(tuple(changes), possible)
