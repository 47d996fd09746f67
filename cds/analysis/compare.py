"""Who is treated differently under another version of a rule set: a patient for each change, or a proof of none.

Both versions are read over the same patients. What is asked, for each option: can a settled verdict turn into another,
can a verdict become possible or impossible, and does any criterion come out differently? What no condition says is put
to made-up patients (`cds.analysis.otherwise`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import permutations
from typing import ClassVar

from pydantic import BaseModel

from cds.analysis.formulas import Formula, Symbolic, both, either, no
from cds.analysis.judging import Judgement, judged, untrusted
from cds.analysis.meaning import Meaning
from cds.analysis.otherwise import Otherwise
from cds.analysis.statements import Outcome, Standing, Statement
from cds.analysis.universe import Universe
from cds.analysis.witness import AS_OF, Patients, Undecided, reported, smallest
from cds.case import Case
from cds.errors import CdsError
from cds.language.types import CodeType, NumberType, QuantityType, ValueType
from cds.quantities import Interval
from cds.reasoning.verdict import ORDER_OF_VERDICTS, Verdict
from cds.ruleset import RuleSet
from cds.ruleset.model import Grounded, Parameter, Phase
from cds.truth import Truth
from cds.vocabulary import FactDefinition, Vocabulary

_CONDITIONS = frozenset({"when", "done", "condition"})
"""What a proof compares; everything else that a statement says is compared word for word."""
_WORDS = frozenset({
    "says", "otherwise", "label", "topic", "note", "strength", "basis", "evidence", "threshold", "fidelity", "review",
    "source", "banner", "outcomes",
})  # fmt: skip
"""What is told of a statement. Whatever else it states otherwise (an order, say) may treat somebody differently."""

_PLACES = frozenset({"for_each"})
"""Where a criterion is decided: what it comes to is compared place by place."""
_NOT_THERE, _UNSET = "not there", "unset"
_NO_VALUE = frozenset({_NOT_THERE, _UNSET})


class IncomparableFacts(CdsError):
    """One name means things of two types in the two versions: no patient can be put to both."""

    code: ClassVar[str] = "incomparable-facts"


@dataclass(frozen=True)
class Comparison:
    """Two versions of a rule set, compared in one phase. `seconds` is what the solver may take for one question."""

    old: RuleSet
    new: RuleSet
    phase: Phase = "decision"
    seconds: float = 20.0
    as_of: dt.date = AS_OF

    @cached_property
    def patients(self) -> Patients:
        """Those patients, put to the solver."""
        return Patients(self.universe)

    @cached_property
    def universe(self) -> Universe:
        """Any patient that either version can be asked about."""
        return Universe(merged(self.old.vocabulary, self.new.vocabulary), other=True)

    @cached_property
    def before(self) -> Meaning:
        """What the old version says."""
        return Meaning(self.old, self.phase, self.universe)

    @cached_property
    def after(self) -> Meaning:
        """What the new version says."""
        return Meaning(self.new, self.phase, self.universe)

    def outcomes(self) -> Iterator[Outcome]:
        """What does not change (proved), and what does, each with a patient: verdicts first, then criteria."""
        if self.phase == "decision":
            for option in self.new.options:
                if option in self.old.options:
                    yield from self._verdicts(option)
        yield from self._criteria()
        acting = {name: tuple(field for field in fields if field not in _WORDS | _PLACES)
                  for name, fields in restated(self.old, self.new).items()}  # fmt: skip
        otherwise = Otherwise(self.before, self.after, self.patients, self.seconds, self.as_of)
        yield from otherwise.outcomes({name: fields for name, fields in acting.items() if fields})

    def _verdicts(self, option: str) -> Iterator[Outcome]:
        before = {verdict: self.before.possible(option, verdict) for verdict in ORDER_OF_VERDICTS}
        after = {verdict: self.after.possible(option, verdict) for verdict in ORDER_OF_VERDICTS}
        if all(before[verdict].eq(after[verdict]) for verdict in ORDER_OF_VERDICTS):
            says = f"every verdict on {option} is what it was"
            yield Outcome(Statement("verdict-change", option, says), Standing.PROVED)
            return
        for one, two in permutations(ORDER_OF_VERDICTS, 2):
            says = f"nobody whose verdict on {option} was {one.value} is now {two.value}"
            changed = both(_only(before, one), _only(after, two))
            yield self._ask(Statement("verdict-change", f"{option}:{one.value}:{two.value}", says), changed,
                            f"was {one.value}, is {two.value}", partial(_turned, option, one, two))  # fmt: skip
        for verdict in ORDER_OF_VERDICTS:
            says = f"for nobody has {verdict.value} become possible on {option}"
            changed = both(no(before[verdict]), after[verdict])
            yield self._ask(Statement("possible-change", f"{option}:+{verdict.value}", says), changed,
                            f"{verdict.value} was not possible, and is now",
                            partial(_became_possible, option, verdict))  # fmt: skip
            says = f"for nobody has {verdict.value} become impossible on {option}"
            changed = both(before[verdict], no(after[verdict]))
            yield self._ask(Statement("possible-change", f"{option}:-{verdict.value}", says), changed,
                            f"{verdict.value} was possible, and is not now",
                            partial(_became_impossible, option, verdict))  # fmt: skip

    def _criteria(self) -> Iterator[Outcome]:
        names = dict.fromkeys([*self.before.criteria, *self.after.criteria])
        for name in names:
            old, new = _by_place(self.before, name), _by_place(self.after, name)
            if old and not new:
                says = f"{name}, which is gone, was true for nobody"
                was_true = either(*(each.true for each in old.values()))
                yield self._ask(Statement("criterion-removed", name, says), was_true, "was true, and is not asked now",
                                partial(_holds, name))  # fmt: skip
            elif new and not old:
                says = f"{name}, which is new, is true for nobody"
                is_true = either(*(each.true for each in new.values()))
                yield self._ask(Statement("criterion-added", name, says), is_true, "was not asked, and is true now",
                                partial(_holds, name))  # fmt: skip
            else:
                yield self._criterion(name, old, new)

    def _criterion(self, name: str, old: Mapping[str, Symbolic], new: Mapping[str, Symbolic]) -> Outcome:
        places = [place for place in old if place in new]
        same = all(old[p].true.eq(new[p].true) and old[p].false.eq(new[p].false) for p in places)
        statement = Statement("criterion-change", name, f"{name} comes out for everybody as it did")
        if same and len(places) == len(old) == len(new):
            return Outcome(statement, Standing.PROVED)
        differs = either(*(
            either(old[p].true != new[p].true, old[p].false != new[p].false) for p in places
        ))  # fmt: skip
        moved = either(*(each.true for p, each in (*old.items(), *new.items()) if p not in places))
        return self._ask(statement, either(differs, moved), "its truth is another", partial(_differs, name))

    def _ask(
        self, statement: Statement, changed: Formula, why: str, shows: Callable[[Judgement, Judgement], bool]
    ) -> Outcome:
        try:
            model = self.patients.find(changed, seconds=self.seconds, minimal=False)
        except Undecided as undecided:
            return Outcome(statement, Standing.UNDECIDED, str(undecided))
        if model is None:
            return Outcome(statement, Standing.PROVED)
        record = reported(self.universe, model, self.as_of)
        witness = record.case()
        for version in (self.before, self.after):
            judged(version, model, witness)

        def shown(case: Case) -> bool:
            return shows(*self.judgements(case))

        if not shown(witness):
            raise untrusted(f"what `{statement.key}` says of it")
        return Outcome(statement, Standing.REFUTED, why, smallest(record, shown, changed))

    def judgements(self, case: Case) -> tuple[Judgement, Judgement]:
        """What the reference evaluator makes of a case under either version."""
        return Judgement(self.old, self.phase, case), Judgement(self.new, self.phase, case)


def _turned(option: str, one: Verdict, two: Verdict, before: Judgement, after: Judgement) -> bool:
    return before.possible(option) == {one} and after.possible(option) == {two}


def _became_possible(option: str, verdict: Verdict, before: Judgement, after: Judgement) -> bool:
    return verdict in after.possible(option) - before.possible(option)


def _became_impossible(option: str, verdict: Verdict, before: Judgement, after: Judgement) -> bool:
    return verdict in before.possible(option) - after.possible(option)


def _differs(criterion: str, before: Judgement, after: Judgement) -> bool:
    return before.of(criterion) != after.of(criterion)


def _holds(criterion: str, before: Judgement, after: Judgement) -> bool:
    """Whether a criterion that one version alone has is true under it."""
    return Truth.TRUE in (*before.of(criterion).values(), *after.of(criterion).values())


def _only(possible: Mapping[Verdict, Formula], verdict: Verdict) -> Formula:
    return both(possible[verdict], *(no(formula) for other, formula in possible.items() if other is not verdict))


def _by_place(meaning: Meaning, criterion: str) -> dict[str, Symbolic]:
    if criterion not in meaning.criteria:
        return {}
    found: dict[str, Symbolic] = {}
    for where in meaning.around(meaning.criteria[criterion].level):
        truth = meaning.truths[criterion, where.id]
        found[where.id] = Symbolic(both(where.present, truth.true), both(where.present, truth.false))
    return found


def merged(old: Vocabulary, new: Vocabulary) -> Vocabulary:
    """A vocabulary in which both versions can speak: every fact of either, every value of either, the finer grid.

    Raises `IncomparableFacts` where one name means things of two types.
    """
    facts = dict(new.facts)
    for key, definition in old.facts.items():
        facts[key] = _merged_fact(definition, facts[key]) if key in facts else definition
    return replace(
        new,
        facts=facts,
        structures={**old.structures, **new.structures},
        measures={**old.measures, **new.measures},
        monitoring={**old.monitoring, **new.monitoring},
    )


def _merged_fact(old: FactDefinition, new: FactDefinition) -> FactDefinition:
    return replace(new, type=_merged_type(old, new), plausible=_hull(old.plausible, new.plausible))


def _merged_type(old: FactDefinition, new: FactDefinition) -> ValueType:
    match old.type, new.type:
        case CodeType(before), CodeType(after):
            return CodeType(tuple(dict.fromkeys([*after, *before])))
        case NumberType(before), NumberType(after):
            return NumberType(max(before, after))
        case QuantityType(unit, before), QuantityType(its, after) if unit == its:
            return QuantityType(unit, max(before, after))
        case before, after if before == after:
            return after
    raise IncomparableFacts(
        f"{new.path}: it was a {old.type} and is a {new.type}; the two versions do not speak of the same patients: "
        "give the new fact a name of its own"
    )


def _hull(one: Interval | None, two: Interval | None) -> Interval | None:
    if one is None or two is None:
        return None
    low = one if one.low is None or (two.low is not None and one.low <= two.low) else two
    high = one if one.high is None or (two.high is not None and one.high >= two.high) else two
    return Interval(low.low, high.high, low.low_open, high.high_open)


def restated(old: RuleSet, new: RuleSet) -> dict[str, tuple[str, ...]]:
    """What statements of both versions say otherwise, but for their conditions: the names of the fields, by id.

    >>> from cds.ruleset import load_rules
    >>> restated(load_rules(), load_rules())
    {}
    """
    before, after = _statements(old), _statements(new)
    return {
        name: fields
        for name, statement in after.items()
        if name in before and (fields := tuple(_differing(before[name], statement)))
    }


def _statements(rules: RuleSet) -> dict[str, BaseModel]:
    planner = rules.planner
    parts: tuple[Grounded, ...] = (
        *rules.rules, *rules.exceptions, *rules.preferences, *planner.need, *planner.measures, *planner.monitoring,
        *planner.combinations,
    )  # fmt: skip
    named: dict[str, BaseModel] = {str(part.id): part for part in parts if hasattr(part, "id")}
    return named | dict(rules.options)


def _differing(old: BaseModel, new: BaseModel) -> Iterator[str]:
    for name in dict.fromkeys([*type(old).model_fields, *type(new).model_fields]):
        if name not in _CONDITIONS and getattr(old, name, None) != getattr(new, name, None):
            yield name


def moved(old: RuleSet, new: RuleSet) -> dict[str, tuple[str, str]]:
    """The parameters that have another value, each with what it was and what it is."""
    names = dict.fromkeys([*old.parameters, *new.parameters])
    told = {name: (_told(old.parameters.get(name)), _told(new.parameters.get(name))) for name in names}
    return {name: (before, after) for name, (before, after) in told.items() if before != after}


def moved_on_other_days(old: RuleSet, new: RuleSet, as_of: dt.date) -> dict[dt.date, dict[str, tuple[str, str]]]:
    """The parameters that are moved on another day, and not so on `as_of`, by a day that stands for all of its period.

    That day is the first of its period, or the last one before any value changed. Both versions are given as they were
    loaded, not as they stand on a day.

    >>> from cds.ruleset import load_rules
    >>> moved_on_other_days(load_rules(), load_rules(), dt.date(2026, 11, 22))
    {}
    """
    now = moved(old.on(as_of), new.on(as_of))
    first_days = sorted({period.until for rules in (old, new) for period in rules.periods})
    before_any = [first_days[0] - dt.timedelta(days=1)] if first_days else []
    found = {
        day: {name: pair for name, pair in moved(old.on(day), new.on(day)).items()
              if now.get(name) != pair and not _NO_VALUE.issuperset(pair)}
        for day in (*before_any, *first_days)
    }  # fmt: skip
    return {day: names for day, names in found.items() if names}


def _told(parameter: Parameter | None) -> str:
    if parameter is None:
        return _NOT_THERE
    return _UNSET if parameter.value is None else f"{parameter.value} {parameter.unit or ''}".rstrip()
