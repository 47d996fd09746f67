"""Cases directed at one criterion: such that it is true, false or unknown there, or that one number decides it.

A condition is walked from its top with the truths that it may have; every comparison on the way narrows the values that
its fact may take. What is left is put into a generated record, the record is read as any other is, and the reference
evaluator judges the case: nothing is returned that it does not find to be so. No solver is needed.
"""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import ClassVar, Final, TypeVar

from cds.case import NEVER_RECORDED, AbsenceReason, Absent, Case, Fact, Known, ReportedLesion, ReportedStructure
from cds.case.case import silent
from cds.errors import CdsError
from cds.language import walk
from cds.language.suggestion import did_you_mean
from cds.language.syntax import (
    And,
    AnyOf,
    Between,
    BooleanLiteral,
    Comparison,
    Expression,
    FactReference,
    Implies,
    Membership,
    Not,
    Or,
    Xor,
)
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType
from cds.quantities import Interval
from cds.reasoning.conditions import Derivation, derive
from cds.reasoning.contexts import Context, contexts_of
from cds.ruleset import RuleSet
from cds.ruleset.model import PHASES, Phase
from cds.ruleset.program import Criterion, Program
from cds.testing.constants import thresholds
from cds.testing.generation import AS_OF, Choices, Report, any_fact, any_value, definitions_of, grid_of, pick
from cds.testing.sampling import SeededChoices
from cds.truth import Truth
from cds.vocabulary import FactDefinition, FactKind, Level

T = TypeVar("T")
Truths = frozenset[Truth]
Key = tuple[str, str]
"""A fact of a case: its subject (`patient`, `T1`, `T1/skin/none`) and its name."""
Domains = Mapping[Key, tuple[Fact, ...]]
"""The values that are left for each fact that a condition reads."""

_ANY: Final[Truths] = frozenset(Truth)
_NOT_TOLD: Final = Fact(Absent(AbsenceReason.ASKED_UNKNOWN))
_STEPS: Final = 20_000  # comparisons tried for one case, before it is given up
_ROUNDS: Final = 4  # what is told of a site changes which structures there are, so that a second look may be needed
_WAYS: Final = 10  # ways to a truth that are looked at for one that a number decides


class UnknownCriterion(CdsError):
    """A criterion that no phase of the rule set has.

    >>> raise UnknownCriterion("`SS-22` is no criterion of this rule set; did you mean `SS-2`?")
    Traceback (most recent call last):
    cds.testing.directed.UnknownCriterion: `SS-22` is no criterion of this rule set; did you mean `SS-2`?
    """

    code: ClassVar[str] = "unknown-criterion"


class Unreachable(CdsError):
    """A truth of a criterion for which no case was found; that there is none is for `cds verify` to prove."""

    code: ClassVar[str] = "unreachable-truth"


@dataclass(frozen=True, slots=True)
class Target:
    """A criterion of a rule set in a phase, as it stands on the day of the cases."""

    program: Program
    criterion: Criterion
    constants: Mapping[str, tuple[Fraction, ...]]
    """The thresholds of the condition, and of what it reads of the planner."""

    @classmethod
    def of(cls, rules: RuleSet, criterion: str, *, phase: Phase | None = None, as_of: dt.date = AS_OF) -> Target:
        """The criterion (`SS-2`, `TP-1.done`) in a phase, by default in the first that has it.

        Raises `UnknownCriterion`.
        """
        programs = rules.on(as_of).programs
        for name in PHASES if phase is None else (phase,):
            for each in programs[name].criteria:
                if each.id == criterion:
                    program = programs[name]
                    names = {node.name for node, _ in walk(each.condition) if isinstance(node, FactReference)}
                    planned = [behind for (_, fact), behind in program.derived.items() if fact in names]
                    return cls(program, each, thresholds([each.condition, *planned]))
        known = {each.id for program in programs.values() for each in program.criteria}
        where = "this rule set" if phase is None else f"the phase {phase}"
        question = did_you_mean(criterion, known)
        hint = f"; {question}" if question else "; `cds explain` lists them"
        raise UnknownCriterion(f"`{criterion}` is no criterion of {where}{hint}")

    def places(self, case: Case, truth: Truth) -> dict[str, Derivation]:
        """The contexts in which the criterion has this truth, each with how it was decided."""
        return {at: each for at, each in self.derivations(case).items() if each.truth is truth}

    def derivation(self, case: Case, place: str) -> Derivation | None:
        """How the criterion is decided in one context, or `None` where the case has no such context."""
        for each in contexts_of(case).at(self.criterion.level):
            if each.id == place:
                return derive(self.criterion.condition, each, self.program.derived)
        return None

    def derivations(self, case: Case) -> dict[str, Derivation]:
        """How the criterion is decided in each context of its level, by the id of the context."""
        contexts = contexts_of(case).at(self.criterion.level)
        return {each.id: derive(self.criterion.condition, each, self.program.derived) for each in contexts}

    def report(self, choices: Choices, *, as_of: dt.date, others: int) -> Report:
        """A record of somebody with a lesion or two, as its level needs, that says up to `others` things at random.

        So few that a failing patient shrinks in seconds.
        """
        vocabulary = self.program.vocabulary
        lesions = 2 if self.criterion.level is Level.OTHER_LESION else 1 + choices.below(2)
        report = self.blank(as_of, lesions)
        said: dict[Key, Fact] = {}
        for _ in range(choices.below(others + 1)):
            level = pick(choices, (Level.PATIENT, Level.LESION, Level.STRUCTURE))
            subject = "patient" if level is Level.PATIENT else f"T{1 + choices.below(lesions)}"
            definitions = [each for each in vocabulary.of(level) if each.kind is not FactKind.GIVEN]
            if level is Level.STRUCTURE:
                structure = pick(choices, tuple(vocabulary.structures.values()))
                side = pick(choices, ("left", "right")) if structure.sided else "none"
                subject = f"{subject}/{structure.name}/{side}"
                definitions = list(definitions_of(choices, vocabulary, structure))
            definition = pick(choices, definitions)
            near = self.constants.get(definition.path, ())
            fact = any_fact(choices, definition, as_of=as_of, known=0.8, constants=near)
            said[subject, definition.name] = fact
        return _told(report, self, said)

    def blank(self, as_of: dt.date, lesions: int = 2) -> Report:
        """The record of a patient of whom nothing is said but that there are lesions."""
        named = (f"T{number}" for number in range(1, lesions + 1))
        return Report(as_of, {}, tuple(ReportedLesion(name, name) for name in named))


def case_where(
    choices: Choices, target: Target, wanted: Truth, *, as_of: dt.date = AS_OF, others: int = 8
) -> Case:
    """A case with a place in which the criterion has this truth. Raises `Unreachable` where none is found.

    `others`: how many facts are said at random at most, beside those that the criterion needs.
    """
    for report in (target.report(choices, as_of=as_of, others=others), target.blank(as_of)):
        case = _steered(choices, target, report, wanted)
        if case is not None:
            return case
    raise Unreachable(f"no case was found in which `{target.criterion.id}` is {wanted.value}; {_ASK}")


def case_at_threshold(choices: Choices, target: Target, *, as_of: dt.date = AS_OF, others: int = 8) -> Case:
    """A case in which a number on a threshold, or the step of its grid beside it, decides the criterion.

    The same case with the number on another of the three has another truth somewhere. Raises `Unreachable` for a
    criterion that no number decides.
    """
    reports = (target.report(choices, as_of=as_of, others=others), target.blank(as_of)) if target.constants else ()
    for report in reports:
        for wanted in _turned(choices, (Truth.TRUE, Truth.FALSE)):
            for told, place in islice(_ways(choices, target, report, wanted), _WAYS):
                beside = _around_threshold(choices, target, told, place)
                if beside:
                    return pick(choices, beside)
    raise Unreachable(f"no case was found in which one number decides `{target.criterion.id}`; {_ASK}")


_ASK: Final = "`cds verify` proves whether there is one"


def random_cases_where(
    rules: RuleSet,
    criterion: str,
    truth: Truth,
    *,
    phase: Phase | None = None,
    as_of: dt.date = AS_OF,
    others: int = 8,
    seed: int = 0,
    n: int = 100,
) -> Iterator[Case]:
    """`n` cases with a place in which the criterion has this truth; the k-th depends on the seed and on k alone.

    Raises `UnknownCriterion` and `Unreachable`.
    """
    target = Target.of(rules, criterion, phase=phase, as_of=as_of)
    for number in range(n):
        choices = SeededChoices(random.Random(f"{criterion}/{truth.value}/{seed}/{number}"))
        yield case_where(choices, target, truth, as_of=as_of, others=others)


# --- a record that is told more --------------------------------------------------------------------------------------


def _steered(choices: Choices, target: Target, report: Report, wanted: Truth) -> Case | None:
    """The record's case with the facts changed that have to be, or `None` where no way was found."""
    vocabulary = target.program.vocabulary
    for _ in range(_ROUNDS):
        case = report.case(vocabulary)
        if target.places(case, wanted):
            return case
        way = next(_ways(choices, target, report, wanted), None)
        if way is None:
            return None
        report, _ = way
    return None


def _ways(choices: Choices, target: Target, report: Report, wanted: Truth) -> Iterator[tuple[Report, str]]:
    """The records in which one place should have the truth, each with the place: as many as there are ways to it."""
    case = report.case(target.program.vocabulary)
    for context in _turned(choices, contexts_of(case).at(target.criterion.level)):
        search = _Search(choices, target)
        for domains in search.ways(target.criterion.condition, frozenset({wanted}), context, {}):
            yield _told(report, target, {key: left[0] for key, left in domains.items()}), context.id


def _told(report: Report, target: Target, facts: Mapping[Key, Fact]) -> Report:
    """The record with these facts in it. What was never recorded is taken out, and what silence fills in, denied."""
    by_subject: dict[str, dict[str, Fact]] = {}
    for (subject, name), fact in facts.items():
        by_subject.setdefault(subject, {})[name] = fact

    def told(level: Level, said: Mapping[str, Fact], subject: str) -> dict[str, Fact]:
        merged = dict(said)
        for name, fact in by_subject.get(subject, {}).items():
            definition = target.program.vocabulary.fact(level, name)
            if definition.kind is FactKind.GIVEN:
                continue
            if fact.is_known or fact != NEVER_RECORDED:
                merged[name] = Fact(fact.state)
            elif _filled_in(definition):
                merged[name] = _NOT_TOLD
            else:
                merged.pop(name, None)
        return merged

    lesions = []
    for lesion in report.lesions:
        said = {f"{lesion.id}/{each.name}/{each.side}": each for each in lesion.structures}
        for subject in by_subject:
            if subject.startswith(f"{lesion.id}/") and subject not in said:
                _, name, side = subject.split("/")
                said[subject] = ReportedStructure(name, side, {})
        structures = [replace(each, facts=told(Level.STRUCTURE, each.facts, key)) for key, each in said.items()]
        stated = tuple(each for each in structures if each.facts)
        facts_of_lesion = told(Level.LESION, lesion.facts, lesion.id)
        lesions.append(replace(lesion, facts=facts_of_lesion, structures=stated))
    return Report(report.as_of, told(Level.PATIENT, report.patient, "patient"), tuple(lesions))


def _filled_in(definition: FactDefinition) -> bool:
    """Whether something may be known of the fact although nobody spoke of it."""
    return bool(
        silent(definition, {"any": ()}).is_known or definition.bounded_below_by is not None or definition.implied_by
    )


# --- the walk through a condition ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Search:
    """One walk through one condition. Counts the comparisons that it tries, and gives up after many."""

    choices: Choices
    target: Target
    tried: int = 0

    def ways(self, condition: Expression, wanted: Truths, context: Context, left: Domains) -> Iterator[Domains]:
        """What the facts may still be for the condition to have one of the truths, way by way."""
        if wanted == _ANY:
            yield left
            return
        planned = _planned(condition, context, self.target.program)
        if planned is not None:
            yield from self.ways(planned, wanted, context, left)
            return
        match condition:
            case BooleanLiteral(value):
                if Truth.of(value) in wanted:
                    yield left
            case Not(operand):
                yield from self.ways(operand, frozenset(~truth for truth in wanted), context, left)
            case And(one, other):
                yield from self._both(lambda a, b: a & b, one, other, wanted, context, left)
            case Or(one, other):
                yield from self._both(lambda a, b: a | b, one, other, wanted, context, left)
            case Xor(one, other):
                yield from self._both(lambda a, b: a ^ b, one, other, wanted, context, left)
            case Implies(one, other):
                yield from self._both(lambda a, b: a.implies(b), one, other, wanted, context, left)
            case AnyOf(over, body):
                members = _turned(self.choices, context.members[over])
                yield from self._some(body, tuple(members), wanted, left)
            case Comparison(_, FactReference() as fact) | Between(FactReference() as fact):
                yield from self._atom(condition, fact, wanted, context, left)
            case Membership(FactReference() as fact) | (FactReference() as fact):
                yield from self._atom(condition, fact, wanted, context, left)
            case _:
                raise TypeError(f"`{type(condition).__name__}` is not a resolved condition")

    def _both(
        self,
        combined: Callable[[Truth, Truth], Truth],
        one: Expression,
        other: Expression,
        wanted: Truths,
        context: Context,
        left: Domains,
    ) -> Iterator[Domains]:
        for first, second in _turned(self.choices, _boxes(combined, wanted)):
            for narrowed in self.ways(one, first, context, left):
                yield from self.ways(other, second, context, narrowed)

    def _some(
        self, body: Expression, members: tuple[Context, ...], wanted: Truths, left: Domains
    ) -> Iterator[Domains]:
        """*any structure where …*: an `or` over its members."""
        if not members:
            if Truth.FALSE in wanted:
                yield left
            return
        for first, rest in _boxes(lambda a, b: a | b, wanted):
            for narrowed in self.ways(body, first, members[0], left):
                if rest == _ANY:
                    yield narrowed
                else:
                    yield from self._some(body, members[1:], rest, narrowed)

    def _atom(
        self, condition: Expression, fact: FactReference, wanted: Truths, context: Context, left: Domains
    ) -> Iterator[Domains]:
        self.tried += 1
        if self.tried > _STEPS:
            return
        key = (context.subject(fact), fact.name)
        values = left[key] if key in left else self._values(fact, context)
        fitting = tuple(value for value in values if _truth(condition, fact, value, context) in wanted)
        if fitting:
            yield {**left, key: fitting}

    def _values(self, fact: FactReference, context: Context) -> tuple[Fact, ...]:
        """The values worth trying, the one that it has first: so no more of the record changes than has to."""
        level = Level.LESION if fact.level == "other" else Level(fact.level)
        definition = self.target.program.vocabulary.fact(level, fact.name)
        now = context.fact(fact)
        if definition.kind is FactKind.GIVEN:
            return (now,)
        constants = self.target.constants.get(definition.path, ())
        options = _turned(self.choices, telling(definition, constants))
        if constants and self.choices.chance(0.5):  # far from a threshold, too
            options = (Fact(Known(any_value(self.choices, definition, AS_OF))), *options)
        return (now, *options)


def _boxes(combined: Callable[[Truth, Truth], Truth], wanted: Truths) -> list[tuple[Truths, Truths]]:
    """The pairs of truths that come to a wanted one, as few pairs of sets: for an `or` to be true, one side is.

    >>> for one, other in _boxes(lambda a, b: a | b, frozenset({Truth.TRUE})):
    ...     print(sorted(truth.value for truth in one), sorted(truth.value for truth in other))
    ['true'] ['false', 'true', 'unknown']
    ['false', 'unknown'] ['true']
    """
    by_rest: dict[Truths, set[Truth]] = {}
    for one in Truth:
        rest = frozenset(other for other in Truth if combined(one, other) in wanted)
        if rest:
            by_rest.setdefault(rest, set()).add(one)
    return [(frozenset(ones), rest) for rest, ones in by_rest.items()]


def _planned(condition: Expression, context: Context, program: Program) -> Expression | None:
    """What stands behind a fact that the planner computes, or its comparison with `true` or `false`."""
    match condition:
        case FactReference("structure", name):
            return program.derived.get((str(context.facts["structure"]["name"].value), name))
        case Comparison(operator, FactReference() as fact, BooleanLiteral(value)):
            behind = _planned(fact, context, program)
            return behind if behind is None or (operator == "=") == value else Not(behind)
        case _:
            return None


def _truth(condition: Expression, fact: FactReference, value: Fact, context: Context) -> Truth:
    """The truth of a comparison if its fact were this one."""
    facts = {**context.facts, fact.level: {**context.facts[fact.level], fact.name: value}}
    return derive(condition, replace(context, facts=facts), {}).truth


def telling(definition: FactDefinition, constants: Sequence[Fraction]) -> tuple[Fact, ...]:
    """The values of a fact between which conditions tell: on, below and above each constant; each code; unknown.

    >>> from cds.testing import sample_vocabulary
    >>> diameter = sample_vocabulary().fact(Level.LESION, "diameter")
    >>> [str(fact.value) for fact in telling(diameter, (Fraction(30),))]
    ['30', '29.9', '30.1', '< 30', '> 30', 'None']
    """
    unknown = _NOT_TOLD if _filled_in(definition) else NEVER_RECORDED
    match definition.type:
        case BooleanType():
            return (Fact(Known(True)), Fact(Known(False)), unknown)
        case CodeType(codes):
            return (*(Fact(Known(code)) for code in codes), unknown)
        case DateType():
            return (unknown,)
        case NumberType() | QuantityType():
            grid = grid_of(definition, constants)
            found: dict[Interval, None] = {}
            for constant in constants or (grid.point(grid.low),):
                on = math.floor(constant / grid.step)
                for index in (on, on - 1, on + 1):
                    if grid.low <= index <= grid.high:
                        found[Interval.point(grid.point(index))] = None
                if grid.low < on < grid.high:
                    found[Interval.below(grid.point(on), open_end=True)] = None
                    found[Interval.above(grid.point(on), open_end=True)] = None
            return (*(Fact(Known(value)) for value in found), unknown)


def _turned(choices: Choices, options: Sequence[T]) -> tuple[T, ...]:
    """The options, beginning with a chosen one."""
    if not options:
        return ()
    first = choices.below(len(options))
    return (*options[first:], *options[:first])


# --- the number that decides -----------------------------------------------------------------------------------------


def _around_threshold(choices: Choices, target: Target, report: Report, place: str) -> tuple[Case, ...]:
    """The record's case with one number on, below and above a threshold, if that changes the truth in a place."""
    vocabulary = target.program.vocabulary
    decided = target.derivation(report.case(vocabulary), place)
    read = dict.fromkeys((subject, fact.level, fact.name) for subject, fact, _ in decided.facts()) if decided else {}
    for subject, word, name in _turned(choices, tuple(read)):
        definition = vocabulary.fact(Level.LESION if word == "other" else Level(word), name)
        for constant in _turned(choices, target.constants.get(definition.path, ())):
            grid = grid_of(definition, (constant,))
            on = math.floor(constant / grid.step)
            points = [grid.point(each) for each in (on, on - 1, on + 1) if grid.low <= each <= grid.high]
            told = [_told(report, target, {(subject, name): Fact(Known(Interval.point(point)))}) for point in points]
            by_truth: dict[Truth, list[Case]] = {}
            for case in (each.case(vocabulary) for each in told):
                derivation = target.derivation(case, place)
                if derivation is not None and _is_known(derivation, subject, name):
                    by_truth.setdefault(derivation.truth, []).append(case)
            if len(by_truth) > 1:
                return tuple(case for cases in by_truth.values() for case in cases)
    return ()


def _is_known(derivation: Derivation, subject: str, name: str) -> bool:
    """Whether the number stands: a code that implies another one would contradict it."""
    return any(fact.is_known for of, read, fact in derivation.facts() if (of, read.name) == (subject, name))
