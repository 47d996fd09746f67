"""The record behind the answer: the elements that facts rest on are found, marked, and shown as they came."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest

from cds.board.elements import MOST_IN_ALL, elements_of, telling
from cds.recommendation.model import Recommendation, SourcePart

Example = Any


@pytest.mark.parametrize("number", ["02", "12"])
def test_every_element_that_carried_a_value_is_marked(number: str, example: Example) -> None:
    bundle, answer = example(number)
    sources = [source for fact in answer.facts for source in telling(fact.sources)]
    elements = elements_of(bundle, sources)
    resources = {each.reference for each in elements.shown}
    in_resources = [source for source in sources if source.resource in resources]
    assert in_resources
    for source in in_resources:
        assert elements.anchor(source) is not None, source


def test_a_resource_is_shown_as_it_came(example: Example) -> None:
    bundle, answer = example("02")
    elements = elements_of(bundle, [source for fact in answer.facts for source in fact.sources])
    by_reference = {
        f"{entry['resource']['resourceType']}/{entry['resource'].get('id')}": entry["resource"]
        for entry in bundle["entry"]
    }
    assert elements.shown
    for shown in elements.shown:
        if shown.whole:
            assert orjson.loads("".join(piece.text for piece in shown.pieces)) == by_reference[shown.reference]


def test_a_number_stands_as_it_was_sent() -> None:
    bundle = {"entry": [{"resource": {"resourceType": "Observation", "valueQuantity": {"value": Decimal("1.50")}}}]}
    source = SourcePart(resource="Observation/o", path="Observation.valueQuantity", entry="Bundle.entry[0].resource")
    shown = elements_of(bundle, [source]).shown[0]
    assert '"value": 1.50' in next(piece.text for piece in shown.pieces if piece.anchor)


def test_an_anchor_stands_once(answer: Recommendation, example: Example) -> None:
    bundle, answered = example("02")
    elements = elements_of(bundle, [source for fact in answered.facts for source in fact.sources])
    anchors = [piece.anchor for shown in elements.shown for piece in shown.pieces if piece.anchor]
    assert len(anchors) == len(set(anchors))
    assert set(elements.anchors.values()) == set(anchors)


def test_without_the_bundle_nothing_is_shown_and_nothing_is_claimed(example: Example) -> None:
    _, answer = example("02")
    elements = elements_of(None, [source for fact in answer.facts for source in fact.sources])
    assert elements.shown == ()
    assert elements.anchor(answer.facts[0].sources[0]) is None


def test_a_place_that_holds_another_resource_is_not_shown_as_the_one_that_was_read() -> None:
    bundle = {"entry": [{"resource": {"resourceType": "Patient", "id": "p", "birthDate": "1957"}}]}
    there = SourcePart(resource="Patient/p", path="Patient.birthDate", entry="Bundle.entry[0].resource")
    other = SourcePart(resource="Observation/p", path="Observation.value", entry="Bundle.entry[0].resource")
    gone = SourcePart(resource="Patient/q", path="Patient.birthDate", entry="Bundle.entry[7].resource")
    elements = elements_of(bundle, [there, other, gone])
    assert [each.reference for each in elements.shown] == ["Patient/p"]
    assert elements.anchor(other) is elements.anchor(gone) is None


def test_a_long_record_does_not_make_a_long_page() -> None:
    entries = [
        {"resource": {"resourceType": "Observation", "id": f"o{n}", "valueString": "x" * 2500}} for n in range(99)
    ]
    sources = [
        SourcePart(resource=f"Observation/o{n}", path="Observation.valueString", entry=f"Bundle.entry[{n}].resource")
        for n in range(99)
    ]
    elements = elements_of({"entry": entries}, sources)
    assert 0 < sum(len(piece.text) for shown in elements.shown for piece in shown.pieces) <= MOST_IN_ALL
    assert len(elements.anchors) == len(elements.shown)
