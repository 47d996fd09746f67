"""What HL7's validator tests itself with: the good requests are read, the bad are refused (checklist M)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from cds.service.hooks.cards import Card
from cds.service.hooks.envelope import read_call
from cds.service.hooks.orders import drafts
from cds.service.hooks.problems import NotAnswered
from cds.service.hooks.services import ORDER, REVIEW
from tests.service.hooks.calls import Json, issues

PREFIX = "validator__cdshooks"
SERVICES = {"patient-view": REVIEW, "order-select": ORDER, "order-sign": ORDER}


@pytest.fixture(scope="module")
def vectors(corpus_dir: Path) -> Path:
    folder = corpus_dir / "cds-hooks"
    if not folder.is_dir():
        pytest.skip("no vectors of CDS Hooks in the corpus")
    return folder


def load(folder: Path, name: str) -> Json:
    """A vector by its name."""
    return dict(json.loads((folder / f"{PREFIX}{name}.json").read_text(encoding="utf-8")))


GOOD = ["-request-pv-good", "__cdshooks-request-patient-view-good", "__cdshooks-request-order-select-good",
        "__cdshooks-request-order-sign-good"]  # fmt: skip
BAD = {
    "__cdshooks-request-order-sign-bad-1": "context.draftOrders.entry[0].resource.status",
    "__cdshooks-request-order-sign-bad-2": "prefetch.item1",
    "__cdshooks-request-patient-view-bad": "prefetch.item1",
    "__cdshooks-request-order-select-bad": "context.selections",
    "__cdshooks-request-order-select-extensions": "context.draftOrders",
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_request_is_read(vectors: Path, name: str) -> None:
    body = load(vectors, name)
    call, warnings = read_call(body, SERVICES[body["hook"]])
    assert call.context.patientId == body["context"]["patientId"]
    assert warnings == ()
    problems: list[Any] = []
    orders = drafts(body["context"].get("draftOrders", {}).get("entry", []), problems)
    assert not problems
    assert bool(orders) == ("draftOrders" in body["context"])


@pytest.mark.parametrize("name", GOOD[:2])
def test_a_good_request_without_our_prefetch_is_told_what_to_send(
    hooks: TestClient, vectors: Path, name: str
) -> None:
    response = hooks.post(f"/cds-services/{REVIEW}", json=load(vectors, name))
    assert response.status_code == 412
    assert [issue["expression"] for issue in issues(response)] == [["prefetch.patient"], ["prefetch.conditions"]]


@pytest.mark.parametrize("name", GOOD[2:])
def test_a_good_order_of_something_else_is_met_with_silence(hooks: TestClient, vectors: Path, name: str) -> None:
    response = hooks.post(f"/cds-services/{ORDER}", json=load(vectors, name))
    assert (response.status_code, response.json()) == (200, {"cards": []})


@pytest.mark.parametrize(("name", "place"), BAD.items(), ids=list(BAD))
def test_a_bad_request_is_refused_at_its_fault(hooks: TestClient, vectors: Path, name: str, place: str) -> None:
    body = load(vectors, name)
    response = hooks.post(f"/cds-services/{SERVICES[body['hook']]}", json=body)
    assert response.status_code == 400
    assert any(issue["expression"][0].startswith(place) for issue in issues(response)), response.text


def test_a_patient_with_its_type_is_tolerated_with_a_warning(vectors: Path) -> None:
    call, warnings = read_call(load(vectors, "__cdshooks-request-patient-view-bad"), REVIEW)
    assert not call.context.patientId.startswith("Patient/")
    assert len(warnings) == 2


def test_a_call_can_be_read_by_a_service_of_its_hook_only(vectors: Path) -> None:
    with pytest.raises(NotAnswered) as caught:
        read_call(load(vectors, GOOD[0]), ORDER)
    assert caught.value.status == 400


def only(cards: list[Json]) -> list[Card]:
    """Cards as we would send them, given what we always add."""
    ours = {"uuid": "u", "detail": "d", "extension": {"a": 1}}
    topic = {"system": "s", "code": "c", "display": "d"}
    url = {"url": "https://a.example/"}
    built = []
    for card in cards:
        if "suggestions" in card:
            named = [{**each, "uuid": "s"} for each in card["suggestions"]]
            card = {**card, "summary": card["summary"][:139], "suggestions": named}
        source = {**url, **{k: v for k, v in card["source"].items() if k != "icon"}, "topic": topic}
        built.append(Card.model_validate({**ours, **card, "source": source}))
    return built


def test_good_cards_are_cards_that_we_could_send(vectors: Path) -> None:
    assert only(load(vectors, "-response-empty-good")["cards"]) == []
    assert only(load(vectors, "__cdshooks-response-empty")["cards"]) == []
    assert len(only(load(vectors, "-response-good")["cards"])) == 2
    assert len(only(load(vectors, "__cdshooks-response-two-cards")["cards"])) == 2
    assert len(only(load(vectors, "__cdshooks-response-link")["cards"])) == 1
    assert len(only(load(vectors, "__cdshooks-response-no-link")["cards"])) == 1


@pytest.mark.parametrize(
    ("name", "where"), [("-empty-source", "source"), ("-suggestion", "selectionBehavior"), ("-source-link", "summary")]
)
def test_bad_cards_are_cards_that_we_cannot_send(vectors: Path, name: str, where: str) -> None:
    """`-source-link` is good there and not here: its summary is longer than 140 characters."""
    (card,) = load(vectors, f"__cdshooks-response{name}")["cards"]
    with pytest.raises(ValidationError) as caught:
        if where == "source":
            Card.model_validate({"uuid": "u", "extension": {"a": 1}, **card})
        else:
            only([card])
    assert where in str(caught.value)


def test_a_response_without_cards_is_none_of_ours(vectors: Path, hooks: TestClient) -> None:
    for name in ("-response-empty-bad", "__cdshooks-response-empty2"):
        assert "cards" not in load(vectors, name)
    assert set(load(vectors, "-services-good")) == set(hooks.get("/cds-services").json()) == {"services"}


def test_our_discovery_has_every_member_that_the_good_one_has(vectors: Path, hooks: TestClient) -> None:
    needed = {"hook", "title", "description", "id"}
    for name in ("-services-good", "__cdshooks-services-order-select-extensions"):
        assert all(needed - {"title"} <= set(each) for each in load(vectors, name)["services"])
    for each in hooks.get("/cds-services").json()["services"]:
        assert needed <= set(each)


def test_every_vector_is_used(vectors: Path) -> None:
    used = Path(__file__).read_text(encoding="utf-8")
    names = [file.stem.removeprefix(PREFIX).removeprefix("__cdshooks") for file in vectors.glob("*.json")]
    names = [name.removeprefix("-response") if "-response-" in name else name for name in names]
    assert names
    assert [name for name in names if f'{name}"' not in used] == []
