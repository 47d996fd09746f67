"""What two versions do otherwise that no condition says: a patient who shows it, or that it was not decided.

A solver sees conditions, and what rules do with them; what a table, an option or a silence makes of a record is put to
the reference evaluator, on records directed at the difference. What none of them shows may still be a difference to
somebody: it is never called none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Final

from cds.analysis.formulas import UNKNOWN, Formula, Symbolic, both, either
from cds.analysis.meaning import Meaning, Somewhere
from cds.analysis.outline import outlined, told
from cds.analysis.statements import Outcome, Standing, Statement
from cds.analysis.tables import MOST, Difference, Tables
from cds.analysis.telling import Shown, differing
from cds.analysis.universe import Universe
from cds.analysis.witness import Patients, Reported, Undecided, reported
from cds.case import Fact
from cds.language import facts_of
from cds.language.syntax import Between, Comparison, Expression, FactReference, Membership
from cds.ruleset import RuleSet
from cds.ruleset.model import PHASES
from cds.ruleset.program import Criterion
from cds.vocabulary import FactDefinition

_DECIDED: Final = frozenset({"option", "phase", "order", "status", "declined_by"})
"""What a statement does that the solver can tell apart wherever an answer shows it. Of anything else, as an effect or
a remedy, an answer says more than is put to the solver: that nobody was found does not prove that it is nobody."""
_NOT_DECIDED: Final = "this is stated otherwise, and whether it treats anybody differently was not decided"


@dataclass(frozen=True, slots=True)
class Seen:
    """A record that is answered otherwise: at one `place` of the answer (`options T1 knife verdict`), what was and is.

    `silences` are the contexts in which it has to be silent to show it.
    """

    record: Reported
    silences: tuple[str, ...]
    place: str
    before: str
    after: str


@dataclass(frozen=True)
class Otherwise:
    """Two versions, over the same patients. `seconds` is what the solver may take for one question."""

    before: Meaning
    after: Meaning
    patients: Patients
    seconds: float
    as_of: dt.date

    @property
    def old(self) -> RuleSet:
        """The old version."""
        return self.before.rules

    @property
    def new(self) -> RuleSet:
        """The new version."""
        return self.after.rules

    @property
    def universe(self) -> Universe:
        """Any patient that either version can be asked about."""
        return self.before.universe

    def outcomes(self, acting: Mapping[str, tuple[str, ...]]) -> Iterator[Outcome]:
        """What comes of each difference; `acting` are the fields that statements of both versions have otherwise."""
        for name, fields in acting.items():
            yield self._restated(name, fields)
        for difference in self.tables.differences():
            says = f"nobody is answered otherwise for {difference.name}"
            yield self._tried(Statement("answer-change", difference.name, says), difference)

    @cached_property
    def tables(self) -> Tables:
        """What the two versions state beside their rules."""
        return Tables(self.old, self.new, self.universe, self.as_of, self._tipped, self._held)

    def _restated(self, name: str, fields: tuple[str, ...]) -> Outcome:
        """What a statement does otherwise, whatever its condition (another effect, another order), in any phase."""
        says = f"nobody is shown anything else by what {name} does otherwise ({', '.join(fields)})"
        statement = Statement("answer-change", name, says)
        put, decided = False, _DECIDED.issuperset(fields)
        for each in (self, *self._elsewhere):
            acts = each._acts(name)
            if not acts:
                continue
            put = True
            try:
                model = self.patients.find(either(*acts), seconds=self.seconds, minimal=False)
            except Undecided:
                model, decided = None, False
            if model is not None:
                outcome = each._tried(statement, Difference(name, [reported(self.universe, model, self.as_of)]))
                if outcome.standing is Standing.REFUTED:
                    where = "" if each is self else f"in the phase {each.before.phase}: "
                    return replace(outcome, why=f"{where}{outcome.why}")
                decided = False
        if put and decided:
            return Outcome(statement, Standing.PROVED)
        return Outcome(statement, Standing.UNDECIDED, _NOT_DECIDED)

    @cached_property
    def _elsewhere(self) -> tuple[Otherwise, ...]:
        """The same two versions in the other phases."""
        return tuple(
            replace(self, before=replace(self.before, phase=phase), after=replace(self.after, phase=phase))
            for phase in PHASES if phase != self.before.phase
        )  # fmt: skip

    def _acts(self, name: str) -> list[Formula]:
        """In whom what a statement does is seen to be another; none where nothing that is compared can be."""
        before, after = self._shown
        exceptions = (each for its in (self.old, self.new) for each in its.exceptions if each.id == name)
        about = {name, f"{name}.done", *(each.exception_to for each in exceptions)}
        found = [formula for _, formula in differing(before.pieces(about), after.pieces(about))]
        if any(rule.id in about for rule in self.old.rules):
            found += [formula for _, formula in differing(before.verdicts(), after.verdicts())]
        if name in self.old.options and name in self.new.options:
            found += [formula for _, formula in differing(before.declined(name), after.declined(name))]
        if any(each.id == name for each in self.old.planner.combinations):
            found.append(before.told_apart(name, self.new.planner)[0])
        return found

    @cached_property
    def _shown(self) -> tuple[Shown, Shown]:
        return Shown(self.before), Shown(self.after)

    def _tried(self, statement: Statement, difference: Difference) -> Outcome:
        seen = self.seen(difference)
        if seen is None:
            return Outcome(statement, Standing.UNDECIDED, _NOT_DECIDED)
        where = f"of a record with {' and '.join(seen.silences)} that is silent: " if seen.silences else ""
        why = f"{where}{seen.place}: was {seen.before}, is {seen.after}"
        return Outcome(statement, Standing.REFUTED, why, seen.record.case())

    def seen(self, difference: Difference) -> Seen | None:
        """A record that is answered otherwise, as short as it can be; none where those tried show nothing."""
        for record in islice(difference.records, MOST):
            for silences in dict.fromkeys([(), difference.silences]):
                found = self._differing(record, silences)
                if found:
                    place = next(iter(found))
                    for entry in record.entries:
                        less = record.without([entry])
                        record = less if place in self._differing(less, silences) else record
                    return Seen(record, silences, place, *self._differing(record, silences)[place])
        return None

    def _differing(self, record: Reported, silences: tuple[str, ...]) -> dict[str, tuple[str, str]]:
        """What a record is answered otherwise, each place with what it was and what it is."""
        before, after = (
            told(outlined(replace(record, universe=universe).case(silences), rules, self.before.phase))
            for rules, universe in zip((self.old, self.new), self._own, strict=True)
        )
        return {
            place: (before.get(place, "nothing"), after.get(place, "nothing"))
            for place in dict.fromkeys([*before, *after])
            if before.get(place) != after.get(place)
        }

    @cached_property
    def _own(self) -> tuple[Universe, Universe]:
        """Any patient in the words of either version: each reads a record with its own vocabulary."""
        return Universe(self.old.vocabulary, other=True), Universe(self.new.vocabulary, other=True)

    def _held(self, criteria: Collection[str]) -> Iterator[Reported]:
        """For each of some criteria a patient in whom it is true."""
        for meaning in (self.before, self.after):
            for name in [each for each in meaning.criteria if each in criteria]:
                yield from self._found(either(*(
                    both(where.present, meaning.truths[name, where.id].true)
                    for where in meaning.around(meaning.criteria[name].level)
                )))

    def _tipped(self, fact: FactDefinition, values: Collection[Fact]) -> Iterator[Reported]:
        """Patients in whom a fact, having one of the values, makes a criterion what it would not be were it unknown."""
        for meaning in (self.before, self.after):
            for criterion in meaning.criteria.values():
                if any(each.name == fact.name for each in facts_of(criterion.condition)):
                    for value in values:
                        yield from self._found(self._tips(meaning, criterion, fact, value))

    def _tips(self, meaning: Meaning, criterion: Criterion, fact: FactDefinition, value: Fact) -> Formula:
        def unknown(node: Expression, _: Somewhere) -> Symbolic | None:
            if not isinstance(node, Comparison | Between | Membership | FactReference):
                return None
            return UNKNOWN if any(each.name == fact.name for each in facts_of(node)) else None

        found = []
        for where in meaning.around(criterion.level):
            truth = meaning.truths[criterion.id, where.id]
            without = meaning.conditions.truth(criterion.condition, where, unknown)
            subject = where.subjects.get(fact.level.value)
            subjects = [subject] if subject is not None else [each.id for each in meaning.around(fact.level)]
            has_it = either(*(self.universe[each, fact.name].is_value(value) for each in subjects))
            found.append(both(where.present, has_it, either(truth.true != without.true, truth.false != without.false)))
        return either(*found)

    def _found(self, formula: Formula) -> Iterator[Reported]:
        """A patient for whom a formula holds; none where there is none, or where the solver gives up."""
        try:
            model = self.patients.find(formula, seconds=self.seconds, minimal=False)
        except Undecided:
            return  # what is found so is tried, and decides nothing by not being found
        if model is not None:
            yield reported(self.universe, model, self.as_of)
