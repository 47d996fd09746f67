"""A small rule set in which some facts can be changed, and what a whole case decided anew says of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from cds.case import CLOSING_STATEMENT, NEVER_RECORDED, Case, Fact, Facts, Known, Value, narrowed
from cds.quantities import Interval
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.decision import Decision, reason
from cds.reasoning.verdict import Verdict
from cds.ruleset import RuleSet
from cds.vocabulary import FactKind, Level
from tests.ruleset.workshop import VOCABULARY, a_rule, rules_of, small_rules

MODIFIABLE = ("flagB", "ratio", "grade", "count", "size")
RULES = rules_of(
    a_rule("S-1", "requires", "lesion.site = 'neck' or lesion.flag", option="scope"),
    a_rule("R-1", "against", "lesion.size > parameters.mm20 and not lesion.flag"),
    a_rule("R-2", "requires", "patient.ratio <= parameters.ratioLimit", for_each="patient", remedy="mend it"),
    a_rule("R-3", "excludes", "lesion.grade = 'high' and lesion.count > parameters.n2"),
    a_rule("R-4", "excludes", "patient.flagB xor lesion.count in {1, 4}", option="frost"),
    a_rule("R-5", "against", "other.grade = 'high'", for_each="other-lesion"),
    a_rule("R-6", "against", "structure.distance < parameters.limit", option="frost", for_each="structure"),
    a_rule("R-7", "against", "lesion.size between parameters.mm5 and parameters.mm8", option="frost"),
)


def modifiable_rules(
    folder: Path, rules: str = RULES, names: Iterable[str] = MODIFIABLE, **files: str
) -> RuleSet:
    """The small rule set with these facts modifiable."""
    vocabulary = VOCABULARY
    for name in names:
        vocabulary = vocabulary.replace(f"  {name}: {{", f"  {name}: {{modifiable: true, ")
    return small_rules(folder, rules, vocabulary=vocabulary, **files)


def decided(case: Case, rules: RuleSet) -> Decision:
    """The decision, by the reference evaluator."""
    return reason(case, rules, "decision", ReferenceEngine())


def possible(case: Case, rules: RuleSet, lesion: str, option: str) -> frozenset[Verdict]:
    """The verdicts that are possible on an option."""
    its = next(each for each in decided(case, rules).lesions if each.lesion.id == lesion)
    return next(each for each in its.options if each.option == option).possible


def with_values(case: Case, rules: RuleSet, values: dict[tuple[str, str], Value]) -> Case:
    """The case with these facts known to have these values."""
    for (subject, name), value in values.items():
        case = narrowed(case, rules.vocabulary, subject, name, Fact(Known(value)))
    return case


def facts_of(case: Case) -> dict[tuple[str, str], Fact]:
    """Every fact by subject and name."""
    found = {("patient", name): fact for name, fact in case.patient.items()}
    for lesion in case.lesions:
        found |= {(lesion.id, name): fact for name, fact in lesion.facts.items()}
        for structure in lesion.structures:
            found |= {(f"{lesion.id}/{structure.key}", name): fact for name, fact in structure.facts.items()}
    return found


def level_of(subject: str) -> Level:
    return Level.PATIENT if subject == "patient" else Level.STRUCTURE if "/" in subject else Level.LESION


def knowing_only(case: Case, rules: RuleSet, kept: set[tuple[str, str]]) -> Case:
    """The case in which nothing is known but these facts, and what a closing statement among them says."""
    for (subject, name), fact in facts_of(case).items():
        definition = rules.vocabulary.fact(level_of(subject), name)
        closing = (subject.rsplit("/", 2)[0], definition.bounded_below_by)
        bounded = fact.note == CLOSING_STATEMENT and closing in kept
        if (subject, name) not in kept and definition.kind is not FactKind.GIVEN and not bounded:
            case = _replaced(case, subject, name)
    return case


def _replaced(case: Case, subject: str, name: str) -> Case:
    """The case without one fact, nothing else being touched."""
    def without(facts: Facts) -> Facts:
        return {**facts, name: NEVER_RECORDED}

    if subject == "patient":
        return replace(case, patient=without(case.patient))
    lesions = []
    for lesion in case.lesions:
        if lesion.id == subject:
            lesion = replace(lesion, facts=without(lesion.facts))
        structures = tuple(
            replace(each, facts=without(each.facts)) if f"{lesion.id}/{each.key}" == subject else each
            for each in lesion.structures
        )
        lesions.append(replace(lesion, structures=structures))
    return replace(case, lesions=tuple(lesions))


def points(region: Value) -> list[Value]:
    """Values of a region: its ends as far as they belong to it, and numbers just inside."""
    if not isinstance(region, Interval):
        return [region]
    small = Fraction(1, 10**6)
    ends = [end for end in (region.low, region.high) if end is not None]
    tried = {number + by for number in ends for by in (-small, Fraction(0), small)}
    if region.low is not None and region.high is not None:
        tried.add((region.low + region.high) / 2)
    return [Interval.point(number) for number in sorted(tried) if region.contains(number)]
