"""Cases directed at one criterion: such that it is true, false or unknown there, or that one number decides it.

What a walk through the condition (`cds.testing.search`) leaves for its facts is put into a generated record. The record
is read as any other is, and the reference evaluator judges the case: nothing is returned that is not so by it.
"""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import ClassVar, Final, TypedDict, Unpack

from cds.case import NEVER_RECORDED, Case, Fact, Known, ReportedLesion, ReportedStructure
from cds.errors import CdsError
from cds.language import walk
from cds.language.suggestion import did_you_mean
from cds.language.syntax import FactReference
from cds.quantities import Interval
from cds.reasoning.conditions import Derivation, derive
from cds.reasoning.contexts import contexts_of
from cds.ruleset import RuleSet
from cds.ruleset.model import PHASES, Phase
from cds.ruleset.program import Criterion, Program
from cds.testing.constants import thresholds
from cds.testing.generation import AS_OF, Choices, Report, any_fact, definitions_of, grid_of, pick
from cds.testing.sampling import SeededChoices
from cds.testing.search import NOT_TOLD, Key, Search, filled_in, turned
from cds.truth import Truth
from cds.vocabulary import FactKind, Level, level_of

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


class Where(TypedDict, total=False):
    """Where a criterion is looked for: what everything that is directed at one takes by keyword."""

    phase: Phase | None
    """By default the first that has the criterion."""
    as_of: dt.date
    """The day of the cases, on which the rules hold; by default `AS_OF`."""
    others: int
    """How many facts beside its own are said at random at most; by default 8, so that a failing patient stays short."""


@dataclass(frozen=True, slots=True)
class Target:
    """A criterion of a rule set in a phase, as it stands on the day of the cases."""

    program: Program
    criterion: Criterion
    constants: Mapping[str, tuple[Fraction, ...]]
    """The thresholds of the condition, and of what it reads of the planner."""
    as_of: dt.date
    others: int
    """How many facts beside its own a case says at random at most."""

    @classmethod
    def of(
        cls, rules: RuleSet, criterion: str, *, phase: Phase | None = None, as_of: dt.date = AS_OF, others: int = 8
    ) -> Target:
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
                    return cls(program, each, thresholds([each.condition, *planned]), as_of, others)
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

    def report(self, choices: Choices) -> Report:
        """A record of somebody with a lesion or two, as its level needs, that says up to `others` things at random."""
        vocabulary = self.program.vocabulary
        lesions = 2 if self.criterion.level is Level.OTHER_LESION else 1 + choices.below(2)
        report = self.blank(lesions)
        said: dict[Key, Fact] = {}
        levels = tuple(
            level for level in (Level.PATIENT, Level.LESION, Level.STRUCTURE)
            if any(vocabulary.of(level)) and (level is not Level.STRUCTURE or vocabulary.structures)
        )  # fmt: skip
        for _ in range(choices.below(self.others + 1)):
            level = pick(choices, levels)
            subject = "patient" if level is Level.PATIENT else f"T{1 + choices.below(lesions)}"
            definitions = [each for each in vocabulary.of(level) if each.kind is not FactKind.GIVEN]
            if level is Level.STRUCTURE:
                structure = pick(choices, tuple(vocabulary.structures.values()))
                side = pick(choices, ("left", "right")) if structure.sided else "none"
                subject = f"{subject}/{structure.name}/{side}"
                definitions = list(definitions_of(choices, vocabulary, structure))
            if not definitions:  # a structure of which nothing is asked
                continue
            definition = pick(choices, definitions)
            near = self.constants.get(definition.path, ())
            fact = any_fact(choices, definition, as_of=self.as_of, known=0.8, constants=near)
            said[subject, definition.name] = fact
        return _told(report, self, said)

    def blank(self, lesions: int = 2) -> Report:
        """The record of a patient of whom nothing is said but that there are lesions."""
        named = (f"T{number}" for number in range(1, lesions + 1))
        return Report(self.as_of, {}, tuple(ReportedLesion(name, name) for name in named))


def case_where(choices: Choices, target: Target, wanted: Truth) -> Case:
    """A case with a place in which the criterion has this truth. Raises `Unreachable` where none is found."""
    for report in (target.report(choices), target.blank()):
        case = _steered(choices, target, report, wanted)
        if case is not None:
            return case
    raise Unreachable(f"no case was found in which `{target.criterion.id}` is {wanted.value}; {_ASK}")


def case_at_threshold(choices: Choices, target: Target) -> Case:
    """A case in which a number on a threshold, or the step of its grid beside it, decides the criterion.

    The same case with the number on another of the three has another truth somewhere. Raises `Unreachable` for a
    criterion that no number decides.
    """
    reports = (target.report(choices), target.blank()) if target.constants else ()
    for report in reports:
        for wanted in turned(choices, (Truth.TRUE, Truth.FALSE)):
            for told, place in islice(_ways(choices, target, report, wanted), _WAYS):
                beside = _around_threshold(choices, target, told, place)
                if beside:
                    return pick(choices, beside)
    raise Unreachable(f"no case was found in which one number decides `{target.criterion.id}`; {_ASK}")


_ASK: Final = "`cds verify` proves whether there is one"


def random_cases_where(
    rules: RuleSet, criterion: str, truth: Truth, *, seed: int = 0, n: int = 100, **where: Unpack[Where]
) -> Iterator[Case]:
    """`n` cases with a place in which the criterion has this truth; the k-th depends on the seed and on k alone.

    Raises `UnknownCriterion` and `Unreachable`.
    """
    target = Target.of(rules, criterion, **where)
    for number in range(n):
        choices = SeededChoices(random.Random(f"{criterion}/{truth.value}/{seed}/{number}"))
        yield case_where(choices, target, truth)


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
    for context in turned(choices, contexts_of(case).at(target.criterion.level)):
        search = Search(choices, target.program, target.constants)
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
            elif filled_in(definition):
                merged[name] = NOT_TOLD
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


# --- the number that decides -----------------------------------------------------------------------------------------


def _around_threshold(choices: Choices, target: Target, report: Report, place: str) -> tuple[Case, ...]:
    """The record's case with one number on, below and above a threshold, if that changes the truth in a place."""
    vocabulary = target.program.vocabulary
    decided = target.derivation(report.case(vocabulary), place)
    read = dict.fromkeys((subject, fact.level, fact.name) for subject, fact, _ in decided.facts()) if decided else {}
    for subject, word, name in turned(choices, tuple(read)):
        definition = vocabulary.fact(level_of(word), name)
        for constant in turned(choices, target.constants.get(definition.path, ())):
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
