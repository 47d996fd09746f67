"""Every sentence of the shipped rules fills, whatever is known of the facts that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from cds.case import AbsenceReason, Absent, Case, Conflicting, Fact, Known, ReportedLesion, ReportedStructure, assemble
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType
from cds.quantities import DateSpan, Interval
from cds.reasoning.contexts import Context, contexts_of
from cds.recommendation.words import filled
from cds.ruleset.model import LevelName, Need
from cds.testing.generation import AS_OF
from cds.vocabulary import FactDefinition, FactKind, Level
from tests.ruleset.shipped import shipped_rules

RULES = shipped_rules()
VOCABULARY = RULES.vocabulary
STATES = ("known", "absent", "conflicting", "interval")


def fact(definition: FactDefinition, state: str) -> Fact:
    one, other = values(definition)
    match state:
        case "known":
            return Fact(Known(one))
        case "conflicting":
            return Fact(Conflicting((one, other)))
        case "interval" if isinstance(one, Interval) and isinstance(other, Interval):
            return Fact(Known(Interval(one.low, other.low)))
        case _:
            return Fact(Absent(AbsenceReason.ASKED_UNKNOWN, "nobody knew"))


def values(definition: FactDefinition) -> tuple[bool | str | Interval | DateSpan, bool | str | Interval | DateSpan]:
    match definition.type:
        case BooleanType():
            return True, False
        case CodeType(codes):
            return codes[0], codes[-1]
        case DateType():
            return DateSpan.parse("2024"), DateSpan.parse("2025-03-09")
        case NumberType() | QuantityType():
            bounds = definition.plausible
            assert bounds is not None
            assert bounds.low is not None
            assert bounds.high is not None
            return Interval.point(bounds.low), Interval.point(bounds.high)


def case_in(state: str) -> Case:
    """Two lesions, every fact of them and of every structure in one state."""

    def facts(level: Level) -> dict[str, Fact]:
        return {d.name: fact(d, state) for d in VOCABULARY.of(level) if d.kind is not FactKind.GIVEN}

    structures = tuple(
        ReportedStructure(s.name, side, facts(Level.STRUCTURE))
        for s in VOCABULARY.structures.values()
        for side in (("left", "right") if s.sided else ("none",))
    )
    lesions = [ReportedLesion(name, f"lesion {name}", facts(Level.LESION), structures) for name in ("T1", "T2")]
    return assemble(VOCABULARY, as_of=AS_OF, patient=facts(Level.PATIENT), lesions=lesions)


def sentences() -> Iterator[tuple[str, LevelName, str]]:
    for rule in RULES.rules:
        for key in ("says", "otherwise", "remedy"):
            text = getattr(rule, key)
            if text is not None:
                yield f"{rule.id}.{key}", rule.for_each, text
    planner: tuple[Need, ...] = (*RULES.planner.need, *RULES.planner.measures, *RULES.planner.monitoring)
    for item in planner:
        yield f"{item.id}.says", "structure", item.says


SENTENCES = list(sentences())


@pytest.mark.parametrize("state", STATES)
def test_every_sentence_fills(state: str) -> None:
    contexts = contexts_of(case_in(state))
    labels = {"T1": "lesion T1", "T2": "lesion T2"}
    for name, level, text in SENTENCES:
        for context in one_of_each_kind(contexts.at(Level(level))):
            said = filled(text, context, RULES, lambda subject: labels.get(subject, f"[{subject}]"))
            assert "{" not in said and "}" not in said, (name, said)
            assert "None" not in said, (name, said)
            assert said[:1] == said[:1].upper(), (name, said)


def one_of_each_kind(contexts: tuple[Context, ...]) -> Iterator[Context]:
    """Of structures one of each name and side; of everything else all."""
    seen = set()
    for context in contexts:
        key = context.id.partition("/")[2] or context.id
        if key not in seen:
            seen.add(key)
            yield context


def test_every_place_of_every_sentence_is_of_a_form_that_is_filled() -> None:
    places = [(name, place) for name, _, text in SENTENCES for place in re.findall(r"\{[^}]*\}", text)]
    assert places
    assert [
        p for p in places if not re.fullmatch(r"\{(patient|lesion|other|structure|parameters)\.[A-Za-z0-9_]+\}", p[1])
    ] == []


def test_a_fact_whose_name_has_a_digit_fills_too() -> None:
    (patient,) = contexts_of(case_in("known")).at(Level.PATIENT)
    assert filled("Grade {patient.ace27}.", patient, RULES, str) == "Grade 0."


def test_a_preference_has_no_place_to_fill() -> None:
    assert not [p.id for p in RULES.preferences if "{" in p.says or "{" in p.condition]
