"""What is written for a case is read as that case, whatever reason a fact is absent for, and however it is dated."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
import yaml

from cds.case import AbsenceReason, Absent, Case, Fact, Known, ReportedLesion, ReportedStructure, assemble
from cds.case.reading import case_from_mapping
from cds.intake import read_bundle
from cds.intake.rebuild import rebuild
from cds.quantities import DateSpan
from cds.ruleset.mapping import MappingTables
from cds.testing.noise import said
from cds.vocabulary import FactKind, Level, Vocabulary
from tests.intake.conftest import RULES
from tests.intake.records import AS_OF

WORKED = sorted((Path(__file__).resolve().parents[2] / RULES / "cases").glob("*.yaml"))


def read_back(case: Case, vocabulary: Vocabulary, mapping: MappingTables) -> Case:
    text = json.dumps(rebuild(case, vocabulary)).encode()
    return read_bundle(text, vocabulary=vocabulary, mapping=mapping, as_of=case.as_of)


@pytest.mark.parametrize("reason", AbsenceReason, ids=lambda reason: reason.value)
def test_every_fact_keeps_every_reason_for_which_it_is_absent(
    reason: AbsenceReason, vocabulary: Vocabulary, mapping: MappingTables
) -> None:
    absent = Fact(Absent(reason))
    facts = {
        level: {d.name: absent for d in vocabulary.of(level) if d.kind is not FactKind.GIVEN} for level in Level
    }
    structures = tuple(
        ReportedStructure(s.name, side, facts[Level.STRUCTURE])
        for s in list(vocabulary.structures.values())[:4]
        for side in (("left", "right") if s.sided else ("none",))
    )
    lesion = ReportedLesion("T1", "a lesion", facts[Level.LESION], structures)
    case = assemble(vocabulary, as_of=AS_OF, patient=facts[Level.PATIENT], lesions=[lesion])
    assert said(read_back(case, vocabulary, mapping)) == said(case)


@pytest.mark.parametrize("path", WORKED, ids=lambda path: path.stem)
def test_every_worked_case_is_read_as_it_was_written(
    path: Path, vocabulary: Vocabulary, mapping: MappingTables
) -> None:
    stated = case_from_mapping(vocabulary, yaml.safe_load(path.read_text(encoding="utf-8")))
    assert said(read_back(stated, vocabulary, mapping)) == said(stated)


@pytest.mark.parametrize("day", [None, "2026", "2026-11", "2026-11-22"])
def test_a_fact_that_says_it_follows_an_event_counts_though_the_day_of_the_event_leaves_it_open(
    day: str | None, vocabulary: Vocabulary, mapping: MappingTables
) -> None:
    yes = Fact(Known(True))
    lesion = {"consentTalk": yes, **({"recurrenceDate": Fact(Known(DateSpan.parse(day)))} if day else {})}
    case = assemble(
        vocabulary, as_of=AS_OF, patient={"mdtDiscussed": yes}, lesions=[ReportedLesion("T1", "a lesion", lesion)]
    )
    assert said(read_back(case, vocabulary, mapping)) == said(case)


def test_that_a_fact_follows_an_event_is_not_believed_against_the_dates(
    vocabulary: Vocabulary, mapping: MappingTables
) -> None:
    case = assemble(
        vocabulary, as_of=AS_OF, patient={"mdtDiscussed": Fact(Known(True))}, lesions=[ReportedLesion("T1", "a", {})]
    )
    bundle = json.loads(json.dumps(rebuild(case, vocabulary)))
    event = rebuild(
        assemble(
            vocabulary,
            as_of=AS_OF + dt.timedelta(days=9),
            patient={},
            lesions=[ReportedLesion("T1", "a", {"recurrenceDate": Fact(Known(DateSpan.parse("2026-12-01")))})],
        ),
        vocabulary,
    )
    bundle["entry"] += json.loads(json.dumps(event))["entry"][2:]
    later = AS_OF + dt.timedelta(days=9)
    read = read_bundle(json.dumps(bundle).encode(), vocabulary=vocabulary, mapping=mapping, as_of=later)
    assert read.lesions[0].facts["recurrenceDate"].is_known
    assert read.patient["mdtDiscussed"].state == Absent(AbsenceReason.STALE, "2026-11-22 is before 2026-12-01")
