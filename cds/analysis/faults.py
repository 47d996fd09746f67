"""What an author can get wrong beside a condition: what a statement does, and what a table lists.

Each fault is one *item* of a rule set as it would be with the fault, by the name of what it stands for. A fault after
which the rule set would not load is none: loading reports it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Final, TypeAlias, TypeVar

from cds.language import compared, walk
from cds.language.syntax import CodeLiteral, FactReference
from cds.quantities import decimal_text
from cds.ruleset import RuleSet
from cds.ruleset.model import (
    Alternative,
    Combination,
    Effect,
    MeasureRule,
    MeasureStatus,
    Option,
    Preference,
    Rule,
)
from cds.vocabulary import FactDefinition, StructureDefinition, Vocabulary

OTHER_EFFECTS: Final[Mapping[Effect, Effect]] = {
    "requires": "excludes", "excludes": "against", "against": "excludes", "for": "against", "obliges": "informs",
    "informs": "against",
}  # fmt: skip
OTHER_STATUS: Final[Mapping[MeasureStatus, MeasureStatus]] = {
    "contraindicated": "advised-against", "advised-against": "contraindicated",
}  # fmt: skip

Item: TypeAlias = Rule | MeasureRule | Preference | Combination | Alternative | Option
_Named = TypeVar("_Named", Rule, MeasureRule, Preference, Combination, Alternative)
Faults: TypeAlias = Iterator[tuple[str, str, Item | None]]
"""The name of an item, its fault in words, and the item with it; `None` where it is gone."""


def other_items(rules: RuleSet) -> Faults:
    """Every item of a rule set with one fault.

    >>> from cds.ruleset import load_rules
    >>> [what for name, what, _ in other_items(load_rules()) if name == "TC-1"]
    ['the combination dropped', '`together` made `excludes`']
    """
    yield from _rules(rules)
    yield from _measures(rules)
    for preference in rules.preferences:
        yield from ((preference.id, what, other) for what, other in _preference(preference))
    for combination in rules.planner.combinations:
        yield from ((combination.id, what, item) for what, item in _combination(combination))
    for alternative in rules.alternatives:
        yield f"alternatives.{alternative.id}", "the alternative dropped", None
    declined = list(dict.fromkeys(option.declined_by for option in rules.options.values()))
    for name, option in rules.options.items():
        for fact in declined:
            if fact != option.declined_by:
                told = f"`declined_by: {option.declined_by}` made `{fact}`"
                yield f"options.{name}", told, option.model_copy(update={"declined_by": fact})


def _rules(rules: RuleSet) -> Faults:
    for rule in rules.rules:
        about_an_option = rule.option not in ("scope", "order")
        moves = rule.phase == "decision" and about_an_option  # else no effect moves a verdict
        if moves or rule.effect == "obliges":
            effect = OTHER_EFFECTS[rule.effect]
            told = f"`{rule.effect}` made `{effect}`"
            yield rule.id, told, rule.model_copy(update={"effect": effect, "remedy": None})
        if rule.remedy is not None and moves:
            yield rule.id, "the remedy dropped", rule.model_copy(update={"remedy": None})
        if about_an_option:
            for option in rules.options:
                if option != rule.option:
                    told = f"`option: {rule.option}` made `{option}`"
                    yield rule.id, told, rule.model_copy(update={"option": option})


def _measures(rules: RuleSet) -> Faults:
    vocabulary = rules.vocabulary
    classes = dict.fromkeys(each.measure_class for each in vocabulary.measures.values() if each.measure_class)
    for rule in rules.planner.measures:
        status = OTHER_STATUS[rule.status]
        yield rule.id, f"`{rule.status}` made `{status}`", rule.model_copy(update={"status": status})
        for other in classes if rule.measure_class is not None else ():
            if other != rule.measure_class:
                told = f"`class: {rule.measure_class}` made `{other}`"
                yield rule.id, told, rule.model_copy(update={"measure_class": other})
        for other in vocabulary.measures if rule.measure is not None else ():
            if other != rule.measure:
                yield rule.id, f"`measure: {rule.measure}` made `{other}`", rule.model_copy(update={"measure": other})


def _preference(preference: Preference) -> Iterator[tuple[str, Preference]]:
    if len(preference.order) > 1:
        yield "the order turned round", preference.model_copy(update={"order": preference.order[::-1]})
        side_by_side = (tuple(option for group in preference.order for option in group),)
        yield "the options put side by side", preference.model_copy(update={"order": side_by_side})
    if preference.exception_to is not None:
        told = f"no exception to {preference.exception_to} any more"
        yield told, preference.model_copy(update={"exception_to": None})


def _combination(combination: Combination) -> Iterator[tuple[str, Combination | None]]:
    yield "the combination dropped", None
    kind, other = ("together", "excludes") if combination.together else ("excludes", "together")
    turned = combination.model_copy(update={kind: (), other: combination.members})
    yield f"`{kind}` made `{other}`", turned
    for member in combination.members if len(combination.members) > 2 else ():  # of one alone nothing is said
        others = tuple(each for each in combination.members if each != member)
        yield f"`{member}` dropped from `{kind}`", combination.model_copy(update={kind: others})


def with_item(rules: RuleSet, name: str, item: Item | None) -> RuleSet:
    """The rule set with an item in the place of the one of that name; without it where there is none."""
    planner, name = rules.planner, name.rpartition(".")[2]
    changes: dict[str, object] = {}
    match item:
        case Rule():
            return replace(rules, rules=_in_place(rules.rules, item))
        case Preference():
            return replace(rules, preferences=_in_place(rules.preferences, item))
        case Option():
            return replace(rules, options={**rules.options, name: item})
        case Alternative():
            return replace(rules, alternatives=_in_place(rules.alternatives, item))
        case MeasureRule():
            changes = {"measures": _in_place(planner.measures, item)}
        case Combination():
            changes = {"combinations": _in_place(planner.combinations, item)}
        case None:
            changes = {"combinations": tuple(each for each in planner.combinations if each.id != name)}
            alternatives = tuple(each for each in rules.alternatives if each.id != name)
            rules = replace(rules, alternatives=alternatives)
    return replace(rules, planner=planner.model_copy(update=changes))


def other_vocabularies(rules: RuleSet) -> Iterator[tuple[str, str, Vocabulary]]:
    """The vocabulary of a rule set with one fault in what it lists, by the name of what that is about.

    >>> from cds.ruleset import load_rules
    >>> [what for name, what, _ in other_vocabularies(load_rules()) if name == "structures.spinal-cord"][0]
    '`epidural-gas-or-fluid` dropped from its measures'
    """
    vocabulary = rules.vocabulary
    for structure in vocabulary.structures.values():
        for what, other in _structure(structure, _kinds(rules)):
            structures = {**vocabulary.structures, structure.name: other}
            yield f"structures.{structure.name}", what, replace(vocabulary, structures=structures)
    classes = dict.fromkeys(each.measure_class for each in vocabulary.measures.values())
    for measure in vocabulary.measures.values():
        for each in classes:
            if each != measure.measure_class:
                told = f"`class: {measure.measure_class}` made `{each}`"
                measures = {**vocabulary.measures, measure.name: replace(measure, measure_class=each)}
                yield f"measures.{measure.name}", told, replace(vocabulary, measures=measures)
    for key, fact in vocabulary.facts.items():
        for what, definition in _fact(fact):
            yield fact.path, what, replace(vocabulary, facts={**vocabulary.facts, key: definition})


def _structure(structure: StructureDefinition, kinds: Collection[str]) -> Iterator[tuple[str, StructureDefinition]]:
    for name in structure.measures:
        others = tuple(each for each in structure.measures if each != name)
        yield f"`{name}` dropped from its measures", replace(structure, measures=others)
    for name in structure.monitoring:
        others = tuple(each for each in structure.monitoring if each != name)
        yield f"`{name}` dropped from its monitoring", replace(structure, monitoring=others)
    for site in sorted(structure.sites or ()):
        yield f"`{site}` dropped from its sites", replace(structure, sites=(structure.sites or frozenset()) - {site})
    if structure.only_if is not None:
        yield f"`only_if: lesion.{structure.only_if}` dropped", replace(structure, only_if=None)
    if structure.listed_by is not None:
        yield f"`listed_by: lesion.{structure.listed_by}` dropped", replace(structure, listed_by=None)
    if structure.kind in kinds:
        yield f"`kind: {structure.kind}` made another that no condition names", replace(structure, kind="another")


def _kinds(rules: RuleSet) -> frozenset[str]:
    """The kinds of structures that a condition names."""
    return frozenset(
        str(side.value)
        for program in rules.programs.values()
        for expression in (*(each.condition for each in program.criteria), *program.derived.values())
        for node, _ in walk(expression)
        for operand, sides in [compared(node)]
        if isinstance(operand, FactReference) and (operand.level, operand.name) == ("structure", "kind")
        for side in sides
        if isinstance(side, CodeLiteral)
    )


def _fact(fact: FactDefinition) -> Iterator[tuple[str, FactDefinition]]:
    if fact.bounded_below_by is not None:
        yield f"`bounded_below_by: lesion.{fact.bounded_below_by}` dropped", replace(fact, bounded_below_by=None)
    if fact.silence is not None and fact.silence.context == "any":
        yield "its silence dropped", replace(fact, silence=None)
    for other, values in fact.implied_by.items():
        for code, number in values.items():
            fewer = {each: value for each, value in values.items() if each != code}
            implied = {**fact.implied_by, other: fewer}
            yield f"`{other}: {code}` dropped from what implies it", replace(fact, implied_by=implied)
            step = Fraction(1, 10 ** getattr(fact.type, "decimals", 0))
            moved = {**fact.implied_by, other: {**values, code: number + step}}
            yield f"`{other}: {code}` made to imply {decimal_text(number + step)}", replace(fact, implied_by=moved)


def _in_place(items: Iterable[_Named], item: _Named) -> tuple[_Named, ...]:
    return tuple(item if each.id == item.id else each for each in items)
