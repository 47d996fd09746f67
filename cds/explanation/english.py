"""A condition in English: what it asks of the record, in the labels of the vocabulary, as nested statements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cds.language import parse, print_expression
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
    Or,
    ParameterReference,
    Xor,
)
from cds.recommendation.words import parameter_text, spoken
from cds.ruleset import RuleSet
from cds.ruleset.model import AtLeast, Definition, When
from cds.vocabulary import FactDefinition, level_of

_COMPARED: Final[Mapping[ComparisonOperator, str]] = {
    "=": "is", "!=": "is not", "<": "is below", "<=": "is at most", ">": "is above", ">=": "is at least",
}  # fmt: skip
_PLANNER: Final = {
    "unprotectable": "every measure listed for the structure is contraindicated, or none is listed",
    "coveredByPlan": "the plan names a usable measure and a way of monitoring for the structure",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One line of a condition in words; `depth` is how many steps it stands under another. Text is plain."""

    depth: int
    text: str


def in_words(when: When, rules: RuleSet) -> tuple[Statement, ...]:
    """A condition as its author wrote it, in words.

    >>> from cds.ruleset import load_rules
    >>> rules = load_rules()
    >>> [each.text for each in in_words("patient.ecog > 2 or not patient.bleedingDisorder", rules)][0]
    'at least one of these holds:'
    """
    english = _English(rules)
    if isinstance(when, AtLeast):
        parts = [parse(text) for text in when.of]
        return (
            Statement(0, f"at least {when.at_least} of these {len(parts)} hold:"),
            *(each for part in parts for each in english.lines(part, 1)),
        )
    return tuple(english.lines(parse(when), 0))


def definition_in_words(definition: Definition, rules: RuleSet) -> Mapping[str, tuple[Statement, ...]]:
    """A definition in words, by phase (`every phase` where it has one condition for all)."""
    if definition.any is not None and definition.where is not None:
        inner = _English(rules).lines(parse(definition.where), 1)
        return {"every phase": (Statement(0, "for at least one structure at risk:"), *inner)}
    if definition.phases:
        return {phase: in_words(text, rules) for phase, text in definition.phases.items()}
    return {"every phase": in_words(definition.when or "true", rules)}


@dataclass(frozen=True, slots=True)
class _English:
    rules: RuleSet

    def lines(self, node: Expression, depth: int) -> Iterator[Statement]:
        match node:
            case And() | Or():
                kind = And if isinstance(node, And) else Or
                head = "all of these hold:" if kind is And else "at least one of these holds:"
                yield Statement(depth, head)
                for part in _operands(node, kind):
                    yield from self.lines(part, depth + 1)
            case Xor(left, right):
                yield from self._listed("exactly one of these two holds:", (left, right), depth)
            case Implies(left, right):
                yield from self._listed("if the first of these holds, so does the second:", (left, right), depth)
            case FactReference() if self._notion(node) is not None:
                yield from self._spelt_out(node, depth)
            case Not(FactReference() as fact) if self._notion(fact) is None:
                yield Statement(depth, self._fact(fact, "no"))
            case Not(operand):
                yield from self._listed("this does not hold:", (operand,), depth)
            case AnyOf(over, body):
                where = "of the other lesion" if over.startswith("other") else "of the lesion"
                yield from self._listed(f"for at least one structure at risk {where}:", (body,), depth)
            case FactReference():
                yield Statement(depth, self._fact(node, "yes"))
            case _:
                yield Statement(depth, self._atom(node))

    def _listed(self, head: str, parts: tuple[Expression, ...], depth: int) -> Iterator[Statement]:
        yield Statement(depth, head)
        for part in parts:
            yield from self.lines(part, depth + 1)

    def _notion(self, fact: FactReference) -> Definition | None:
        return self.rules.definitions.get(f"{'lesion' if fact.level == 'other' else fact.level}.{fact.name}")

    def _spelt_out(self, fact: FactReference, depth: int) -> Iterator[Statement]:
        """A shared notion: its own words, and under them what it asks."""
        notion = self._notion(fact)
        if notion is None:
            raise KeyError(str(fact))
        yield Statement(depth, f"{notion.says or spoken(fact.name)}{self._whose(fact)}:")
        phases = definition_in_words(notion, self.rules)
        for phase, words in phases.items():
            if len(phases) > 1:
                yield Statement(depth + 1, f"in {phase}:")
            yield from (Statement(each.depth + depth + (2 if len(phases) > 1 else 1), each.text) for each in words)

    def _atom(self, node: Expression) -> str:
        match node:
            case BooleanLiteral(value):
                return "always" if value else "never"
            case Comparison(operator, FactReference() as fact, BooleanLiteral(value)) if operator in ("=", "!="):
                return self._fact(fact, "yes" if value is (operator == "=") else "no")
            case Comparison(operator, left, right):
                return f"{self._side(left)} {_COMPARED[operator]} {self._side(right, of=left)}"
            case Between(operand, low, high):
                return f"{self._side(operand)} is from {self._side(low)} to {self._side(high)}"
            case Membership(operand, members):
                *most, last = [self._side(member, of=operand) for member in members]
                listed = f"{', '.join(most)} or {last}" if most else last
                return f"{self._side(operand)} is {listed}"
            case _:
                return print_expression(node)

    def _side(self, node: Expression, of: Expression | None = None) -> str:
        match node:
            case FactReference():
                definition = self._definition(node)
                return f"{definition.label if definition else spoken(node.name)}{self._whose(node)}"
            case CodeLiteral(value):
                definition = self._definition(of) if isinstance(of, FactReference) else None
                return f"“{definition.value_labels.get(value, value) if definition else value}”"
            case ParameterReference(name):
                parameter = self.rules.parameters[name]
                return f"{parameter_text(parameter)} ({parameter.label or spoken(name)})"
            case _:
                return print_expression(node).replace("'", "")

    def _fact(self, fact: FactReference, answer: str) -> str:
        """A yes/no fact with the answer that is asked for."""
        if fact.level == "structure" and fact.name in _PLANNER:
            return f"{'not: ' if answer == 'no' else ''}{_PLANNER[fact.name]}"
        definition = self._definition(fact)
        return f"{definition.label if definition else spoken(fact.name)}{self._whose(fact)}: {answer}"

    def _definition(self, fact: FactReference) -> FactDefinition | None:
        return self.rules.vocabulary.facts.get((level_of(fact.level), fact.name))

    @staticmethod
    def _whose(fact: FactReference) -> str:
        return " of the other lesion" if fact.level == "other" else ""


def _operands(node: Expression, kind: type[And] | type[Or]) -> Iterator[Expression]:
    """The operands of a chain of one operator, flat."""
    if isinstance(node, kind):
        yield from _operands(node.left, kind)
        yield from _operands(node.right, kind)
    else:
        yield node
