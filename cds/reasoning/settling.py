"""Which missing facts would settle a verdict, with the outcome for every value that each may have.

Values are enumerated, never sampled: both answers of a question, every code, and for a measured value the cells between
the constants it is compared with (inside one cell no comparison changes). What cannot be enumerated is said to be open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from cds.case import NEVER_RECORDED, Fact, Known, Value, bounded
from cds.language import compared, walk
from cds.language.syntax import (
    Expression,
    FactReference,
    NumberLiteral,
    QuantityLiteral,
)
from cds.language.types import BooleanType, CodeType, NumberType, QuantityType, ValueType
from cds.quantities import Interval
from cds.reasoning.conditions import Derivation, Derived, derive
from cds.reasoning.contexts import Context
from cds.reasoning.verdict import Verdict
from cds.truth import Truth
from cds.vocabulary import FactDefinition, Level, Vocabulary, level_of


@dataclass(frozen=True, slots=True)
class OpenCriterion:
    """A criterion that is not decided: its condition, the context, and the key under which its truth is looked up."""

    key: tuple[str, str]
    condition: Expression
    context: Context
    derivation: Derivation


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdicts left if the fact had one of the values that `condition` describes."""

    condition: str
    possible: frozenset[Verdict]


@dataclass(frozen=True, slots=True)
class Settling:
    """A missing fact, the definition it has in the vocabulary, and what each of its values would leave possible."""

    subject: str
    definition: FactDefinition
    fact: Fact
    outcomes: tuple[Outcome, ...]
    open: bool = False


Recompute = Callable[[Mapping[tuple[str, str], Truth]], frozenset[Verdict]]
"""The possible verdicts under replaced truths of some criteria."""


def settling_facts(
    criteria: Sequence[OpenCriterion],
    vocabulary: Vocabulary,
    derived: Derived,
    current: frozenset[Verdict],
    recompute: Recompute,
) -> tuple[Settling, ...]:
    """The facts of the undecided criteria that have at least one value which decides one of them.

    The most decisive first: by how many verdicts their values rule out at worst, then in all, then by burden. Last come
    those that rule out none alone, because another undecided criterion keeps the same verdict possible.
    """
    found: list[Settling] = []
    for (subject, name), (definition, fact, readers) in _candidates(criteria, vocabulary, derived).items():
        values = _values(definition, fact, readers, derived)
        if values is None:
            found.append(Settling(subject, definition, fact, (), open=True))
            continue
        truths = [
            (value, {c.key: _truth_if(c, subject, name, value, vocabulary, derived) for c in readers})
            for value in values
        ]
        if any(truth.is_known for _, replaced in truths for truth in replaced.values()):
            outcomes = [(value, recompute(replaced)) for value, replaced in truths]
            found.append(Settling(subject, definition, fact, _merged(outcomes, definition)))
    return tuple(sorted(found, key=lambda settling: _decisiveness(settling, current)))


def _decisiveness(settling: Settling, current: frozenset[Verdict]) -> tuple[int, int, int, str, str]:
    left = [len(outcome.possible) for outcome in settling.outcomes] or [len(current)]
    burden = list(type(settling.definition.burden)).index(settling.definition.burden)
    return max(left), sum(left) * 12 // len(left), burden, settling.definition.path, settling.subject


_Candidates = dict[tuple[str, str], tuple[FactDefinition, Fact, list[OpenCriterion]]]


def _candidates(criteria: Iterable[OpenCriterion], vocabulary: Vocabulary, derived: Derived) -> _Candidates:
    """The facts that an undecided criterion reads and that are not exactly known, each with its readers."""
    found: _Candidates = {}
    for criterion in criteria:
        seen: set[tuple[str, str]] = set()
        for subject, reference, fact in criterion.derivation.facts():
            definition = vocabulary.fact(level_of(reference.level), reference.name)
            for its_subject, its_definition, its_fact in _with_closing(
                subject, definition, fact, criterion, vocabulary
            ):
                key = (its_subject, its_definition.name)
                if key in seen or not _is_open(its_fact):
                    continue
                seen.add(key)
                found.setdefault(key, (its_definition, its_fact, []))[2].append(criterion)
    return found


def _with_closing(
    subject: str, definition: FactDefinition, fact: Fact, criterion: OpenCriterion, vocabulary: Vocabulary
) -> Iterable[tuple[str, FactDefinition, Fact]]:
    """The fact itself, and the closing statement that could bound it where it was never recorded."""
    yield subject, definition, fact
    if definition.bounded_below_by is None or fact != NEVER_RECORDED:
        return
    closing = vocabulary.fact(Level.LESION, definition.bounded_below_by)
    for word in ("lesion", "other"):
        lesion = criterion.context.subjects.get(word)
        if lesion is not None and subject.startswith(f"{lesion}/"):
            yield lesion, closing, criterion.context.facts[word][closing.name]


def _is_open(fact: Fact) -> bool:
    value = fact.value
    return value is None or (isinstance(value, Interval) and not value.is_point)


def _values(
    definition: FactDefinition, fact: Fact, readers: Iterable[OpenCriterion], derived: Derived
) -> list[Value] | None:
    """Every value of a fact, or cell of values; `None` where they cannot be enumerated."""
    match definition.type:
        case BooleanType():
            return [True, False]
        case CodeType(values):
            return list(values)
        case NumberType() | QuantityType():
            known = fact.value if isinstance(fact.value, Interval) else None
            bounds = [interval for interval in (known, definition.plausible) if interval is not None]
            constants = {c for r in readers for c in compared_with(r.condition, r.context, definition, derived)}
            return [*regions(definition, sorted(constants), bounds)]
        case _:
            return None


def compared_with(
    condition: Expression, context: Context, definition: FactDefinition, derived: Derived
) -> Iterable[Fraction]:
    """The constants that a condition compares the fact with (for a closing statement: the fact that it bounds)."""
    members = (member for contexts in context.members.values() for member in contexts)
    names = {each.facts["structure"]["name"].value for each in (context, *members) if "structure" in each.facts}
    trees = [condition, *(tree for (name, _), tree in derived.items() if name in names)]
    for tree in trees:
        for node, _ in walk(tree):
            operand, sides = compared(node)
            if not isinstance(operand, FactReference):
                continue
            level = "lesion" if operand.level == "other" else operand.level
            if (level, operand.name) == (definition.level.value, definition.name) or _bounds(definition, operand):
                yield from (side.value for side in sides if isinstance(side, (NumberLiteral, QuantityLiteral)))


def _bounds(definition: FactDefinition, operand: FactReference) -> bool:
    return definition.level is Level.LESION and operand.level == "structure"


def regions(definition: FactDefinition, constants: Sequence[Fraction], bounds: Iterable[Interval]) -> list[Interval]:
    """The cells of the numbers that the fact can have: of a whole number, those that hold one."""
    whole = isinstance(definition.type, NumberType) and definition.type.decimals == 0
    return [cell for cell in cells(constants, bounds) if not whole or _holds_a_whole_number(cell)]


def cells(constants: Sequence[Fraction], bounds: Iterable[Interval]) -> list[Interval]:
    """The numbers cut at the constants, within the bounds: below the first, each constant, the gaps, above the last.

    >>> [str(cell) for cell in cells([Fraction(5)], [])]
    ['< 5', '5', '> 5']
    """
    if not constants:
        return []
    result = [Interval.below(constants[0], open_end=True)]
    for index, constant in enumerate(constants):
        result.append(Interval.point(constant))
        if index + 1 < len(constants):
            result.append(Interval(constant, constants[index + 1], True, True))
    result.append(Interval.above(constants[-1], open_end=True))
    for bound in bounds:
        result = [cell for each in result if (cell := each.intersection(bound)) is not None]
    return result


def _holds_a_whole_number(cell: Interval) -> bool:
    """Whether a whole number lies in a cell: between two neighbours there is none."""
    if cell.low is None or cell.high is None:
        return True
    first = math.floor(cell.low) + 1 if cell.low_open else math.ceil(cell.low)
    return cell.contains(Fraction(first))


def cell_text(cell: Interval, value_type: ValueType) -> str:
    """A cell in words, with its unit."""
    unit = f" {value_type.unit}" if isinstance(value_type, QuantityType) and value_type.unit != "1" else ""
    return f"{cell}{unit}"


def _truth_if(
    criterion: OpenCriterion, subject: str, name: str, value: Value, vocabulary: Vocabulary, derived: Derived
) -> Truth:
    """The truth of a criterion if one fact of one subject had this value."""
    context = with_fact(criterion.context, subject, name, Fact(Known(value)), vocabulary)
    return derive(criterion.condition, context, derived).truth


def with_fact(context: Context, subject: str, name: str, fact: Fact, vocabulary: Vocabulary) -> Context:
    """The context as it would be with one fact of one subject replaced, closing statements applied again."""
    facts = dict(context.facts)
    for word, its_subject in context.subjects.items():
        if its_subject == subject:
            facts[word] = {**facts[word], name: fact}
    of_structure = "structure" in facts and context.subjects.get("lesion") == subject
    if of_structure and any(each.bounded_below_by == name for each in vocabulary.of(Level.STRUCTURE)):
        facts["structure"] = bounded(vocabulary, facts["structure"], facts["lesion"])
    members = {
        over: tuple(with_fact(member, subject, name, fact, vocabulary) for member in contexts)
        for over, contexts in context.members.items()
    }
    return replace(context, facts=facts, members=members)


def _merged(outcomes: Sequence[tuple[Value, frozenset[Verdict]]], definition: FactDefinition) -> tuple[Outcome, ...]:
    """Values that leave the same verdicts, said together; of numbers, neighbouring cells only."""
    groups: list[tuple[list[Value], frozenset[Verdict]]] = []
    for value, possible in outcomes:
        candidates = groups[-1:] if isinstance(value, Interval) else groups
        same = next((values for values, its in candidates if its == possible), None)
        if same is None:
            groups.append(([value], possible))
        else:
            same.append(value)
    return tuple(Outcome(_said(values, definition), possible) for values, possible in groups)


def _said(values: Sequence[Value], definition: FactDefinition) -> str:
    """Values in words: `yes`, `unresectable or not offered`, `<= 1.8`."""
    first, last = values[0], values[-1]
    if isinstance(first, Interval) and isinstance(last, Interval):
        return cell_text(Interval(first.low, last.high, first.low_open, last.high_open), definition.type)
    texts = [
        ("yes" if value else "no") if isinstance(value, bool) else definition.value_labels.get(str(value), str(value))
        for value in values
    ]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"
