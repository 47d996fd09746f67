"""A patient of the solver as a case: the proof against a statement that a person can read, run and keep.

A witness is never believed as it comes: it is assembled as any other case is, and the reference evaluator judges it
again (`cds.analysis.judging`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, Final

import z3

from cds.analysis.formulas import Formula, both, either, no
from cds.analysis.universe import PATIENT, Universe, Variable
from cds.case import AbsenceReason, Absent, Case, Fact, Known, ReportedLesion, ReportedStructure, assemble
from cds.case.case import silent
from cds.errors import CdsError
from cds.quantities import Interval

AS_OF: Final = dt.date(2026, 11, 22)
"""The day of a witness; no condition reads a date, so any day would do."""
_NOT_TOLD: Final = Fact(Absent(AbsenceReason.ASKED_UNKNOWN))


class Undecided(CdsError):
    """The solver gave up within its time: nothing is proved and nothing is refuted."""

    code: ClassVar[str] = "undecided"


class Patients:
    """Any patients, put to a solver that keeps what it has learned of them from one question to the next.

    `universe` is the patient that a witness is made of; `others` are further ones that a question may speak of.
    """

    def __init__(self, universe: Universe, *others: Universe) -> None:
        self.universe = universe
        self._solver = z3.Solver()
        for each in (universe, *others):
            self._solver.add(*each.axioms)

    def find(self, formula: Formula, *, seconds: float, minimal: bool = True) -> z3.ModelRef | None:
        """A patient for whom the formula holds, with as little known as the solver finds; `None` proves there is none.

        Raises `Undecided` where the solver gives up.
        """
        self._solver.set("timeout", max(1, int(seconds * 1000)))
        self._solver.push()
        try:
            self._solver.add(formula)
            model = _model(self._solver)
            return model if model is None or not minimal else _with_less(self._solver, model, self.universe)
        finally:
            self._solver.pop()


def _model(solver: z3.Solver) -> z3.ModelRef | None:
    answer = solver.check()
    if answer == z3.unknown:
        reason = solver.reason_unknown()
        raise Undecided(f"the solver gave no answer ({reason}); nothing is proved: allow it more time")
    return solver.model() if answer == z3.sat else None


def _with_less(solver: z3.Solver, model: z3.ModelRef, universe: Universe) -> z3.ModelRef:
    """The patient with everything unsaid, absent or exact that need not be otherwise, one thing after another.

    What the first patient leaves unsaid stays so: few calls, and none of them hard.
    """
    for wishes in _wishes(universe):
        solver.add(*(wish for wish in wishes if _holds(model, wish)))
        for group in _halves([wish for wish in wishes if not _holds(model, wish)]):
            if all(_holds(model, wish) for wish in group):
                continue
            solver.push()
            solver.add(*group)
            granted = solver.check() == z3.sat
            if granted:
                model = solver.model()
            solver.pop()
            if granted:
                solver.add(*group)
    return model


def _wishes(universe: Universe) -> Iterable[list[Formula]]:
    """What a reader would rather have: what need not be said unsaid, then what is measured exact."""
    places = [place for each in universe.structures.values() for place in each]
    yield [_unsaid(variable) for variable in universe.variables.values()]
    yield [no(place.present) for place in places]
    yield [
        either(no(variable.known), both(variable.low == variable.high, variable.low % 2 == 0))
        for variable in universe.variables.values()
        if variable.low is not None
    ]


def _unsaid(variable: Variable) -> Formula:
    """What the fact is while nobody says anything about it."""
    if variable.yes is not None and silent(variable.definition, {"any": ()}).value is False:
        return both(variable.known, no(variable.yes))
    return no(variable.known)


def _halves(wishes: list[Formula]) -> Iterable[list[Formula]]:
    """All at once, then smaller and smaller groups, at last each alone: most are granted in few calls."""
    size = len(wishes)
    while size >= 1:
        yield from (wishes[start : start + size] for start in range(0, len(wishes), size))
        size = 0 if size == 1 else max(1, size // 4)


def _holds(model: z3.ModelRef, formula: Formula) -> bool:
    return bool(z3.is_true(model.eval(formula, model_completion=True)))


Entry = tuple[str, ...]
"""One thing that a record says: a fact, by its subject and name, or that a structure or a lesion is there."""


@dataclass(frozen=True)
class Reported:
    """What a made-up record says, entry by entry, so that some of it can be left out again."""

    universe: Universe
    facts: Mapping[Entry, Fact]
    places: tuple[str, ...]
    lesions: tuple[str, ...]
    as_of: dt.date = AS_OF

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything that can be left out: all but the first lesion."""
        return (*((lesion,) for lesion in self.lesions[1:]), *((place,) for place in self.places), *self.facts)

    def without(self, entries: Iterable[Entry]) -> Reported:
        """The same record with less said. What is left out with a lesion or a structure is what is said about it."""
        gone = frozenset(entries)
        lesions = tuple(each for each in self.lesions if (each,) not in gone)
        places = tuple(each for each in self.places if (each,) not in gone)
        facts = {entry: fact for entry, fact in self.facts.items() if entry not in gone}
        return replace(self, lesions=lesions, places=places, facts=facts)

    def saying(self, entry: Entry, number: Fraction) -> Reported:
        """The same record with an exact number in the place of what was measured."""
        return replace(self, facts={**self.facts, entry: Fact(Known(Interval.point(number)))})

    def case(self, silences: Iterable[str] = ()) -> Case:
        """The record, read; `silences` are the contexts that it has in which it may be silent."""
        by_subject: dict[str, dict[str, Fact]] = {}
        for (subject, name), fact in self.facts.items():
            by_subject.setdefault(subject, {})[name] = fact
        lesions = tuple(
            ReportedLesion(
                lesion,
                lesion,
                by_subject.get(lesion, {}),
                tuple(
                    ReportedStructure(each.name, each.side, by_subject.get(each.key, {}))
                    for each in self.universe.structures[lesion]
                    if each.key in self.places
                ),
            )
            for lesion in self.lesions
        )
        return assemble(
            self.universe.vocabulary, as_of=self.as_of, patient=by_subject.get(PATIENT, {}), lesions=lesions,
            silences=dict.fromkeys(silences, ()),
        )  # fmt: skip


def reported(universe: Universe, model: z3.ModelRef, as_of: dt.date = AS_OF) -> Reported:
    """What a record of the solver's patient says: no more than it takes.

    Where silence would fill something in, the fact is *asked, but unknown*.
    """
    facts: dict[Entry, Fact] = {}
    for variable in universe.variables.values():
        entry = (variable.subject, variable.definition.name)
        if _holds(model, variable.known):
            fact = variable.fact(model)
            if fact.state != silent(variable.definition, {"any": ()}).state:
                facts[entry] = fact
        elif _would_be_filled_in(universe, variable, model):
            facts[entry] = _NOT_TOLD
    places = tuple(
        each.key for lesion in universe.lesions for each in universe.structures[lesion] if _holds(model, each.present)
    )
    return Reported(universe, facts, places, universe.lesions, as_of)


def case_of(universe: Universe, model: z3.ModelRef, as_of: dt.date = AS_OF) -> Case:
    """The solver's patient as a case, with no more said than it takes."""
    return reported(universe, model, as_of).case()


def smallest(record: Reported, shows: Callable[[Case], bool], about: Formula | None = None) -> Case:
    """The record without whatever is not needed to show something; `shows` holds of it as it stands.

    What the formula `about` does not speak of is left out first; then more and more single things, as long as what is
    left still shows it. At last what was measured is made exact where it can be.
    """
    if about is not None:
        spoken_of = _names(about)
        others = [entry for entry in record.entries if ".".join(entry) not in spoken_of]
        record = _without(record, others, shows)
    size = len(record.entries)
    while size >= 1:
        for group in [record.entries[start : start + size] for start in range(0, len(record.entries), size)]:
            record = _without(record, group, shows)
        size = 0 if size == 1 else max(1, size // 3)
    definitions = {variable: each.definition for variable, each in record.universe.variables.items()}
    for entry, fact in record.facts.items():
        subject, name = entry
        exact = (record.saying(entry, number) for number in _numbers(fact, definitions[subject, name].plausible))
        record = next((each for each in exact if shows(each.case())), record)
    return record.case()


def smallest_pair(first: Reported, second: Reported, shows: Callable[[Case, Case], bool]) -> tuple[Case, Case]:
    """Two records of one patient without whatever neither needs to show something together; `shows` holds of them.

    What is left out of one is left out of the other.
    """
    size = len(first.entries)
    while size >= 1:
        entries = tuple(dict.fromkeys([*first.entries, *second.entries]))
        for group in [entries[start : start + size] for start in range(0, len(entries), size)]:
            pair = first.without(group), second.without(group)
            if pair[0].entries != first.entries and shows(pair[0].case(), pair[1].case()):
                first, second = pair
        size = 0 if size == 1 else max(1, size // 3)
    return first.case(), second.case()


def _numbers(fact: Fact, plausible: Interval | None) -> tuple[Fraction, ...]:
    """The numbers that a reader would first think of instead of an interval: the ends of what is plausible of it."""
    value = fact.value
    if not isinstance(value, Interval) or value.is_point:
        return ()
    part = value if plausible is None else value.intersection(plausible)
    return () if part is None or part.low is None or part.high is None else (part.low, part.high)


def _without(record: Reported, entries: Iterable[Entry], shows: Callable[[Case], bool]) -> Reported:
    less = record.without(entries)
    return less if less.entries != record.entries and shows(less.case()) else record


def _names(formula: Formula) -> frozenset[str]:
    """The facts and structures that a formula speaks of, as `T1.size`."""
    names: set[str] = set()
    seen: set[int] = set()
    waiting: list[z3.ExprRef] = [formula]
    while waiting:
        node = waiting.pop()
        if node.get_id() in seen:
            continue
        seen.add(node.get_id())
        waiting += node.children()
        if z3.is_const(node) and node.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            names.add(str(node.decl().name()).partition(" ")[0])
    return frozenset(names)


def _would_be_filled_in(universe: Universe, variable: Variable, model: z3.ModelRef) -> bool:
    """Whether a fact that is not known would be, if nobody spoke of it: by silence, a closing statement or a code."""
    definition = variable.definition
    lesion = variable.subject.split("/")[0]
    others = [(variable.subject, name) for name in definition.implied_by]
    if definition.bounded_below_by is not None:
        others.append((lesion, definition.bounded_below_by))
    speaks = any(_holds(model, universe[other].known) for other in others)
    return speaks or silent(definition, {"any": ()}).is_known
