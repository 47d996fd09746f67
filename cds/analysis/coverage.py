"""Masking MC/DC over the worked cases: does each part of each condition decide the condition somewhere, both ways?

A part (a comparison, or a yes/no that is read) *decides* its condition where turning the part's truth round would turn
the condition's. It is covered by two worked cases in which it decides: true in the one and false in the other, with the
condition coming out both ways. Only true and false count: where the condition or the part is unknown, nothing is shown.

For each part that is not covered the solver makes the patients that are missing, or proves that there can be none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from cds.analysis.formulas import Formula, Symbolic, both, either
from cds.analysis.judging import untrusted
from cds.analysis.meaning import Conditions, Meaning, Somewhere
from cds.analysis.universe import Universe
from cds.analysis.witness import AS_OF, Patients, Undecided, reported, smallest
from cds.case import Case
from cds.language import children, print_expression
from cds.language.syntax import (
    And,
    AnyOf,
    Between,
    Comparison,
    Expression,
    FactReference,
    Implies,
    Membership,
    Not,
    Or,
    Xor,
)
from cds.reasoning.conditions import Derivation, ReferenceEngine
from cds.reasoning.contexts import contexts_of
from cds.ruleset import RuleSet
from cds.ruleset.model import PHASES, Phase
from cds.ruleset.program import Criterion
from cds.truth import Truth, any_of

Half = tuple[bool, bool]
"""What a part was where it decided, and what its condition came out as."""
PAIRS: tuple[tuple[Half, Half], ...] = (((True, True), (False, False)), ((True, False), (False, True)))
"""Either of these shows that a part decides its condition, both ways."""
_Place = tuple[int, ...]
"""Which member of each *any structure* around a part; none outside of any."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the condition of one criterion, which has the same condition in these phases."""

    criterion: Criterion
    phases: tuple[Phase, ...]
    expression: Expression

    @property
    def text(self) -> str:
        """Its words."""
        return print_expression(self.expression)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How one part is covered: the halves that worked cases show, each with a case's name.

    `missing` are made-up patients that would show the rest; where it is empty and the part is not covered, either the
    solver proved that no two patients can (`infeasible`), or it gave up.
    """

    part: Part
    shown: Mapping[Half, str]
    missing: Mapping[Half, Case]
    infeasible: bool = False

    @property
    def is_covered(self) -> bool:
        """Whether the worked cases show it."""
        return complete(self.shown)


def complete(shown: Iterable[Half]) -> bool:
    """Whether these halves make a pair.

    >>> complete([(True, True), (True, False)]), complete([(True, False), (False, True)])
    (False, True)
    """
    halves = frozenset(shown)
    return any(halves.issuperset(pair) for pair in PAIRS)


def parts(rules: RuleSet, only: str | None = None) -> Iterator[Part]:
    """Every part of every condition, each once."""
    conditions = {
        phase: {criterion.id: criterion.condition for criterion in rules.programs[phase].criteria} for phase in PHASES
    }
    for number, phase in enumerate(PHASES):
        for criterion in rules.programs[phase].criteria:
            phases = tuple(each for each in PHASES if conditions[each].get(criterion.id) == criterion.condition)
            if only in (None, criterion.id) and not set(phases) & set(PHASES[:number]):
                for expression in dict.fromkeys(leaves(criterion.condition)):
                    yield Part(criterion, phases, expression)


def is_part(expression: Expression) -> bool:
    """Whether a node is a part that is decided as a whole."""
    return isinstance(expression, Comparison | Between | Membership | FactReference)


def leaves(condition: Expression) -> Iterator[Expression]:
    """The parts of a condition, from left to right.

    >>> from cds.language import parse
    >>> [print_expression(leaf) for leaf in leaves(parse("lesion.a and not (lesion.b = 'x')"))]
    ['lesion.a', "lesion.b = 'x'"]
    """
    if is_part(condition):
        yield condition
    else:
        for child in children(condition):
            yield from leaves(child)


def shown(
    case: Case, rules: RuleSet, phase: Phase, only: str | None = None
) -> Iterator[tuple[str, Expression, Half]]:
    """Every part that decides its condition in a case: the criterion, the part, what it is and what comes out."""
    program = rules.programs[phase]
    asked = tuple(each for each in program.criteria if only in (None, each.id))
    derivations = ReferenceEngine().derivations(replace(program, criteria=asked), contexts_of(case))
    for (criterion, _), derivation in derivations.items():
        if derivation.truth is not Truth.UNKNOWN:
            for expression, place, truth in dict.fromkeys(_decided(derivation)):
                if _turned(derivation, expression, place) is ~derivation.truth:
                    yield criterion, expression, (truth is Truth.TRUE, derivation.truth is Truth.TRUE)


def _decided(derivation: Derivation, place: _Place = ()) -> Iterator[tuple[Expression, _Place, Truth]]:
    if is_part(derivation.expression):
        if derivation.truth is not Truth.UNKNOWN:
            yield derivation.expression, place, derivation.truth
        return
    inside = isinstance(derivation.expression, AnyOf)
    for number, operand in enumerate(derivation.operands):
        yield from _decided(operand, (*place, number) if inside else place)


def _turned(derivation: Derivation, part: Expression, place: _Place, here: _Place = ()) -> Truth:
    """What comes out where a part is the opposite of what it is, and everything else stays."""
    expression = derivation.expression
    if is_part(expression):
        return ~derivation.truth if here == place and expression == part else derivation.truth
    inside = isinstance(expression, AnyOf)
    operands = [
        _turned(operand, part, place, (*here, number) if inside else here)
        for number, operand in enumerate(derivation.operands)
    ]
    match expression:
        case Not():
            return ~operands[0]
        case And():
            return operands[0] & operands[1]
        case Or():
            return operands[0] | operands[1]
        case Xor():
            return operands[0] ^ operands[1]
        case Implies():
            return operands[0].implies(operands[1])
        case AnyOf():
            return any_of(operands)
        case _:
            return derivation.truth


@dataclass(frozen=True)
class Cover:
    """What worked cases (by name, with their phase) show of a rule set, and who is missing."""

    rules: RuleSet
    cases: Mapping[str, tuple[Case, Phase]]
    seconds: float = 20.0
    as_of: dt.date = AS_OF

    @cached_property
    def seen(self) -> Mapping[tuple[str, Phase, Expression], dict[Half, str]]:
        """What the cases show of each part, each half with the first case that shows it."""
        found: dict[tuple[str, Phase, Expression], dict[Half, str]] = {}
        for name, (case, phase) in self.cases.items():
            for criterion, expression, half in shown(case, self.rules, phase):
                found.setdefault((criterion, phase, expression), {}).setdefault(half, name)
        return found

    @cached_property
    def universe(self) -> Universe:
        """Any patient."""
        return Universe(self.rules.vocabulary, other=True)

    @cached_property
    def patients(self) -> Patients:
        """Those patients, put to the solver."""
        return Patients(self.universe)

    @cached_property
    def meanings(self) -> Mapping[Phase, Meaning]:
        """What the rules say in each phase."""
        return {phase: Meaning(self.rules, phase, self.universe) for phase in PHASES}

    def coverages(self, only: str | None = None) -> Iterator[Coverage]:
        """How each part is covered, and what is missing where it is not."""
        for part in parts(self.rules, only):
            halves: dict[Half, str] = {}
            for phase in part.phases:
                for half, name in self.seen.get((part.criterion.id, phase, part.expression), {}).items():
                    halves.setdefault(half, name)
            yield Coverage(part, halves, {}) if complete(halves) else self._completed(part, halves)

    def _completed(self, part: Part, halves: Mapping[Half, str]) -> Coverage:
        undecided = False
        for pair in sorted(PAIRS, key=lambda pair: sum(half not in halves for half in pair)):
            made: dict[Half, Case] = {}
            try:
                for half in pair:
                    if half not in halves:
                        patient = self._patient(part, half)
                        if patient is None:
                            break
                        made[half] = patient
                else:
                    return Coverage(part, halves, made)
            except Undecided:
                undecided = True
        return Coverage(part, halves, {}, infeasible=not undecided)

    def _patient(self, part: Part, half: Half) -> Case | None:
        """A patient in whom the part decides so; `None` proves that there is none. Raises `Undecided`."""
        phase = part.phases[0]
        meaning = self.meanings[phase]
        wanted = either(*(
            both(where.present, place.present, decides(meaning.conditions, part, where, place, half))
            for where in meaning.around(part.criterion.level)
            for place in _places(part.criterion.condition, part.expression, where)
        ))  # fmt: skip
        model = self.patients.find(wanted, seconds=self.seconds, minimal=False)
        if model is None:
            return None

        def shows(case: Case) -> bool:
            name = part.criterion.id
            return (name, part.expression, half) in shown(case, self.rules, phase, name)

        record = reported(self.universe, model, self.as_of)
        if not shows(record.case()):
            raise untrusted(f"{part.text} decides {part.criterion.id}")
        return smallest(record, shows, wanted)


def _places(condition: Expression, part: Expression, where: Somewhere) -> Iterator[Somewhere]:
    """Where a part of a condition is decided: at its own place, and at each member of an *any structure* around it."""
    if is_part(condition):
        if condition == part:
            yield where
    elif isinstance(condition, AnyOf):
        for member in where.members[condition.over]:
            yield from _places(condition.body, part, member)
    else:
        for child in children(condition):
            yield from _places(child, part, where)


def decides(conditions: Conditions, part: Part, where: Somewhere, place: Somewhere, half: Half) -> Formula:
    """When a part is so at a place and decides the condition so."""
    value, outcome = half

    def with_part(truth: bool) -> Symbolic:
        def instead(node: Expression, at: Somewhere) -> Symbolic | None:
            return Symbolic.of(truth) if at.id == place.id and is_part(node) and node == part.expression else None

        return conditions.truth(part.criterion.condition, where, instead)

    own = conditions.truth(part.expression, place)
    as_it_is, turned = with_part(value), with_part(not value)
    return both(
        own.true if value else own.false,
        as_it_is.true if outcome else as_it_is.false,
        turned.false if outcome else turned.true,
    )
