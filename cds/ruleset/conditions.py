"""Compiling the conditions of a rule set: parsed, resolved for each phase, checked for what they may read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import combinations
from typing import Final

from cds.errors import Finding, Position
from cds.language import (
    ConditionError,
    ConditionErrors,
    facts_of,
    findings,
    parameters_of,
    parse,
    print_expression,
    resolve,
    walk,
)
from cds.language.syntax import (
    And,
    AnyOf,
    Between,
    BooleanLiteral,
    Comparison,
    ComparisonOperator,
    Expression,
    FactReference,
    Implies,
    Not,
    NullLiteral,
    NumberLiteral,
    Or,
    QuantityLiteral,
    Xor,
)
from cds.ruleset.documents import Document, KeyPath
from cds.ruleset.model import AtLeast, Definition, MeasureRule, Parameter, Phase, When
from cds.ruleset.names import ConditionNames
from cds.ruleset.rule_set import Condition
from cds.ruleset.vocabulary_file import PLANNER_FACTS
from cds.vocabulary import FactDefinition, FactKind, Level, StructureDefinition, Vocabulary, level_of

_BROKEN: Final = BooleanLiteral(True)
"""Stands for a condition that has a finding already, so that what uses it does not report it again."""


class Conditions:
    """Compiles conditions and collects what is wrong with them. Used by one load, then thrown away."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        parameters: Mapping[str, Parameter],
        definitions: Mapping[str, Definition],
        definitions_document: Document,
        *,
        day: dt.date | None = None,
    ) -> None:
        """`day`: the parameters as they stand on that day, without a value before their first one; else the newest."""
        self.vocabulary = vocabulary
        self.parameters = parameters if day is None else {name: p.on(day) for name, p in parameters.items()}
        self.valueless = frozenset(name for name, p in self.parameters.items() if p.value is None and day is not None)
        self.definitions = definitions
        self.document = definitions_document
        self.findings: list[Finding] = []
        self._trees: dict[tuple[str, str], Expression] = {}
        self._resolved: dict[tuple[str, Phase], Expression] = {}
        self._resolving: list[str] = []
        self._reported: set[str] = set()

    def condition(self, when: When, document: Document, path: KeyPath) -> Condition:
        """A condition as written, with the parameters that it and its definitions read."""
        tree = self._tree(when, document, path)
        return Condition(print_expression(tree), tree, tuple(dict.fromkeys(self._parameters(tree))))

    def resolve(self, when: When, document: Document, path: KeyPath, level: Level, phase: Phase) -> Expression:
        """A condition as the engines run it in a phase."""
        tree = self._tree(when, document, path)
        if self.valueless:
            tree = without_values(tree, self.valueless)
        try:
            return resolve(tree, self._names(level, phase))
        except (ConditionError, ConditionErrors) as error:
            text = when if isinstance(when, str) else print_expression(tree)
            self._report(findings(error, text, self._position(when, document, path)))
            return _BROKEN

    def define(self, name: str, phase: Phase) -> Expression | None:
        """A definition as the engines run it in a phase; `None` where there is none of that name."""
        definition = self.definitions.get(name)
        if definition is None:
            return None
        if (name, phase) in self._resolved:
            return self._resolved[name, phase]
        path: KeyPath = ("definitions", name)
        if name in self._resolving:
            circle = " → ".join([*self._resolving[self._resolving.index(name) :], name])
            message = f"the definition rests on itself: {circle}; say one of them without the others"
            self._report([Finding("definition-cycle", self.document.position(path), message)])
            return _BROKEN
        self._resolving.append(name)
        try:
            self._resolved[name, phase] = self._definition(definition, path, name, phase)
        finally:
            self._resolving.pop()
        return self._resolved[name, phase]

    def _definition(self, definition: Definition, path: KeyPath, name: str, phase: Phase) -> Expression:
        level = Level(name.partition(".")[0])
        if definition.any is not None and definition.where is not None:
            where = (*path, "where")
            body = self.resolve(definition.where, self.document, where, Level.STRUCTURE, phase)
            return AnyOf(definition.any, body)
        if definition.phases:
            text = definition.phases.get(phase)
            if text is None:
                message = f"`{name}` has no condition for the phase `{phase}`, but a rule of that phase reads it"
                self._report([Finding("definition-without-phase", self.document.position(path), message)])
                return _BROKEN
            return self.resolve(text, self.document, (*path, phase), level, phase)
        return self.resolve(definition.when or "", self.document, self._when_path(path), level, phase)

    def _when_path(self, path: KeyPath) -> KeyPath:
        """The short form of a definition is the text itself."""
        return (*path, "when") if (*path, "when") in self.document.positions else path

    def _names(self, level: Level, phase: Phase) -> ConditionNames:
        return ConditionNames(level, phase, self.vocabulary, self.parameters, self.definitions.keys(), self.define)

    def _tree(self, when: When, document: Document, path: KeyPath) -> Expression:
        if isinstance(when, AtLeast):
            parts = [self._parsed(text, document, (*path, "of", index)) for index, text in enumerate(when.of)]
            return at_least(when.at_least, parts)
        return self._parsed(when, document, path)

    def _parsed(self, text: str, document: Document, path: KeyPath) -> Expression:
        place = document.text_position(path)
        key = (str(place), text)
        if key not in self._trees:
            try:
                self._trees[key] = parse(text)
            except (ConditionError, ConditionErrors) as error:
                self._report(findings(error, text, place))
                self._trees[key] = _BROKEN
        return self._trees[key]

    def texts(self, when: When, document: Document, path: KeyPath) -> Iterator[tuple[str, Position, Expression]]:
        """Each text of a condition, where it stands, and its tree, in which a span is a place in that text."""
        parts = [(when, path)] if isinstance(when, str) else [
            (text, (*path, "of", index)) for index, text in enumerate(when.of)
        ]  # fmt: skip
        for text, place in parts:
            yield text, document.text_position(place), self._parsed(text, document, place)

    def _position(self, when: When, document: Document, path: KeyPath) -> Position:
        return document.text_position(path) if isinstance(when, str) else document.position(path)

    def _parameters(self, tree: Expression) -> Iterable[str]:
        for reference in parameters_of(tree):
            yield reference.name
        for fact in facts_of(tree):
            name = f"{'lesion' if fact.level == 'other' else fact.level}.{fact.name}"
            definition = self.definitions.get(name)
            if definition is None or name in self._resolving:
                continue
            self._resolving.append(name)
            try:
                for text in (definition.when, definition.where, *definition.phases.values()):
                    if text is not None:
                        yield from self._parameters(self._silently(text))
            finally:
                self._resolving.pop()

    def _silently(self, text: str) -> Expression:
        """A definition's text parsed for its parameters; what is wrong with it is reported where it stands."""
        try:
            return parse(text)
        except (ConditionError, ConditionErrors):
            return _BROKEN

    def report(self, code: str, place: Position, message: str) -> None:
        """Note something wrong, once however often it is come upon."""
        self._report([Finding(code, place, message)])

    def _report(self, found: Iterable[Finding]) -> None:
        for finding in found:
            if str(finding) not in self._reported:
                self._reported.add(str(finding))
                self.findings.append(finding)

    # ------------------------------------------------------------------------------------------- what may be read

    def check_any(self, condition: Expression, level: Level, place: Position) -> None:
        """*Any structure* ranges over a lesion's structures: it means nothing from within one of them."""
        nested = any(
            isinstance(node, AnyOf) and any(isinstance(inner, AnyOf) for inner, _ in walk(node.body))
            for node, _ in walk(condition)
        )
        inside = level in (Level.PATIENT, Level.STRUCTURE) and any(
            isinstance(node, AnyOf) for node, _ in walk(condition)
        )
        if nested or inside:
            message = (
                "`any: structure` is asked of a lesion as a whole; use it in rules for each lesion or other-lesion"
            )
            self._report([Finding("misplaced-any", place, message)])

    def check_verdict_reads(self, condition: Expression, place: Position, what: str) -> None:
        """Documents are false when silent: they may not reach a verdict, an order, the scope or a measure."""
        for reference in facts_of(condition):
            definition = self._definition_of(reference)
            if reference.name == "coveredByPlan" or (definition and definition.kind is FactKind.DOCUMENT):
                message = (
                    f"{what} reads `{reference}`, a document that is false when nobody wrote it; documents may "
                    "feed obligations, `informs` and `done` only"
                )
                self._report([Finding("document-in-verdict", place, message)])

    def check_ground(self, condition: Expression, place: Position, what: str) -> None:
        """Numbers argue; what excludes rests on something that a person judged, chose, found or recorded."""
        kinds = {
            definition.kind
            for reference in facts_of(condition)
            if (definition := self._definition_of(reference)) is not None
        }
        if kinds and kinds <= {FactKind.MEASURE, FactKind.GIVEN}:
            message = f"{what} excludes on numbers alone; let it argue (`against`), or name the judgement it rests on"
            self._report([Finding("numbers-alone", place, message)])

    def _definition_of(self, reference: FactReference) -> FactDefinition | None:
        return self.vocabulary.facts.get((level_of(reference.level), reference.name))

    def check_literals(self, when: When, document: Document, path: KeyPath) -> None:
        """A threshold is a parameter, with its source and its status; a condition holds no number but 0 and counts."""
        for text, place, tree in self.texts(when, document, path):
            numbers = [number for node, _ in walk(tree) for number in self._thresholds(node) if number.value != 0]
            for number in numbers:
                message = f"`{print_expression(number)}` is a threshold without a source; make it a parameter"
                found = findings(ConditionError(message, number.span), text, place)
                self._report(replace(each, code="literal-threshold") for each in found)

    def _thresholds(self, node: Expression) -> Iterator[NumberLiteral | QuantityLiteral]:
        """The numbers that a comparison holds against a fact that is no document."""
        match node:
            case Comparison(operator, left, right) if operator not in ("=", "!="):
                sides = [(left, right), (right, left)]
            case Between(operand, low, high):
                sides = [(operand, low), (operand, high)]
            case _:
                return
        for side, other in sides:
            definition = self._definition_of(side) if isinstance(side, FactReference) else None
            if definition is not None and definition.kind is not FactKind.DOCUMENT:
                yield from (each for each, _ in walk(other) if isinstance(each, NumberLiteral | QuantityLiteral))

    def check_origins(self, tree: Expression, place: Position, *, waived: bool = False) -> None:
        """A distance and what it is compared with start at the same place, unless the rule's fidelity says so."""
        for node, _ in () if waived else walk(tree):
            match node:
                case Comparison():
                    self._check_origin(node.left, (node.right,), place)
                    self._check_origin(node.right, (node.left,), place)
                case Between():
                    self._check_origin(node.operand, (node.low, node.high), place)
                case _:
                    pass

    def _check_origin(self, side: Expression, others: Iterable[Expression], place: Position) -> None:
        if not isinstance(side, FactReference) or side.level != "structure":
            return
        definition = self.vocabulary.facts.get((Level.STRUCTURE, side.name))
        starts_at = definition.starts_at if definition else None
        for other in others:
            origin = self._origin(other)
            if starts_at is not None and origin is not None and origin != starts_at:
                message = (
                    f"`{side}` starts at the {starts_at}, `{print_expression(other)}` was measured from the {origin}; "
                    "compare like with like, or say `fidelity: interpretation`"
                )
                self._report([Finding("mixed-origins", place, message)])

    def _origin(self, limit: Expression) -> str | None:
        """Where a limit starts: a margin (tumour to ice) and a distance from the ice together start at the tumour."""
        named = (self.parameters.get(reference.name) for reference in parameters_of(limit))
        origins = {parameter.measured_from for parameter in named if parameter and parameter.measured_from}
        return "tumour" if "tumour" in origins else next(iter(sorted(origins)), None)

    def check_definitions(self) -> None:
        """Every definition, used or not: its name, its condition in each of its phases, its origins."""
        for name, definition in self.definitions.items():
            path: KeyPath = ("definitions", name)
            place = self.document.position(path)
            word, _, short = name.partition(".")
            if word not in ("patient", "lesion", "structure") or not short.isidentifier():
                message = f"`{name}` cannot be named; write `lesion.…`, `structure.…` or `patient.…`"
                self._report([Finding("unusable-name", place, message)])
                continue
            if (Level(word), short) in self.vocabulary.facts or (word == "structure" and short in PLANNER_FACTS):
                message = f"`{name}` is a fact of the vocabulary already; give the definition another name"
                self._report([Finding("duplicate-id", place, message)])
                continue
            phases: Iterable[Phase] = definition.phases or ("decision",)
            for phase in phases:
                self.define(name, phase)
            stated = ((self._when_path(path), definition.when), ((*path, "where"), definition.where))
            for where, text in (*stated, *(((*path, phase), text) for phase, text in definition.phases.items())):
                if text is not None:
                    self.check_origins(self._silently(text), place)
                    self.check_literals(text, self.document, where)


def without_values(tree: Expression, valueless: Collection[str]) -> Expression:
    """A sound condition on a day on which some of its parameters have no value: what compares with them is null.

    >>> tree = parse("patient.a or lesion.depth between parameters.x and parameters.y")
    >>> print_expression(without_values(tree, ["x"]))
    'patient.a or lesion.depth >= null and lesion.depth <= parameters.y'
    """

    def changed(node: Expression) -> Expression:
        return without_values(node, valueless)

    def has_none(side: Expression) -> bool:
        return any(reference.name in valueless for reference in parameters_of(side))

    match tree:
        case Not(operand):
            return Not(changed(operand), tree.span)
        case And() | Or() | Xor() | Implies():
            return type(tree)(changed(tree.left), changed(tree.right), tree.span)
        case Comparison(operator, left, right) if has_none(right):
            return Comparison(operator, left, NullLiteral(), tree.span)
        case Comparison(operator, left, right) if has_none(left):
            return Comparison(operator, right, NullLiteral(), tree.span)
        case Between(operand, low, high) if has_none(low) or has_none(high):
            ends: tuple[tuple[ComparisonOperator, Expression], ...] = ((">=", low), ("<=", high))
            bounds = [Comparison(o, operand, NullLiteral() if has_none(end) else end, tree.span) for o, end in ends]
            return And(bounds[0], bounds[1], tree.span)
        case AnyOf(over, body):
            return AnyOf(over, changed(body), tree.span)
        case _:
            return tree


def at_least(count: int, conditions: list[Expression]) -> Expression:
    """At least `count` of the conditions hold: the *or* of the *ands* of every choice of `count`.

    >>> print_expression(at_least(2, [parse("patient.a"), parse("patient.b"), parse("patient.c")]))
    'patient.a and patient.b or patient.a and patient.c or patient.b and patient.c'
    """
    return reduce(Or, (reduce(And, chosen) for chosen in combinations(conditions, count)))


def planner_expressions(
    structure: StructureDefinition,
    vocabulary: Vocabulary,
    rules: Iterable[tuple[MeasureRule, Expression]],
) -> dict[str, Expression]:
    """The planner's Boolean facts of one structure: `unprotectable` and `coveredByPlan`.

    Unprotectable: nothing is listed, or every listed measure is contraindicated. Covered: the plan names a measure that
    is neither contraindicated nor advised against, and a monitoring from the structure's list.
    """
    against = {
        name: [(rule.status, condition) for rule, condition in rules if applies(rule, name, vocabulary)]
        for name in structure.measures
    }
    contraindicated = [
        _any([condition for status, condition in against[name] if status == "contraindicated"])
        for name in structure.measures
    ]
    usable = [
        And(
            FactReference("structure", vocabulary.measures[name].planned),
            Not(_any([condition for _, condition in against[name]])),
        )
        for name in structure.measures
    ]
    watched = [FactReference("structure", vocabulary.monitoring[name].planned) for name in structure.monitoring]
    unprotectable, covered = PLANNER_FACTS
    return {unprotectable: _all(contraindicated), covered: And(_any(usable), _any(watched))}


def applies(rule: MeasureRule, measure: str, vocabulary: Vocabulary) -> bool:
    """Whether a measure rule speaks of a measure, by name or by class."""
    return rule.measure == measure or (
        rule.measure_class is not None and rule.measure_class == vocabulary.measures[measure].measure_class
    )


def _any(conditions: Sequence[Expression]) -> Expression:
    return reduce(Or, conditions) if conditions else BooleanLiteral(False)


def _all(conditions: Sequence[Expression]) -> Expression:
    return reduce(And, conditions) if conditions else BooleanLiteral(True)
