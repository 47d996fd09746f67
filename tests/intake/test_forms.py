"""The form: a QuestionnaireResponse with the facts' names as link ids."""

from __future__ import annotations

from typing import Any

import pytest

from tests.intake import records as r
from tests.intake.records import Json, Reader


def item(link: str, *answers: Json, items: list[Json] | None = None) -> Json:
    return {"linkId": link, **({"answer": list(answers)} if answers else {}), **({"item": items} if items else {})}


def form(*items: Json, **more: Any) -> Json:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "q1",
        "questionnaire": "https://example.org/fhir/Questionnaire/hnc-cds-case|1.0",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "authored": "2026-11-10T10:00:00Z",
        "item": list(items),
        **more,
    }


def lesion(id_: str, *items: Json) -> Json:
    return item("lesion", items=[item("lesion.id", {"valueString": id_}), *items])


def structure(name: str, side: str | None, *items: Json) -> Json:
    own = [item("structure.name", {"valueString": name})]
    if side is not None:
        own.append(item("structure.side", {"valueString": side}))
    return item("structure", items=[*own, *items])


MM = {"valueQuantity": r.quantity(4.5, "mm")}


def test_a_form_states_facts_of_patient_lesion_and_structure(read: Reader) -> None:
    case = read(
        form(
            item("patient.inr", {"valueDecimal": 1.2}),
            item("patient.bleedingDisorder", {"valueBoolean": False}),
            item(
                "section",
                items=[item("patient.airwayRisk", {"valueCoding": {"system": f"{r.LOCAL}airway-risk", "code": "low"}})],
            ),
            lesion(
                "T1",
                item("lesion.site", {"valueString": "larynx"}),
                item("lesion.side", {"valueString": "left"}),
                item("lesion.maxDiameter", {"valueQuantity": r.quantity(2.1, "cm")}),
                item("lesion.recurrenceDate", {"valueDate": "2026-09"}),
                structure("carotid-artery", "left", item("structure.tumourDistance", MM)),
                structure("skin", None, item("structure.tumourDistance", {"valueQuantity": r.quantity(12, "mm")})),
            ),
        )
    )
    assert [r.said(case.patient[n]) for n in ("inr", "bleedingDisorder", "airwayRisk")] == ["1.2", "false", "low"]
    (one,) = case.lesions
    assert (one.id, one.label) == ("T1", "larynx, left")
    assert [r.said(one.facts[n]) for n in ("maxDiameter", "recurrenceDate")] == ["21", "2026-09"]
    near = {s.key: r.said(s.facts["tumourDistance"]) for s in one.structures if s.facts["tumourDistance"].is_known}
    assert near == {"carotid-artery/left": "4.5", "skin/none": "12"}
    assert case.issues == ()


def test_every_answer_names_its_item_and_what_it_is_about(read: Reader) -> None:
    fact = read(form(lesion("T1", item("lesion.maxDiameter", MM)))).lesions[0].facts["maxDiameter"]
    assert fact.sources[0].path == "QuestionnaireResponse.item[0].item[1].answer[0].valueQuantity"
    assert "QuestionnaireResponse.item[0].item[0].answer[0].valueString" in {s.path for s in fact.sources}


def test_every_answer_names_the_link_ids_on_its_way(read: Reader) -> None:
    near = structure("carotid-artery", "left", item("structure.tumourDistance", MM))
    (one,) = read(form(lesion("T1", near))).lesions
    (fact,) = (s.facts["tumourDistance"] for s in one.structures if s.key == "carotid-artery/left")
    paths = {s.path.removeprefix("QuestionnaireResponse.") for s in fact.sources}
    assert {
        "item[0].linkId",
        "item[0].item[0].linkId",
        "item[0].item[1].linkId",
        "item[0].item[1].item[0].linkId",
        "item[0].item[1].item[1].linkId",
        "item[0].item[1].item[2].linkId",
    } <= paths
    assert {"QuestionnaireResponse.item[0].linkId", "QuestionnaireResponse.item[0].item[0].linkId"} <= {
        s.path for s in one.sources
    }


def test_a_lesion_that_the_record_names_too_is_the_same(read: Reader) -> None:
    case = read(
        r.tumour(),
        form(
            lesion("T1", item("lesion.maxDiameter", MM)), lesion("T2", item("lesion.site", {"valueString": "larynx"}))
        ),
    )
    assert [(one.id, r.said(one.facts["maxDiameter"])) for one in case.lesions] == [
        ("T1", "4.5"),
        ("T2", "absent: never-recorded"),
    ]


def test_the_newer_of_form_and_result_holds(read: Reader) -> None:
    result = r.observation("inr", valueQuantity=r.quantity(1.9), effectiveDateTime="2026-11-11")
    assert r.said(read(form(item("patient.inr", {"valueDecimal": 1.2})), result).patient["inr"]) == "1.9"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"status": "in-progress"}, "absent: not-final"),
        ({"status": "stopped"}, "absent: not-final"),
        ({"status": "entered-in-error"}, "absent: never-recorded"),
        ({"questionnaire": "https://example.org/other"}, "absent: never-recorded"),
    ],
)
def test_another_or_unfinished_form_is_not_used(more: Json, said: str, read: Reader) -> None:
    case = read(form(item("patient.inr", {"valueDecimal": 1.2}), lesion("T1"), **more))
    assert r.said(case.patient["inr"]) == said
    assert case.lesions == ()


def test_an_invalid_form_leaves_everything_open(read: Reader) -> None:
    case = read(r.problem("I10"), form(item("patient.inr", {"valueDecimal": 1.2}), foo=1))
    assert {r.said(case.patient[n]) for n in ("inr", "bleedingDisorder", "mdtDiscussed")} == {"absent: quarantined"}


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([item("lesion", items=[item("lesion.maxDiameter", MM)])], "lesion-without-id"),
        ([item("lesion.maxDiameter", MM)], "which-lesion"),
        ([lesion("T1", item("lesion.maxDiametre", MM))], "unknown-fact"),
        ([lesion("T1", structure("carotid", "left", item("structure.tumourDistance", MM)))], "structure-not-known"),
        (
            [lesion("T1", structure("carotid-artery", None, item("structure.tumourDistance", MM)))],
            "structure-without-side",
        ),
        ([lesion("T1", item("lesion.maxDiameter", {"valueDecimal": 4.5}))], "unreadable-value"),
        ([lesion("T1", item("lesion.site", {"valueString": "throat"}))], "unreadable-code"),
    ],
)
def test_what_a_form_does_not_say_clearly_is_an_issue_and_no_fact(items: list[Json], code: str, read: Reader) -> None:
    case = read(r.tumour(), form(*items))
    assert code in r.codes(case)
    (one,) = case.lesions
    assert not any(f.is_known for f in (one.facts["maxDiameter"], *(s.facts["tumourDistance"] for s in one.structures)))


def test_two_answers_that_differ_conflict(read: Reader) -> None:
    case = read(form(item("patient.ecog", {"valueInteger": 1}, {"valueInteger": 2})))
    assert r.said(case.patient["ecog"]) == "conflict: 1, 2"


def day(*answers: Json) -> Json:
    return item("day", *answers)


def test_the_day_of_the_findings_is_the_one_that_the_form_states_and_not_that_of_its_filling_in(read: Reader) -> None:
    case = read(form(day({"valueDate": "2026-10-30"}), item("patient.inr", {"valueDecimal": 1.2})))
    fact = case.patient["inr"]
    assert {source.date for source in fact.sources if source.role == "value"} == {"2026-10-30"}
    assert "QuestionnaireResponse.item[0].answer[0].valueDate" in {source.path for source in fact.sources}
    assert case.issues == ()


def test_of_two_forms_the_later_day_of_findings_holds_whichever_was_filled_in_last(read: Reader) -> None:
    older = form(day({"valueDate": "2026-10-01"}), item("patient.ecog", {"valueInteger": 3}), id="q2")
    newer = form(day({"valueDate": "2026-10-30"}), item("patient.ecog", {"valueInteger": 1}), authored="2026-10-30")
    assert r.said(read(older, newer).patient["ecog"]) == "1"


def test_two_forms_of_one_day_of_findings_conflict_whichever_was_stored_last(read: Reader) -> None:
    findings = day({"valueDate": "2026-10-30"})
    one = form(findings, item("patient.ecog", {"valueInteger": 3}), id="q2", authored="2026-11-01T08:00:00Z")
    other = form(findings, item("patient.ecog", {"valueInteger": 1}), authored="2026-11-02T08:00:00Z")
    for each in (one, other):
        each["meta"] = {"lastUpdated": each["authored"]}
    assert r.said(read(one, other).patient["ecog"]) == "conflict: 1, 3"


@pytest.mark.parametrize(
    "answers",
    [({"valueDate": "2026-10-30"}, {"valueDate": "2026-10-29"}), ({"valueString": "last week"},)],
    ids=["two days", "a text"],
)
def test_a_day_that_is_not_clear_leaves_the_form_undated(read: Reader, answers: tuple[Json, ...]) -> None:
    case = read(form(day(*answers), item("patient.ecog", {"valueInteger": 1})))
    assert [issue.code for issue in case.issues] == ["unreadable-date"]
    dates = {source.date for source in case.patient["ecog"].sources if source.role == "value"}
    assert dates != {"2026-11-10T10:00:00Z"}
