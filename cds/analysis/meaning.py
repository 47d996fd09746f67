"""What conditions and answers mean for any patient: the reference evaluator's tables, over formulas instead of facts.

`Meaning` is to a `Universe` what `cds.reasoning.decision` is to a case. Every truth here is compared with the reference
evaluator's on generated cases (`tests/analysis`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import z3

from cds.analysis.formulas import NO, UNKNOWN, YES, Formula, Symbolic, both, either, every, no, some
from cds.analysis.universe import LESION, PATIENT, Universe, Variable, place
from cds.language.syntax import (
    And,
    AnyOf,
    Between,
    BooleanLiteral,
    CodeLiteral,
    Comparison,
    ComparisonOperator,
    Expression,
    FactReference,
    Implies,
    Membership,
    Not,
    NullLiteral,
    NumberLiteral,
    Or,
    QuantityLiteral,
    Xor,
)
from cds.language.types import CodeType
from cds.reasoning.contexts import OVER_OTHER_STRUCTURES, OVER_STRUCTURES
from cds.reasoning.verdict import Verdict
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase, Rule
from cds.ruleset.program import Criterion, Program
from cds.vocabulary import Level


@dataclass(frozen=True, slots=True)
class Somewhere:
    """One place in which a criterion is decided, as `cds.reasoning.contexts.Context` for any patient.

    `subjects` are by the word before the point in a condition; `given` holds what the structure table states; `present`
    is whether the place is there at all; `members` are the structures that *any structure* ranges over.
    """

    id: str
    level: Level
    subjects: Mapping[str, str]
    present: Formula
    given: Mapping[str, str]
    members: Mapping[str, tuple[Somewhere, ...]]


def places_of(universe: Universe, known: Collection[str]) -> Mapping[Level, tuple[Somewhere, ...]]:
    """Every place of any patient, by level, at structures that are `known`: of two versions one may have fewer."""
    structures = {
        lesion: tuple(
            Somewhere(
                each.key,
                Level.STRUCTURE,
                {"patient": PATIENT, "lesion": lesion, "structure": each.key},
                each.present,
                {"name": each.name, "kind": universe.vocabulary.structures[each.name].kind, "side": each.side},
                {},
            )
            for each in places
            if each.name in known
        )
        for lesion, places in universe.structures.items()
    }
    lesions = tuple(
        Somewhere(
            lesion, Level.LESION, {"patient": PATIENT, "lesion": lesion}, YES, {}, {OVER_STRUCTURES: structures[lesion]}
        )
        for lesion in universe.lesions
    )
    pairs = tuple(
        Somewhere(
            f"{one}+{two}", Level.OTHER_LESION, {"patient": PATIENT, "lesion": one, "other": two}, YES, {},
            {OVER_STRUCTURES: structures[one], OVER_OTHER_STRUCTURES: structures[two]},
        )
        for one in universe.lesions
        for two in universe.lesions
        if one != two
    )  # fmt: skip
    return {
        Level.PATIENT: (Somewhere(PATIENT, Level.PATIENT, {"patient": PATIENT}, YES, {}, {}),),
        Level.LESION: lesions,
        Level.STRUCTURE: tuple(each for lesion in universe.lesions for each in structures[lesion]),
        Level.OTHER_LESION: pairs,
    }


def compared(variable: Variable, operator: ComparisonOperator, constant: Expression) -> Symbolic:
    """`fact operator constant` (`cds.reasoning.conditions.compare`), where the fact is known."""
    match constant:
        case NullLiteral():
            return UNKNOWN
        case BooleanLiteral(value) if variable.yes is not None:
            same = Symbolic(variable.yes, no(variable.yes)) if value else Symbolic(no(variable.yes), variable.yes)
        case CodeLiteral(value) if variable.code is not None and isinstance(variable.definition.type, CodeType):
            codes = variable.definition.type.values
            is_it = variable.code == codes.index(value) if value in codes else NO
            same = Symbolic(is_it, no(is_it))
        case NumberLiteral(value) | QuantityLiteral(value) if variable.low is not None and variable.high is not None:
            return _compared_numbers(variable.low, variable.high, operator, place(value, variable.definition))
        case _:
            raise TypeError(f"{variable.name} cannot be compared with a {type(constant).__name__}")
    return same if operator == "=" else ~same


def _compared_numbers(low: z3.ArithRef, high: z3.ArithRef, operator: ComparisonOperator, at: int) -> Symbolic:
    less = Symbolic(high < at, low >= at)
    less_or_equal = Symbolic(high <= at, low > at)
    equal = Symbolic(both(low == at, high == at), either(low > at, high < at))
    match operator:
        case "<":
            return less
        case "<=":
            return less_or_equal
        case ">":
            return ~less_or_equal
        case ">=":
            return ~less
        case "=":
            return equal
        case "!=":
            return ~equal


Replaced: TypeAlias = Callable[[Expression, Somewhere], Symbolic | None]
"""The truth to take for a node at a place, in the place of its own; `None` leaves it."""


@dataclass(frozen=True)
class Conditions:
    """The conditions of one program over one universe.

    `replaced` may put another truth in the place of a node where it is decided: what the condition would be without it.
    """

    program: Program
    universe: Universe

    def truth(
        self, condition: Expression, where: Somewhere, replaced: Replaced | None = None
    ) -> Symbolic:
        """When a resolved condition is true, and when it is false, at a place."""
        instead = replaced(condition, where) if replaced is not None else None
        if instead is not None:
            return instead

        def inner(expression: Expression, at: Somewhere = where) -> Symbolic:
            return self.truth(expression, at, replaced)

        match condition:
            case BooleanLiteral(value):
                return Symbolic.of(value)
            case FactReference():
                return self._stated(condition, where, replaced)
            case Comparison(operator, FactReference() as fact, constant):
                planned = self._planned(fact, where)
                if planned is not None and isinstance(constant, BooleanLiteral):
                    same = inner(planned) if constant.value else ~inner(planned)
                    return same if operator == "=" else ~same
                return self._compared(fact, operator, constant, where)
            case Between(FactReference() as fact, low, high):
                return self._compared(fact, ">=", low, where) & self._compared(fact, "<=", high, where)
            case Membership(FactReference() as fact, members):
                return some(self._compared(fact, "=", member, where) for member in members)
            case Not():
                return ~inner(condition.operand)
            case And():
                return inner(condition.left) & inner(condition.right)
            case Or():
                return inner(condition.left) | inner(condition.right)
            case Xor():
                return inner(condition.left) ^ inner(condition.right)
            case Implies():
                return inner(condition.left).implies(inner(condition.right))
            case AnyOf():
                return some(inner(condition.body, each).where(each.present) for each in where.members[condition.over])
            case _:
                raise TypeError(f"`{type(condition).__name__}` is not a resolved condition")

    def _planned(self, fact: FactReference, where: Somewhere) -> Expression | None:
        """The expression of a fact that the planner computes, at a structure."""
        return self.program.derived.get((where.given.get("name", ""), fact.name)) if fact.level == "structure" else None

    def _stated(self, fact: FactReference, where: Somewhere, replaced: Replaced | None) -> Symbolic:
        planned = self._planned(fact, where)
        if planned is not None:
            return self.truth(planned, where, replaced)
        variable = self.universe[where.subjects[fact.level], fact.name]
        if variable.yes is None:
            return UNKNOWN
        return Symbolic(both(variable.known, variable.yes), both(variable.known, no(variable.yes)))

    def _compared(
        self, fact: FactReference, operator: ComparisonOperator, constant: Expression, where: Somewhere
    ) -> Symbolic:
        if fact.level == "structure" and fact.name in where.given and isinstance(constant, CodeLiteral):
            return Symbolic.of((where.given[fact.name] == constant.value) is (operator == "="))
        variable = self.universe[where.subjects[fact.level], fact.name]
        truth = compared(variable, operator, constant)
        return Symbolic(both(variable.known, truth.true), both(variable.known, truth.false))


@dataclass(frozen=True, slots=True)
class Objections:
    """What stands against an option in any patient: what excludes it, and what holds it back."""

    excluded: Symbolic
    held_back: Symbolic

    def possible(self, verdict: Verdict, scope: Symbolic) -> Formula:
        """When a verdict is possible (`cds.reasoning.verdict.possible_verdicts`)."""
        in_scope = no(scope.false)
        match verdict:
            case Verdict.NOT_ASSESSED:
                return no(scope.true)
            case Verdict.INELIGIBLE:
                return both(in_scope, no(self.excluded.false))
            case Verdict.CONDITIONAL:
                return both(in_scope, no(self.excluded.true), no(self.held_back.false))
            case Verdict.ELIGIBLE:
                return both(in_scope, no(self.excluded.true), no(self.held_back.true))
            case Verdict.UNDETERMINED:
                raise ValueError("`undetermined` is no possible verdict; it says that several are")


@dataclass(frozen=True)
class Meaning:
    """What a rule set says, in one phase, of any patient."""

    rules: RuleSet
    phase: Phase
    universe: Universe

    @cached_property
    def program(self) -> Program:
        """The program of the phase."""
        return self.rules.programs[self.phase]

    @cached_property
    def conditions(self) -> Conditions:
        """Its conditions over the universe."""
        return Conditions(self.program, self.universe)

    @cached_property
    def places(self) -> Mapping[Level, tuple[Somewhere, ...]]:
        """Every place of any patient."""
        return places_of(self.universe, self.rules.vocabulary.structures)

    @cached_property
    def criteria(self) -> Mapping[str, Criterion]:
        """Every criterion by id."""
        return {criterion.id: criterion for criterion in self.program.criteria}

    def around(self, level: Level) -> tuple[Somewhere, ...]:
        """The places of a level that bear on the lesion in question."""
        return tuple(each for each in self.places[level] if each.subjects.get("lesion", LESION) == LESION)

    @cached_property
    def truths(self) -> Mapping[tuple[str, str], Symbolic]:
        """The truth of every criterion at every place of its level that bears on the lesion in question."""
        return {
            (criterion.id, where.id): self.conditions.truth(criterion.condition, where)
            for criterion in self.program.criteria
            for where in self.around(criterion.level)
        }

    def considered(self, options: Iterable[str]) -> Iterator[tuple[Rule, Somewhere]]:
        """Every rule of these options at every place that bears on the lesion in question."""
        named = frozenset(options)
        for rule in self.rules.rules_in(self.phase):
            if rule.option in named:
                for where in self.around(Level(rule.for_each)):
                    yield rule, where

    def scope(self, truths: Mapping[tuple[str, str], Symbolic] | None = None) -> Symbolic:
        """Whether the lesion is one that the rule set is about."""
        its = self.truths if truths is None else truths
        return every(
            its[rule.id, where.id] | Symbolic(no(where.present), where.present)
            for rule, where in self.considered(["scope"])
        )

    def objections(self, option: str, truths: Mapping[tuple[str, str], Symbolic] | None = None) -> Objections:
        """What stands against an option."""
        its = self.truths if truths is None else truths
        excluding: list[Symbolic] = []
        holding_back: list[Symbolic] = []
        for rule, where in self.considered([option, "any"]):
            holds = holds_against(rule, its[rule.id, where.id])
            if holds is not None:
                (excluding if excludes(rule) else holding_back).append(holds.where(where.present))
        return Objections(some(excluding), some(holding_back))

    def possible(self, option: str, verdict: Verdict) -> Formula:
        """When a verdict on an option is possible."""
        key = (option, verdict)
        if key not in self._possible:
            self._possible[key] = self.objections(option).possible(verdict, self.scope())
        return self._possible[key]

    @cached_property
    def _possible(self) -> dict[tuple[str, Verdict], Formula]:
        return {}


def excludes(rule: Rule) -> bool:
    """Whether a rule's objection makes its option ineligible; else it makes it conditional."""
    return rule.effect == "excludes" or (rule.effect == "requires" and rule.remedy is None)


def holds_against(rule: Rule, truth: Symbolic) -> Symbolic | None:
    """When the objection of a rule holds (`cds.reasoning.verdict.objection`); `None` for rules that never object."""
    match rule.effect:
        case "excludes" | "against":
            return truth
        case "requires":
            return ~truth
        case _:
            return None
