"""A rule set in its authors' words: every condition with its definitions still by name, and the programs made of them.

A program has definitions and exceptions put in place; nobody wrote it like that. A fault that an author can make is one
in a condition or a definition as it was written, and shows wherever that definition is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from cds.language import facts_of, parse, resolve
from cds.language.syntax import (
    And,
    AnyOf,
    BooleanLiteral,
    Comparison,
    Expression,
    FactReference,
    Implies,
    Not,
    Or,
    Xor,
)
from cds.ruleset import RuleSet
from cds.ruleset.compilation import excepted
from cds.ruleset.conditions import planner_expressions, without_values
from cds.ruleset.model import PHASES, AtLeast, Phase, RuleException, When
from cds.ruleset.names import ConditionNames, of_other_lesion
from cds.ruleset.program import Criterion, Program
from cds.ruleset.rule_set import considered
from cds.vocabulary import Level

Key = tuple[str, Phase]
"""A statement (`SS-2`, `TP-1.done`) or a definition (`lesion.resectable`), in a phase."""


@dataclass(frozen=True)
class Wording:
    """The conditions of a rule set as they were written, thresholds in place and definitions by name.

    >>> from cds.language import print_expression
    >>> from cds.ruleset import load_rules
    >>> print_expression(Wording(load_rules()).statements["PREF-2", "decision"])
    'lesion.resectable and lesion.declinesSurgery'
    """

    rules: RuleSet

    @cached_property
    def levels(self) -> Mapping[str, Level]:
        """Where each statement is decided."""
        rules = {rule.id: Level(rule.for_each) for rule in self.rules.rules}
        planner = self.rules.planner
        return {
            **rules,
            **{f"{rule.id}.done": rules[rule.id] for rule in self.rules.rules if rule.done is not None},
            **{exception.id: rules[exception.exception_to] for exception in self.rules.exceptions},
            **{preference.id: Level.LESION for preference in self.rules.preferences},
            **{each.id: Level.STRUCTURE for each in (*planner.need, *planner.measures, *planner.monitoring)},
        }

    @cached_property
    def statements(self) -> Mapping[Key, Expression]:
        """Every statement's condition, in each phase that asks it."""
        return {
            (name, phase): self._read(self.rules.conditions[name].tree, self.levels[name], phase)
            for phase in PHASES
            for name in self._asked(phase)
        }

    @cached_property
    def counts(self) -> Mapping[str, AtLeast]:
        """The statements that ask for at least so many of several conditions."""
        rules, planner = self.rules, self.rules.planner
        stated: dict[str, When | None] = {
            each.id: each.when
            for part in (rules.rules, rules.exceptions, rules.preferences, planner.need, planner.measures,
                         planner.monitoring)
            for each in part
        }  # fmt: skip
        stated |= {f"{rule.id}.done": rule.done for rule in rules.rules}
        return {name: when for name, when in stated.items() if isinstance(when, AtLeast)}

    def members(self, name: str, phase: Phase) -> tuple[Expression, ...]:
        """The conditions of which a statement of `counts` asks for so many, in a phase."""
        return tuple(self._read(parse(text), self.levels[name], phase) for text in self.counts[name].of)

    def _asked(self, phase: Phase) -> Iterator[str]:
        rules, planner = self.rules, self.rules.planner
        for rule in rules.rules_in(phase):
            yield from (each.id for each in self._exceptions(rule.id))
            yield rule.id
            if rule.done is not None:
                yield f"{rule.id}.done"
        if phase != "follow-up":
            yield from (each.id for each in rules.preferences)
            yield from (each.id for each in (*planner.need, *planner.measures, *planner.monitoring))

    def _exceptions(self, rule: str) -> tuple[RuleException, ...]:
        return tuple(each for each in self.rules.exceptions if each.exception_to == rule)

    @cached_property
    def definitions(self) -> Mapping[Key, Expression]:
        """Every definition's condition, in each phase in which a statement rests on it."""
        found: dict[Key, Expression] = {}
        waiting: list[Key] = [(name, key[1]) for key, tree in self.statements.items() for name in _named(tree)]
        while waiting:
            key = waiting.pop()
            if key in found or key[0] not in self.rules.definitions:
                continue
            found[key] = self._definition(*key)
            waiting += [(other, key[1]) for other in _named(found[key])]
        return found

    def _definition(self, name: str, phase: Phase) -> Expression:
        written = self.rules.definitions[name]
        if written.any is not None:
            return AnyOf(written.any, self._read(parse(written.where or ""), Level.STRUCTURE, phase))
        return self._read(parse(written.phases.get(phase) or written.when or ""), Level(name.partition(".")[0]), phase)

    def _read(self, tree: Expression, level: Level, phase: Phase) -> Expression:
        def by_name(name: str, _: Phase) -> Expression | None:
            word, short = name.split(".", 1)
            return FactReference(word, short)

        rules = self.rules
        names = ConditionNames(level, phase, rules.vocabulary, rules.parameters, rules.definitions.keys(), by_name)
        valueless = [name for name, parameter in rules.parameters.items() if parameter.value is None]
        return resolve(without_values(tree, valueless), names)  # a day may stand before a parameter's first value

    def program(
        self, phase: Phase, changed: Mapping[Key, Expression] | None = None, rules: RuleSet | None = None
    ) -> Program:
        """The program of a phase, with some statements or definitions `changed`: what loading them would make. `rules`
        may be a rule set with the same words that does something else with them, or has another vocabulary.
        """
        making = _Making(self, phase, changed or {})
        rules = rules if rules is not None else self.rules
        planner = rules.planner
        criteria: list[Criterion] = []
        for rule in rules.rules:
            if not considered(rule, phase):
                continue
            condition = making.condition(rule.id)
            for exception in self._exceptions(rule.id):
                criteria.append(Criterion(exception.id, self.levels[rule.id], making.condition(exception.id)))
                condition = excepted(rule, condition, criteria[-1].condition)
            criteria.append(Criterion(rule.id, self.levels[rule.id], condition))
            if rule.done is not None:
                criteria.append(Criterion(f"{rule.id}.done", self.levels[rule.id], making.condition(f"{rule.id}.done")))
        if phase == "follow-up":
            return Program(phase, tuple(criteria), {}, rules.vocabulary)
        criteria += [
            Criterion(name, self.levels[name], making.condition(name))
            for part in (rules.preferences, planner.need, planner.measures, planner.monitoring)
            for name in (each.id for each in part)
        ]
        measures = [(rule, making.condition(rule.id)) for rule in planner.measures]
        derived = {
            (structure.name, fact): expression
            for structure in rules.vocabulary.structures.values()
            for fact, expression in planner_expressions(structure, rules.vocabulary, measures).items()
        }
        return Program(phase, tuple(criteria), derived, rules.vocabulary)


def _named(tree: Expression) -> Iterator[str]:
    """What might be a definition, by its full name."""
    for fact in facts_of(tree):
        yield f"{'lesion' if fact.level == 'other' else fact.level}.{fact.name}"


@dataclass(frozen=True)
class _Making:
    """One program being put together."""

    wording: Wording
    phase: Phase
    changed: Mapping[Key, Expression]
    _defined: dict[str, Expression] = field(default_factory=dict)

    def condition(self, name: str) -> Expression:
        key = (name, self.phase)
        return self._in_place(self.changed.get(key, self.wording.statements[key]))

    def _definition(self, name: str) -> Expression | None:
        key = (name, self.phase)
        if key not in self.wording.definitions:
            return None
        if name not in self._defined:
            self._defined[name] = self._in_place(self.changed.get(key, self.wording.definitions[key]))
        return self._defined[name]

    def _in_place(self, tree: Expression) -> Expression:
        match tree:
            case FactReference():
                return self._defined_as(tree) or tree
            case Not():
                return replace(tree, operand=self._in_place(tree.operand))
            case And() | Or() | Xor() | Implies():
                return replace(tree, left=self._in_place(tree.left), right=self._in_place(tree.right))
            case Comparison(operator, FactReference() as fact, BooleanLiteral(value)):
                defined = self._defined_as(fact)
                if defined is None:
                    return tree
                return defined if (operator == "=") is value else Not(defined, tree.span)
            case AnyOf():
                return replace(tree, body=self._in_place(tree.body))
            case _:
                return tree

    def _defined_as(self, fact: FactReference) -> Expression | None:
        """What a definition says where a condition names it; `None` for a fact."""
        defined = self._definition(f"{'lesion' if fact.level == 'other' else fact.level}.{fact.name}")
        return of_other_lesion(defined) if defined is not None and fact.level == "other" else defined
