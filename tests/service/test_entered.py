"""Whose record a bundle is: read quickly, and never mistaken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.case import AbsenceReason, Absent, Conflicting, Fact, Known, Lesion
from cds.records import Pseudonyms
from cds.service.entered import (
    Person,
    is_of_same_place,
    is_same_person,
    lesion_marks,
    person_of,
    why_other,
    with_responses,
)

Json = dict[str, Any]


def bundle(*patients: Json, **members: Any) -> Json:
    entries = [{"resource": {"resourceType": "Patient", **each}} for each in patients]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries, **members}


def test_from_bytes_and_from_parsed_json_the_same_patient_is_read(repository: Path) -> None:
    files = sorted((repository / "fhir_examples").glob("*/bundle.json"))
    for file in files:
        content = file.read_bytes()
        found = person_of(content)
        assert found is not None
        assert found == person_of(json.loads(content))
        assert found.births


@pytest.mark.parametrize(
    "patients",
    [
        (), ({},), ({"id": ""},), ({"id": 5},), ({"id": ["p"]},), ({"id": "p"}, {"id": "q"}), ({"id": "p"}, {}),
        ({"id": "a b"},),
    ],
    ids=str,
)  # fmt: skip
def test_where_it_is_not_clear_who_it_is_it_is_nobody(patients: tuple[Json, ...]) -> None:
    assert person_of(bundle(*patients)) is None
    assert person_of(json.dumps(bundle(*patients)).encode()) is None


def test_copies_of_one_patient_are_one_person_with_all_identifiers() -> None:
    one, two = ({"id": "p", "identifier": [{"system": "s", "value": value}]} for value in "ab")
    assert person_of(bundle(one, two)) == Person("p", frozenset({"s|a", "s|b"}), frozenset())


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["p", "Patient", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["entry", "resource", "resourceType", "id", "identifier", "value", "birthDate"]), inner
        )
    ),
    max_leaves=20,
)


@given(VALUES, VALUES)
def test_whatever_arrives_it_is_somebody_or_nobody(entries: Any, patient: Any) -> None:
    for entry in (
        entries,
        [{"resource": patient}, entries],
        [{"resource": {"resourceType": "Patient", "id": patient}}],
    ):
        sent = {"resourceType": "Bundle", "entry": entry}
        quick, slow = person_of(json.dumps(sent).encode()), person_of(sent)
        assert quick is None or quick == slow
    assert person_of(b"\xff" + json.dumps(entries).encode()) is None


SETS = st.frozensets(st.sampled_from("abc"), max_size=2)


@given(SETS, SETS, SETS, SETS)
def test_people_are_told_apart_by_marks_as_by_what_they_stand_for(
    ids: frozenset[str], others: frozenset[str], births: frozenset[str], other_births: frozenset[str]
) -> None:
    one, other = Person("p", ids, births), Person("p", others, other_births)
    differ = (ids and others and not ids & others) or (births and other_births and births != other_births)
    for key in (None, Pseudonyms("k" * 32)):
        assert is_same_person(one.marks(key), other.marks(key)) is not bool(differ)
        assert is_same_person(other.marks(key), one.marks(key)) is not bool(differ)
    assert is_same_person(one.marks(), one.marks(Pseudonyms("k" * 32))) is (not ids and not births)


def test_a_mark_shows_no_identifier_and_under_a_key_none_that_can_be_tried() -> None:
    person = Person("p", frozenset({"urn:mrn|4711"}), frozenset({"1957-04-01"}))
    plain, keyed = person.marks(), person.marks(Pseudonyms("k" * 32))
    assert "4711" not in json.dumps([plain, keyed])
    assert not set(plain["identifiers"]) & set(keyed["identifiers"])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"server": "s"}, {"server": "s", "author": {"issuer": "i"}}, True),
        ({"server": "s"}, {"server": "t"}, False),
        ({"server": "s"}, {}, False),
        ({}, {"author": {"issuer": "i"}}, False),
        ({"author": {"issuer": "i"}}, {"author": {"issuer": "i"}}, True),
        ({"author": None}, {"server": None}, True),
    ],
)
def test_a_reference_holds_within_one_server_or_else_one_issuer(one: Json, other: Json, same: bool) -> None:
    assert is_of_same_place(one, other) is is_of_same_place(other, one) is same


STATES = st.sampled_from(["larynx", "left"]).map(Known) | st.sampled_from(
    [Absent(AbsenceReason.NEVER_RECORDED), Conflicting(("left", "right"))]
)
LESIONS = st.builds(
    lambda site, side, label: Lesion("T1", label, {"site": Fact(site), "side": Fact(side)}, ()),
    STATES, STATES, st.sampled_from(["a node", "A  node", "another"]),
)  # fmt: skip


@given(LESIONS, LESIONS, st.sampled_from([None, Pseudonyms("k" * 32)]))
def test_a_lesion_is_the_same_only_where_all_that_tells_it_from_others_is_known_and_equal(
    one: Lesion, other: Lesion, key: Pseudonyms | None
) -> None:
    place = [[lesion.facts[name].value for name in ("site", "side")] for lesion in (one, other)]
    same = place[0] == place[1] and None not in place[0] and (one.label == "another") is (other.label == "another")
    marks = [lesion_marks(each, key) for each in (one, other)]
    assert (why_other(marks[0], marks[1]) is None) is same
    assert (why_other(marks[0], marks[1]) is None) is (why_other(marks[1], marks[0]) is None)
    assert "node" not in json.dumps(marks)


@pytest.mark.parametrize("then", [None, {}, "T1", {"site": None}, {"site": ["larynx"], "side": 1}], ids=str)
def test_what_was_stored_without_its_lesion_is_of_no_lesion(then: object) -> None:
    now: dict[str, str | None] = {"site": "larynx", "side": "left", "label": "x"}
    assert why_other(then, now) is not None


def test_a_bundle_beside_which_nothing_is_put_stays_as_it_is() -> None:
    sent = bundle({"id": "p"}, type="searchset")
    assert with_responses(sent, []) is sent
    joined = with_responses(sent, [{"resourceType": "QuestionnaireResponse"}])
    assert joined["entry"][:-1] == sent["entry"]
    assert joined["entry"][-1]["search"] == {"mode": "include"}
