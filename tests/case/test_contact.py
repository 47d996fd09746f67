"""What touches is 0 mm away, and no closing statement is about a structure that the record speaks of."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import pytest

from cds.case import Absent, Conflicting, Known
from cds.case.reading import case_from_mapping
from cds.quantities import Interval
from cds.recommendation import recommend
from cds.ruleset import load_rules

RULES = load_rules()
CAROTID = "carotid-artery"


def distance(lesion: Mapping[str, object], **structure: object) -> object:
    """The state of the left carotid's distance from a tumour of the oropharynx."""
    case = case_from_mapping(RULES.vocabulary, bundle(lesion, structure))
    (found,) = (s for s in case.lesions[0].structures if s.name == CAROTID)
    return found.facts["tumourDistance"].state


def bundle(lesion: Mapping[str, object], structure: Mapping[str, object]) -> dict[str, object]:
    reported = [{"name": CAROTID, "side": "left", "facts": dict(structure)}] if structure else []
    return {
        "as_of": "2026-11-22",
        "lesions": [
            {"id": "T1", "facts": {"site": "oropharynx", "side": "left", **lesion}, "structures": reported},
        ],
    }


def exactly(millimetres: int) -> Interval:
    return Interval.point(Fraction(millimetres))


@pytest.mark.parametrize("relation", ["abuts", "encased", "invaded"])
def test_what_touches_is_0_mm_away_also_beside_a_closing_statement(relation: str) -> None:
    assert distance({}, relation=relation) == Known(exactly(0))
    assert distance({"nothingElseWithin": 25}, relation=relation) == Known(exactly(0))


def test_separate_implies_no_distance() -> None:
    assert isinstance(distance({}, relation="separate"), Absent)


@pytest.mark.parametrize("stated", [3, 20])
def test_a_distance_beside_a_contact_is_a_contradiction_and_neither_counts(stated: int) -> None:
    assert distance({}, relation="encased", tumourDistance=stated) == Conflicting((exactly(stated), exactly(0)))


def test_a_distance_that_agrees_with_the_contact_stands() -> None:
    assert distance({}, relation="encased", tumourDistance=0) == Known(exactly(0))


def test_a_closing_statement_bounds_a_carotid_of_which_nothing_is_said() -> None:
    beyond = Known(Interval.above(Fraction(25), open_end=True))
    assert distance({"nothingElseWithin": 25}) == beyond
    assert distance({"nothingElseWithin": 25, "carotidEncasement": 0}) == beyond
    assert distance({"nothingElseWithin": 25, "carotidEncasement": {"absent": "not-assessed"}}) == beyond


@pytest.mark.parametrize("encasement", [300, "< 90", {"conflict": [0, 90]}])
def test_a_reported_encasement_lists_the_carotid(encasement: object) -> None:
    assert isinstance(distance({"nothingElseWithin": 25, "carotidEncasement": encasement}), Absent)


def test_an_encased_carotid_is_never_beyond_reach() -> None:
    """The case that asks for it: 300 degrees of contact, and a closing statement about everything else."""
    for structure in ({}, {"relation": "encased"}, {"relation": "encased", "tumourDistance": 20}):
        lesion = {"nothingElseWithin": 25, "carotidEncasement": 300}
        answer = recommend(case_from_mapping(RULES.vocabulary, bundle(lesion, structure)), RULES)
        (part,) = (p for p in answer.lesions[0].thermoprotection if p.structure == CAROTID)
        assert part.verdict in ("required", "undetermined")
        assert part.distance != "> 25 mm"
