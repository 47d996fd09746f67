"""The drawing says what the record says: distance and side, an interval as one, and the unknown as unknown."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.board.schematic import CENTRE, NAMES, NOMINAL, RADIUS, Mark, Schematic, schematic
from cds.recommendation.model import FactPart, LesionPart, Recommendation

MM = st.integers(0, 400).map(lambda tenths: tenths / 10)


def a_fact(name: str, subject: str, low: float | None, high: float | None) -> FactPart:
    known = low is not None or high is not None
    value: dict[str, Any] | None = None
    if known:
        value = {"low": None if low is None else str(low), "high": None if high is None else str(high), "unit": "mm"}
    return FactPart.model_validate({
        "name": name, "subject": subject, "status": "known" if known else "absent", "value": value, "display": "…",
        "reason": None if known else "never-recorded",
    })  # fmt: skip


@pytest.fixture(scope="module")
def lesion(example: Any) -> LesionPart:
    answer: Recommendation = example("02")[1]
    return answer.lesions[0]


def drawn(lesion: LesionPart, distances: list[tuple[float | None, float | None]], *more: FactPart) -> Schematic:
    facts = [
        a_fact(NAMES.distance, f"{lesion.id}/{part.structure}/{part.side or 'none'}", *distance)
        for part, distance in zip(lesion.thermoprotection, distances, strict=True)
    ]
    drawing = schematic(lesion, [*facts, *more])
    assert drawing is not None
    return drawing


def drawings(answer: Recommendation) -> list[Schematic]:
    """The drawings of an answer: one for each lesion with structures at risk, none for one out of scope."""
    found = [schematic(lesion, answer.facts) for lesion in answer.lesions]
    assert [bool(lesion.thermoprotection) for lesion in answer.lesions] == [each is not None for each in found]
    return [each for each in found if each is not None]


def from_edge(drawing: Schematic, mark: Mark) -> float:
    """How far in mm a symbol stands from the tumour's edge."""
    radius = math.hypot(mark.symbol.x - drawing.centre.x, mark.symbol.y - drawing.centre.y)
    return (radius - drawing.tumour) / drawing.scale


@given(data=st.data())
def test_a_measured_distance_is_drawn_to_scale_and_never_farther_than_the_rim(
    lesion: LesionPart, data: st.DataObject
) -> None:
    count = len(lesion.thermoprotection)
    distances = data.draw(st.lists(MM, min_size=count, max_size=count))
    drawing = drawn(lesion, [(mm, mm) for mm in distances])
    for mark, mm in zip(drawing.marks, distances, strict=True):
        assert mark.shape == "point"
        assert from_edge(drawing, mark) == pytest.approx(min(mm, drawing.rim), abs=0.05)


@given(data=st.data())
def test_of_an_interval_the_nearest_place_is_drawn_and_a_line_to_the_farthest(
    lesion: LesionPart, data: st.DataObject
) -> None:
    count = len(lesion.thermoprotection)
    ends = data.draw(st.lists(st.tuples(MM, MM), min_size=count, max_size=count))
    drawing = drawn(lesion, [(min(pair), max(pair) + 1) for pair in ends])
    for mark, pair in zip(drawing.marks, ends, strict=True):
        assert from_edge(drawing, mark) == pytest.approx(min(min(pair), drawing.rim), abs=0.05)
        assert mark.end is not None or min(pair) >= drawing.rim


def test_what_is_not_known_stands_at_the_rim_with_its_own_shape(lesion: LesionPart) -> None:
    first, *rest = [(5.0, 5.0)] * len(lesion.thermoprotection)
    drawing = drawn(lesion, [(None, None), *rest])
    assert drawing.marks[0].shape == "unknown"
    assert from_edge(drawing, drawing.marks[0]) == pytest.approx(drawing.rim, abs=0.05)
    assert {mark.shape for mark in drawing.marks[1:]} == {"point"}
    assert first


def test_a_bound_from_below_is_no_measured_distance(lesion: LesionPart) -> None:
    drawing = drawn(lesion, [(25.0, None)] * len(lesion.thermoprotection))
    assert {mark.shape for mark in drawing.marks} == {"beyond"}


def test_the_left_of_the_patient_is_on_the_right_as_in_imaging(answer: Recommendation) -> None:
    for drawing in drawings(answer):
        for mark in drawing.marks:
            if mark.part.side in ("left", "right"):
                assert mark.on_right == (mark.part.side == "left")
            assert (mark.label.x > CENTRE) == mark.on_right
            assert (mark.symbol.x >= CENTRE) == mark.on_right


def test_no_two_labels_stand_on_one_another(answer: Recommendation) -> None:
    for drawing in drawings(answer):
        for side in (True, False):
            heights = sorted(mark.label.y for mark in drawing.marks if mark.on_right is side)
            assert all(later - earlier >= 44 for earlier, later in pairwise(heights))
            assert all(20 < each < drawing.height - 20 for each in heights)


@pytest.mark.parametrize(("margin", "shown"), [(5.0, True), (None, False)])
def test_ice_is_drawn_only_where_a_margin_is_planned(lesion: LesionPart, margin: float | None, shown: bool) -> None:
    size = a_fact(NAMES.size, lesion.id, 20.0, 20.0)
    drawing = drawn(
        lesion, [(10.0, 10.0)] * len(lesion.thermoprotection), size, a_fact(NAMES.margin, lesion.id, margin, margin)
    )
    assert drawing.tumour == pytest.approx(10 * drawing.scale, abs=0.1)
    assert (drawing.ice is not None) is shown
    if drawing.ice is not None:
        assert drawing.ice == pytest.approx(15 * drawing.scale, abs=0.1)


def test_a_lesion_of_unknown_size_says_so(lesion: LesionPart) -> None:
    drawing = drawn(lesion, [(10.0, 10.0)] * len(lesion.thermoprotection))
    assert not drawing.size_known
    assert drawing.tumour == pytest.approx(NOMINAL * drawing.scale, abs=0.1)
    assert drawing.tumour < RADIUS


def test_protection_is_drawn_where_it_is_required_or_planned(answer: Recommendation) -> None:
    for drawing in drawings(answer):
        for mark in drawing.marks:
            assert (mark.shield is not None) == (mark.part.verdict == "required" or bool(mark.planned))
