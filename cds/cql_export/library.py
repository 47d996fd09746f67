"""A rule set as one library of CQL 1.5: the vocabulary as tuple-typed parameters, each condition as a `define`.

What is written are the resolved conditions, which the engines run too: parameters as numbers on the grid of the fact,
exceptions applied, the planner's facts written out for each structure. Where a part of a condition is a definition of
the rule set, it is named instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cds.cql_export.case import LIST_PARAMETERS
from cds.language import ConditionErrors, facts_of, parameters_of, parse, print_expression, resolve, to_cql
from cds.language.syntax import (
    AnyOf,
    BooleanLiteral,
    CodeLiteral,
    Comparison,
    Expression,
    FactReference,
    NullLiteral,
)
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType, ValueType
from cds.reasoning.contexts import OVER_STRUCTURES
from cds.ruleset import Condition, RuleSet
from cds.ruleset.conditions import without_values
from cds.ruleset.model import PHASES, Definition, Grounded, Need, Parameter, Phase, Preference, Rule, RuleException
from cds.ruleset.names import WORDS, ConditionNames
from cds.ruleset.program import Program
from cds.vocabulary import Level, Vocabulary

HOME: Final[Mapping[str, str]] = {word: word for word in ("patient", "lesion", "structure", "other")}
"""What the words before a point stand for at the top of a `define`: the parameters of the same name."""
MEMBER: Final = "member"
"""The alias of the structure that *any structure* looks at."""

_LEVEL_OF_WORD: Final = {
    "patient": Level.PATIENT,
    "lesion": Level.LESION,
    "other": Level.LESION,
    "structure": Level.STRUCTURE,
}


@dataclass(frozen=True, slots=True)
class Library:
    """A library of CQL.

    `defines` gives, by phase, level and id of a criterion, the name of the `define` that says its truth.
    """

    name: str
    version: str
    text: str
    defines: Mapping[Phase, Mapping[Level, Mapping[str, str]]]


def cql_library(rules: RuleSet) -> Library:
    """The library of a rule set under the parameters that it has (`RuleSet.on` gives those of a day).

    The same rule set makes the same text.

    >>> from cds.ruleset import load_rules
    >>> library = cql_library(load_rules())
    >>> library.name, library.defines["planning"][Level.LESION]["SS-2"]
    ('RecurrentHeadAndNeck', 'SS-2')
    """
    writer = _Writer(rules)
    words = "".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", rules.head.id))
    name = words if words[:1].isalpha() else f"Rules{words}"  # an identifier of CQL begins with a letter
    version = print_expression(CodeLiteral(rules.head.version))
    parts = (
        f"{_comment(_about(rules))}library {name} version {version}\n",
        # A default, since an engine may take a parameter that was not set for something else than null.
        *(f"parameter {name} {kind} default null\n" for name, kind in _parameters(rules.vocabulary)),
        *writer.defines(),
    )
    return Library(name, rules.head.version, "\n".join(parts), writer.criteria)


def _about(rules: RuleSet) -> Iterator[tuple[str, str]]:
    yield "title", rules.head.title
    yield "digest", rules.digest
    yield "approved", str(rules.head.approved or "no")


def _comment(tags: Iterable[tuple[str, str]]) -> str:
    """A comment with CQL's tags, one on a line."""
    lines = (f"@{tag}: {' '.join(text.split())}".replace("*/", "* /") for tag, text in tags if text)
    return "/*\n{}\n*/\n".format("\n".join(lines))


def _parameters(vocabulary: Vocabulary) -> Iterator[tuple[str, str]]:
    """The parameters with their types. Dates are left out: no condition reads one."""
    for word, level in _LEVEL_OF_WORD.items():
        yield word, _tuple_type(vocabulary, level)
    for name in LIST_PARAMETERS.values():
        yield name, f"List<{_tuple_type(vocabulary, Level.STRUCTURE)}>"


def _tuple_type(vocabulary: Vocabulary, level: Level) -> str:
    members = [f"  {d.name} {_type(d.type)}" for d in vocabulary.of(level) if not isinstance(d.type, DateType)]
    return "Tuple {\n" + ",\n".join(members) + "\n}"


def _type(kind: ValueType) -> str:
    match kind:
        case BooleanType():
            return "Boolean"
        case CodeType():
            return "String"
        case NumberType():
            return "Decimal" if kind.decimals else "Integer"
        case QuantityType():
            return "Quantity"
        case DateType():
            raise TypeError("no condition reads a date")


@dataclass(frozen=True, slots=True)
class _Names:
    """The defines that a condition may be written with, in one phase: definitions by their tree, planner facts."""

    definitions: Mapping[Expression, tuple[Level, str]]
    planner: Mapping[str, str]

    def without(self, tree: Expression) -> _Names:
        """The same, for writing the definition of this very tree."""
        return _Names({other: name for other, name in self.definitions.items() if other != tree}, self.planner)


_NO_NAMES: Final = _Names({}, {})


class _Writer:
    """Writes the defines of one rule set. Lives as long as the call."""

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        self.programs: Mapping[Phase, Program] = rules.programs
        self.entries = {entry.id: entry for entry in _entries(rules)}
        self.definitions = {phase: dict(_definitions(rules, phase)) for phase in PHASES}
        self.planner = {phase: _planner_facts(self.programs[phase]) for phase in PHASES}
        self.conditions = {
            phase: {criterion.id: criterion.condition for criterion in self.programs[phase].criteria}
            for phase in PHASES
        }
        self.definition_names = self._named(self.definitions)
        self.criterion_names = self._named(self.conditions)
        self.planner_names = self._planner_named()
        self.names: dict[Phase, _Names] = {}
        for phase in PHASES:
            by_tree: dict[Expression, tuple[Level, str]] = {}
            for name, tree in self.definitions[phase].items():
                if not isinstance(tree, (BooleanLiteral, FactReference)):
                    level = Level(name.partition(".")[0])
                    by_tree.setdefault(tree, (level, self.definition_names[phase][name]))
            self.names[phase] = _Names(by_tree, self.planner_names[phase])
        self.criteria = {
            phase: {
                level: {each.id: self.criterion_names[phase][each.id] for each in self.programs[phase].at(level)}
                for level in Level
            }
            for phase in PHASES
        }

    # ------------------------------------------------------------------------------------------------------- names

    def _named(self, trees: Mapping[Phase, Mapping[str, Expression]]) -> dict[Phase, dict[str, str]]:
        """The define of each condition in each phase: one for all phases where it means the same in all of them."""
        meanings = {
            (name, phase): self._text(tree, phase, HOME, _NO_NAMES)
            for phase in PHASES
            for name, tree in trees[phase].items()
        }
        return _per_phase(meanings)

    def _planner_named(self) -> dict[Phase, dict[str, str]]:
        """The same, of the facts that the planner computes."""
        return _per_phase(
            {
                (f"structure.{name}", phase): self._planner_fact(name, phase, HOME, _NO_NAMES)
                for phase in PHASES
                for name in self.planner[phase]
            }
        )

    # ----------------------------------------------------------------------------------------------------- defines

    def defines(self) -> Iterator[str]:
        """Every define with its comment: definitions, planner facts, criteria, each in the order of the rule set."""
        for name, phases in _phases_of(self.definition_names):
            for define, its in phases.items():
                tree = self.definitions[its[0]][name]
                text = self._text(tree, its[0], HOME, self.names[its[0]].without(tree))
                yield self._define(define, self._about_definition(name, its), text)
        for fact, phases in _phases_of(self.planner_names):
            for define, its in phases.items():
                text = self._planner_fact(fact.partition(".")[2], its[0], HOME, self.names[its[0]])
                yield self._define(define, self._about_planner_fact(fact, its), text)
        levels = {each.id: each.level for program in self.programs.values() for each in program.criteria}
        for id_, phases in _phases_of(self.criterion_names):
            for define, its in phases.items():
                text = self._text(self.conditions[its[0]][id_], its[0], HOME, self.names[its[0]])
                yield self._define(define, self._about_criterion(id_, levels[id_], its), text)

    def _define(self, name: str, about: Iterable[tuple[str, str]], text: str) -> str:
        return f'{_comment(about)}define "{name}":\n  {text}\n'

    def _about_definition(self, name: str, phases: list[Phase]) -> Iterator[tuple[str, str]]:
        definition = self.rules.definitions[name]
        text = _condition_in(definition, phases[0]) or ""
        yield "definition", name
        yield "says", definition.says
        yield "phases", ", ".join(phases)
        yield "condition", f"any {definition.any} where ({text})" if definition.any is not None else text
        yield "parameters", self._values(self._read_in(text, phases[0]))

    def _about_planner_fact(self, fact: str, phases: list[Phase]) -> Iterator[tuple[str, str]]:
        measures = self.rules.planner.measures
        yield "fact", fact
        yield "says", f"computed for each structure from {', '.join(each.id for each in measures)} and its measures"
        yield "phases", ", ".join(phases)
        conditions = [self.rules.conditions[each.id] for each in measures]
        yield "parameters", self._values(name for condition in conditions for name in condition.parameters)
        yield "evidence", _cited(measures)

    def _about_criterion(self, id_: str, level: Level, phases: list[Phase]) -> Iterator[tuple[str, str]]:
        rule, _, done = id_.partition(".")
        entry = self.entries[rule]
        condition: Condition = self.rules.conditions[id_]
        yield "rule", rule
        yield "says", f"fulfilled: {entry.says}" if done else entry.says
        yield "level", level.value
        yield "phases", ", ".join(phases)
        yield "condition", condition.text
        yield "parameters", self._values(condition.parameters)
        yield "evidence", _cited([entry])

    def _read_in(self, text: str, phase: Phase) -> Iterator[str]:
        """The parameters that a definition's text reads, itself or through other definitions."""
        tree = parse(text)
        yield from (reference.name for reference in parameters_of(tree))
        for fact in facts_of(tree):
            other = self.rules.definitions.get(str(fact))
            inner = _condition_in(other, phase) if other is not None else None
            if inner is not None:
                yield from self._read_in(inner, phase)

    def _values(self, names: Iterable[str]) -> str:
        return "; ".join(_value(name, self.rules.parameters[name]) for name in dict.fromkeys(names))

    # -------------------------------------------------------------------------------------------------- conditions

    def _text(self, tree: Expression, phase: Phase, words: Mapping[str, str], names: _Names) -> str:
        """A condition as CQL, where `words` stand before the points."""

        def written(node: Expression) -> str | None:
            named = names.definitions.get(node)
            if named is not None and all(words[word] == word for word in WORDS[named[0]]):
                return f'"{named[1]}"'
            match node:
                case FactReference("structure", name) if name in self.planner[phase]:
                    if str(node) in names.planner and words == HOME:
                        return f'"{names.planner[str(node)]}"'
                    return f"({self._planner_fact(name, phase, words, names)})"
                case FactReference():
                    return f"{words[node.level]}.{node.name}"
                case Comparison(operator, FactReference() as fact, NullLiteral()):
                    kind = self.rules.vocabulary.fact(_LEVEL_OF_WORD[fact.level], fact.name).type
                    return f"({words[fact.level]}.{fact.name} {operator} (null as {_type(kind)}))"
                case AnyOf():
                    return self._any_of(node, phase, names)
                case _:
                    return None

        return to_cql(tree, written)

    def _any_of(self, node: AnyOf, phase: Phase, names: _Names) -> str:
        """Kleene's *or* over a list; unknown, too, where the list was not given."""
        members = LIST_PARAMETERS[node.over]
        # A body speaks from within a structure: `lesion` is the structure's own lesion.
        own = "lesion" if node.over == OVER_STRUCTURES else "other"
        body = self._text(node.body, phase, {**HOME, "lesion": own, "structure": MEMBER}, names)
        return (
            f"(if {members} is null then null as Boolean else if exists ({members} {MEMBER} where {body}) then true "
            f"else if exists ({members} {MEMBER} where ({body}) is null) then null as Boolean else false)"
        )

    def _planner_fact(self, name: str, phase: Phase, words: Mapping[str, str], names: _Names) -> str:
        """A fact that the planner computes, by the name of the structure."""
        cases = "".join(
            f"\n    when {to_cql(CodeLiteral(structure))} then {self._text(tree, phase, words, names)}"
            for structure, tree in self.planner[phase][name].items()
        )
        return f"case {words['structure']}.name{cases}\n    else null as Boolean end"


def _per_phase(meanings: Mapping[tuple[str, Phase], str]) -> dict[Phase, dict[str, str]]:
    different = {name for name, _ in meanings if len({text for (its, _), text in meanings.items() if its == name}) > 1}
    named: dict[Phase, dict[str, str]] = {phase: {} for phase in PHASES}
    for name, phase in meanings:
        named[phase][name] = f"{name} in {phase}" if name in different else name
    return named


def _phases_of(named: Mapping[Phase, Mapping[str, str]]) -> Iterator[tuple[str, dict[str, list[Phase]]]]:
    """Each thing that is named, with its defines and the phases of each."""
    for name in dict.fromkeys(name for names in named.values() for name in names):
        phases: dict[str, list[Phase]] = {}
        for phase in PHASES:
            if name in named[phase]:
                phases.setdefault(named[phase][name], []).append(phase)
        yield name, phases


def _planner_facts(program: Program) -> dict[str, dict[str, Expression]]:
    """The expressions of the planner's facts by fact and structure."""
    facts: dict[str, dict[str, Expression]] = {}
    for (structure, fact), tree in program.derived.items():
        facts.setdefault(fact, {})[structure] = tree
    return facts


def _definitions(rules: RuleSet, phase: Phase) -> Iterator[tuple[str, Expression]]:
    """The definitions of a phase, resolved."""
    valueless = [name for name, parameter in rules.parameters.items() if parameter.value is None]

    def lookup(name: str, its: Phase) -> Expression | None:
        definition = rules.definitions.get(name)
        text = _condition_in(definition, its) if definition is not None else None
        if definition is None or text is None:
            return None
        level = Level.STRUCTURE if definition.any is not None else Level(name.partition(".")[0])
        names = ConditionNames(level, its, rules.vocabulary, rules.parameters, rules.definitions.keys(), lookup)
        tree = resolve(without_values(parse(text), valueless), names)
        return AnyOf(definition.any, tree) if definition.any is not None else tree

    for name in rules.definitions:
        try:
            tree = lookup(name, phase)
        except ConditionErrors:  # it reads what this phase has not; the rule set was checked: no rule of it reads it
            continue
        if tree is not None:
            yield name, tree


def _condition_in(definition: Definition, phase: Phase) -> str | None:
    return definition.phases.get(phase) if definition.phases else definition.when or definition.where


def _entries(rules: RuleSet) -> Iterator[Rule | RuleException | Preference | Need]:
    """Everything that has a criterion."""
    yield from rules.rules
    yield from rules.exceptions
    yield from rules.preferences
    yield from (*rules.planner.need, *rules.planner.monitoring)
    yield from rules.planner.measures


def _cited(entries: Iterable[Grounded]) -> str:
    return ", ".join(dict.fromkeys(each.cite for entry in entries for each in entry.evidence))


def _value(name: str, parameter: Parameter) -> str:
    source = f"{parameter.status}, {parameter.cite}" if parameter.cite else parameter.status
    unit = f" '{parameter.unit}'" if parameter.unit else ""
    return f"{name} has no value" if parameter.value is None else f"{name} = {parameter.value}{unit} ({source})"
