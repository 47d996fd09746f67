"""Case files: every way of writing a value, and every mistake reported with its place and a way out."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.case import AbsenceReason, Absent, Case, Conflicting, Known
from cds.case.reading import CaseFileError, case_from_mapping
from cds.errors import CdsError
from cds.quantities import DateSpan, Interval
from cds.testing import sample_vocabulary, values
from cds.vocabulary import Level

VOCABULARY = sample_vocabulary()
DIAMETER = VOCABULARY.fact(Level.LESION, "diameter")


def read(**parts: Any) -> Case:
    return case_from_mapping(VOCABULARY, {"as_of": "2026-11-22", **parts})


def a_lesion(**facts: Any) -> list[dict[str, Any]]:
    return [{"id": "T1", "facts": facts}]


def problems(**parts: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(CaseFileError) as caught:
        read(**parts)
    return [(issue.code, issue.expression, issue.details) for issue in caught.value.issues]


def only_problem(**parts: Any) -> tuple[str, str, str]:
    (problem,) = problems(**parts)
    return problem


def test_a_whole_file_is_read_and_its_expectations_are_left_alone() -> None:
    case = case_from_mapping(
        VOCABULARY,
        {
            "name": "a sentence",
            "says": "why",
            "as_of": dt.date(2026, 11, 22),
            "phase": "decision",
            "patient": {"smoker": True, "ratio": Decimal("1.25"), "booked": True},
            "lesions": [
                {
                    "id": "T1",
                    "label": "left tongue",
                    "facts": {"site": "tongue", "side": "left", "foundOn": 2024, "nothingElseWithin": 4},
                    "structures": [
                        {"name": "nerve-a", "side": "left", "facts": {"distance": "< 5"}},
                        {"name": "skin", "facts": {"relation": {"conflict": ["apart", "touches"]}}},
                    ],
                },
            ],
            "expect": {"anything": ["at", "all"]},
        },
    )
    assert case.as_of == dt.date(2026, 11, 22)
    assert case.patient["ratio"].value == Interval.point(Fraction(5, 4))
    assert case.patient["booked"].value is True
    assert case.patient["discussed"].value is False, "a document nobody wrote"
    (lesion,) = case.lesions
    assert (lesion.id, lesion.label) == ("T1", "left tongue")
    assert str(lesion.facts["foundOn"].value) == "2024"
    facts = {structure.key: structure.facts for structure in lesion.structures}
    assert {key: str(each["distance"].value) for key, each in facts.items()} == {
        "nerve-a/left": "< 5", "skin/none": "> 4", "flap/none": "> 4",
    }  # fmt: skip
    assert facts["skin/none"]["relation"].state == Conflicting(("apart", "touches"))


@pytest.mark.parametrize(
    ("written", "interval"),
    [
        (5, Interval.point(Fraction(5))),
        (4.5, Interval.point(Fraction(9, 2))),
        ("4.5", Interval.point(Fraction(9, 2))),
        ("< 5", Interval.below(Fraction(5), open_end=True)),
        ("<=5", Interval.below(Fraction(5), open_end=False)),
        ("> 5", Interval.above(Fraction(5), open_end=True)),
        (">= 5", Interval.above(Fraction(5), open_end=False)),
        ("5..8", Interval(Fraction(5), Fraction(8))),
        ("5.5 to 8", Interval(Fraction(11, 2), Fraction(8))),
        ("> 5 and <= 8", Interval(Fraction(5), Fraction(8), True, False)),
        (4.55, Interval(Fraction(9, 2), Fraction(23, 5), True, True)),
    ],
)
def test_a_number_is_read_onto_the_grid(written: object, interval: Interval) -> None:
    assert read(lesions=a_lesion(diameter=written)).lesions[0].facts["diameter"].value == interval


def test_a_negative_range_is_read() -> None:
    assert read(patient={"ratio": "-1..-0.5"}).patient["ratio"].value == Interval(Fraction(-1), Fraction(-1, 2))


@given(values(DIAMETER))
def test_an_interval_is_read_as_it_is_printed(value: Interval) -> None:
    assert read(lesions=a_lesion(diameter=str(value))).lesions[0].facts["diameter"].value == value


@pytest.mark.parametrize(
    ("written", "span"),
    [(2024, "2024"), ("2024-02", "2024-02"), ("2024-02-29", "2024-02-29"), (dt.date(2024, 2, 29), "2024-02-29")],
)
def test_a_date_is_read_as_far_as_it_is_known(written: object, span: str) -> None:
    assert read(lesions=a_lesion(foundOn=written)).lesions[0].facts["foundOn"].value == DateSpan.parse(span)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ({"absent": "asked-unknown"}, AbsenceReason.ASKED_UNKNOWN),
        ({"absent": "stale"}, AbsenceReason.STALE),
        ("TX", AbsenceReason.INDETERMINATE),
    ],
)
def test_an_absence_is_read_with_its_reason_also_from_the_senders_code(written: object, reason: AbsenceReason) -> None:
    assert read(lesions=a_lesion(primaryTStage=written)).lesions[0].facts["primaryTStage"].state == Absent(reason)


def test_a_conflict_keeps_every_value() -> None:
    state = read(patient={"ratio": {"conflict": [1, "> 2"]}}).patient["ratio"].state
    assert isinstance(state, Conflicting)
    assert [str(value) for value in state.values] == ["1", "> 2"]


def test_nothing_is_stale_and_no_problem_list_is_silent_in_a_case_file() -> None:
    case = read(patient={"discussed": True}, lesions=a_lesion())
    assert case.patient["discussed"].state == Known(True)
    assert case.patient["allergy"].state == Absent(AbsenceReason.NEVER_RECORDED)


def test_a_lesion_without_a_label_is_called_by_its_id() -> None:
    assert read(lesions=[{"id": "T1"}]).lesions[0].label == "T1"


# --- mistakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patient", "code", "told"),
    [
        ({"smoker": "yes"}, "unreadable-value", "`yes` is not a yes/no; give true or false"),
        ({"smoker": None}, "unreadable-value", "`null` is not a yes/no"),
        ({"smoker": 1}, "unreadable-value", "`1` is not a yes/no"),
        ({"weight": True}, "unreadable-value", "`true` is not a number or an interval; give a number (in kg)"),
        ({"weight": "70 kg"}, "unreadable-value", "`70 kg` is not a number"),
        ({"weight": "8..5"}, "unreadable-value", "the lower end comes first"),
        ({"weight": float("nan")}, "unreadable-value", "`nan` is not a finite number"),
        ({"weight": Decimal("Infinity")}, "unreadable-value", "`Infinity` is not a finite number"),
        ({"weight": 500}, "implausible", "`500` is not plausible for weight; intake reads 1 to 400"),
        ({"wieght": 70}, "unknown-fact", "`wieght` is not a patient fact; did you mean `weight`?"),
        ({"zzz": 70}, "unknown-fact", "`zzz` is not a patient fact; the accepted ones stand in the vocabulary"),
        ({"smoker": {"absent": "dunno"}}, "unknown-absence", "`dunno` is not a reason"),
        ({"smoker": {"conflict": [True]}}, "no-conflict", "holds no two different values"),
        ({"smoker": {"conflict": [True, True]}}, "no-conflict", "holds no two different values"),
        ({"smoker": {"conflict": [True, "no"]}}, "unreadable-value", "`no` is not a yes/no"),
        ({"smoker": {"conflict": "no"}}, "unreadable-case", "`no` is not a list"),
        ({"smoker": {"absent": "masked", "conflict": []}}, "unreadable-value", "not both"),
        ({"smoker": {}}, "unreadable-value", "an empty mapping says nothing"),
        ({"smoker": {"absnet": "masked"}}, "unknown-key", "did you mean `absent`?"),
        ({7: True}, "unknown-key", "the key `7` is not a word"),
        ([], "unreadable-case", "`[]` is not a mapping"),
    ],
)
def test_a_mistake_about_the_patient_is_named_with_a_way_out(patient: Any, code: str, told: str) -> None:
    issues = problems(patient=patient)
    assert code in [issue[0] for issue in issues]
    assert any(told in details for _, _, details in issues)
    assert all(where.startswith("patient") and not details.endswith(".") for _, where, details in issues)


@pytest.mark.parametrize(
    ("lesions", "where", "told"),
    [
        (a_lesion(site="tonge"), "lesions[0].facts.site", "did you mean `tongue`?"),
        (a_lesion(site="moon"), "lesions[0].facts.site", "accepted are `tongue`, `larynx`, `neck`"),
        (a_lesion(foundOn="yesterday"), "lesions[0].facts.foundOn", "`yesterday` is not a date"),
        (a_lesion(foundOn="2023-02-29"), "lesions[0].facts.foundOn", "2023-02 has 28 days"),
        (a_lesion(foundOn=12), "lesions[0].facts.foundOn", "`12` is not a date"),
        ([{}], "lesions[0].id", "this is missing"),
        ([{"id": 5}], "lesions[0].id", "`5` is not a text"),
        ([{"id": "a/b"}], "lesions[0].id", "without `/`"),
        ([{"id": "patient"}], "lesions[0].id", "other than `patient`"),
        ([{"id": "T1"}, {"id": "T1"}], "lesions[1].id", "the id of an earlier lesion"),
        ([{"id": "T1", "sturctures": []}], "lesions[0].sturctures", "did you mean `structures`?"),
        ({}, "lesions", "is not a list"),
        (["T1"], "lesions[0]", "`T1` is not a mapping"),
    ],
)
def test_a_mistake_about_a_lesion_is_named_with_its_place(lesions: Any, where: str, told: str) -> None:
    found = [(place, details) for _, place, details in problems(lesions=lesions)]
    assert any(place == where and told in details for place, details in found), found


@pytest.mark.parametrize(
    ("structures", "where", "told"),
    [
        ([{"name": "skn"}], "[0].name", "did you mean `skin`?"),
        ([{}], "[0].name", "this is missing"),
        ([{"name": "vein"}], "[0].side", "give `left`, `right`"),
        ([{"name": "skin", "side": "left"}], "[0].side", "give `none`"),
        ([{"name": "skin"}, {"name": "skin"}], "[1]", "stands here twice"),
        ([{"name": "skin", "facts": {"kind": "skin"}}], "[0].facts.kind", "the structure table states this"),
        ("skin", "", "is not a list"),
    ],
)
def test_a_mistake_about_a_structure_is_named_with_its_place(structures: Any, where: str, told: str) -> None:
    _, place, details = only_problem(lesions=[{"id": "T1", "structures": structures}])
    assert place == f"lesions[0].structures{where}"
    assert told in details


@pytest.mark.parametrize(
    ("as_of", "told"),
    [(None, "this is missing"), ("2026-11", "`2026-11` is not a day"), ("soon", "`soon` is not a day")],
)
def test_the_day_has_to_be_given_in_full(as_of: object, told: str) -> None:
    _, where, details = only_problem(as_of=as_of)
    assert where == "as_of"
    assert told in details


def test_an_unknown_part_of_the_file_is_named() -> None:
    assert only_problem(pateint={}) == ("unknown-key", "pateint", "`pateint` is not a key; did you mean `patient`?")


def test_all_mistakes_of_a_file_are_reported_together() -> None:
    with pytest.raises(CdsError) as caught:
        case_from_mapping(
            VOCABULARY,
            {"patient": {"smoker": "yes", "weight": "?"}, "lesions": [{"facts": {"site": "moon"}}]},
        )
    assert caught.value.code == "case-file-error"
    places = [issue.expression for issue in caught.value.issues]
    assert places == ["as_of", "patient.smoker", "patient.weight", "lesions[0].id", "lesions[0].facts.site"]
    assert all(f"{issue.expression}: {issue.details}" in str(caught.value) for issue in caught.value.issues)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=8,
)
shaped = st.fixed_dictionaries(
    {},
    optional={
        "as_of": anything,
        "patient": anything | st.dictionaries(st.sampled_from(["smoker", "weight", "ratio", "booked"]), anything),
        "lesions": anything
        | st.lists(
            st.fixed_dictionaries(
                {}, optional={"id": anything, "label": anything, "facts": anything, "structures": st.lists(anything)}
            ),
            max_size=2,
        ),
    },
)


@given(anything | shaped)
def test_whatever_the_file_holds_it_is_read_or_refused_with_places(mapping: Any) -> None:
    try:
        assert isinstance(case_from_mapping(VOCABULARY, mapping), Case)
    except CaseFileError as error:
        assert error.issues
