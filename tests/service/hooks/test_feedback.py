"""Feedback about cards, kept and joined to the rules that were overridden (checklist G)."""

from __future__ import annotations

import copy
import json
import logging
import uuid
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from cds.records import Records
from cds.service.hooks.services import ORDER, REVIEW
from tests.service.hooks.calls import LARYNGECTOMY, Examples, Json, Post, draft, issues, trace

NOW = "2026-11-22T10:00:00Z"
REASON = {"code": "patient-refuses", "system": "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"}


def report(card: str, outcome: str = "overridden", **members: Any) -> Json:
    return {"card": card, "outcome": outcome, "outcomeTimestamp": NOW, **members}


@pytest.fixture(scope="module")
def send(hooks: TestClient) -> Post:
    def post(*items: Json, service: str = REVIEW) -> httpx2.Response:
        return hooks.post(f"/cds-services/{service}/feedback", json={"feedback": list(items)})

    return post


@pytest.fixture
def card(view: Post, examples: Examples) -> Json:
    return dict(view(examples.view("02")).json()["cards"][0])


def kept(records: Records, card: str) -> list[Json]:
    return [dict(entry.body) for entry in records.entries("feedback", about=card)]


WRONG: list[tuple[str, Callable[[Json], Any], str]] = [
    ("no card", lambda i: i.pop("card"), "card"),
    ("a card that is no uuid", lambda i: i.update(card="1"), "card"),
    ("no outcome", lambda i: i.pop("outcome"), "outcome"),
    ("an outcome that there is not", lambda i: i.update(outcome="ignored"), "outcome"),
    ("no moment", lambda i: i.pop("outcomeTimestamp"), "outcomeTimestamp"),
    ("a day", lambda i: i.update(outcomeTimestamp="2026-11-22"), "outcomeTimestamp"),
    ("a moment without zone", lambda i: i.update(outcomeTimestamp="2026-11-22T10:00:00"), "outcomeTimestamp"),
    ("a moment before the first", lambda i: i.update(outcomeTimestamp="0001-01-01T00:00:00+23:59"), "outcomeTimestamp"),
    ("a moment that is a text", lambda i: i.update(outcomeTimestamp="now"), "outcomeTimestamp"),
]


@pytest.mark.parametrize(("change", "place"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_item_50_each_report_names_its_card_its_outcome_and_its_moment(
    send: Post, change: Callable[[Json], Any], place: str
) -> None:
    item = report(str(uuid.uuid4()))
    assert send(copy.deepcopy(item)).status_code == 200
    change(item)
    response = send(report(str(uuid.uuid4())), item)
    assert response.status_code == 400
    assert [issue["expression"] for issue in issues(response)] == [[f"feedback[1].{place}"]]


@pytest.mark.parametrize("body", [{}, {"feedback": []}, {"feedback": {}}, {"feedback": [1]}])
def test_item_50_the_body_is_a_list_of_reports(hooks: TestClient, body: Json) -> None:
    assert hooks.post(f"/cds-services/{REVIEW}/feedback", json=body).status_code == 400


def test_item_51_an_accepted_card_says_which_suggestions(send: Post, card: Json, records: Records) -> None:
    chosen = card["suggestions"][0]["uuid"]
    assert send(report(card["uuid"], "accepted")).status_code == 400
    assert send(report(card["uuid"], "accepted", acceptedSuggestions=[])).status_code == 400
    assert send(report(card["uuid"], "accepted", acceptedSuggestions=[{"id": chosen}])).status_code == 200
    (entry,) = kept(records, card["uuid"])
    assert (entry["outcome"], entry["suggestions"]) == ("accepted", [chosen])


def test_item_51_an_override_gives_a_reason_or_words_or_neither_but_no_empty_one(
    send: Post, card: Json, records: Records
) -> None:
    assert send(report(card["uuid"], overrideReason={})).status_code == 400
    assert send(report(card["uuid"], overrideReason={"userComment": ""})).status_code == 400
    assert send(report(card["uuid"], overrideReason={"reason": {"system": "x"}})).status_code == 400
    both = {"reason": REASON, "userComment": "she said so"}
    assert send(report(card["uuid"], overrideReason=both)).status_code == 200
    assert send(report(str(uuid.uuid4()), overrideReason={"userComment": "she said so"})).status_code == 200
    assert send(report(str(uuid.uuid4()))).status_code == 200
    (entry,) = kept(records, card["uuid"])
    assert entry["reason"] == REASON


def test_item_52_a_card_may_be_reported_often_and_the_same_report_is_kept_once(
    send: Post, card: Json, records: Records
) -> None:
    first = report(card["uuid"])
    later = {**first, "outcomeTimestamp": "2026-11-22T11:00:00Z"}
    same_instant = {**first, "outcomeTimestamp": "2026-11-22T11:00:00+01:00"}
    for _ in range(2):
        response = send(first, later, same_instant, report(str(uuid.uuid4())))
        assert (response.status_code, response.json()) == (200, {})
    assert [entry["outcome_at"] for entry in kept(records, card["uuid"])] == [NOW, "2026-11-22T11:00:00Z"]


def test_item_52_an_unknown_card_is_accepted_and_an_unknown_service_is_not(send: Post) -> None:
    assert send(report(str(uuid.uuid4()))).status_code == 200
    response = send(report(str(uuid.uuid4())), service="greeter")
    assert response.status_code == 404


def test_item_53_feedback_is_asked_for_who_sends_it_like_every_other_call(hooks: TestClient) -> None:
    """Which tokens open these addresses is tested with the gate; here, that no address of ours stands beside it."""
    from cds.service.security.gate import HOOKS, OPEN

    paths = [str(path) for path in hooks.get("/openapi.json").json()["paths"] if "cds-services" in path]
    assert sorted(paths) == ["/cds-services", "/cds-services/{id}", "/cds-services/{id}/feedback"]
    assert all(path == HOOKS or path.startswith(f"{HOOKS}/") for path in paths)
    assert not OPEN & set(paths)


def test_feedback_is_joined_to_the_rules_that_were_overridden(
    send: Post, check: Post, examples: Examples, records: Records
) -> None:
    before = {rate.rule: rate for rate in records.override_rates()}
    cards = [
        check(examples.sign("02", draft(LARYNGECTOMY, examples.patient("02")))).json()["cards"][0] for _ in range(3)
    ]
    send(report(cards[0]["uuid"], overrideReason={"reason": REASON}), service=ORDER)
    taken = [{"id": cards[1]["suggestions"][0]["uuid"]}]
    send(report(cards[1]["uuid"], "accepted", acceptedSuggestions=taken), service=ORDER)
    after = {rate.rule: rate for rate in records.override_rates()}
    assert set(trace(cards[0])["rules"]) >= {"SS-0", "SS-2"}
    for rule in trace(cards[0])["rules"]:
        was = before.get(rule)
        gained = [
            getattr(after[rule], name) - (getattr(was, name) if was is not None else 0)
            for name in ("shown", "overridden", "accepted")
        ]
        assert gained == [3, 1, 1], rule
        assert after[rule].reasons["patient-refuses"] >= 1


def test_what_a_clinician_wrote_is_kept_and_never_logged(
    send: Post, card: Json, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        send(report(card["uuid"], overrideReason={"userComment": "a-very-private-word"}))
        send(report(card["uuid"], overrideReason={"userComment": 5}))
    assert "a-very-private-word" not in caplog.text
    (entry,) = list(records.entries("feedback", about=card["uuid"]))
    assert records.content(entry.id)["comment"] == "a-very-private-word"


def test_what_stays_for_ever_of_a_reason_is_its_code(send: Post, card: Json, records: Records) -> None:
    reason = {"code": "patient-refuses", "system": "http://example.org/reasons", "display": "Mrs Example was afraid"}
    assert send(report(card["uuid"], overrideReason={"reason": reason})).status_code == 200
    (entry,) = records.entries("feedback", about=card["uuid"])
    assert entry.body["reason"] == {"code": reason["code"], "system": reason["system"]}
    assert "Example" not in json.dumps(dict(entry.body))


def test_that_a_card_stands_nowhere_is_said_before_every_other_warning(
    fetching: Callable[..., TestClient], examples: Examples
) -> None:
    call = examples.view("02")
    conditions = call["prefetch"]["conditions"]
    for number in range(4):  # more warnings than a card lists
        resource = {
            "resourceType": "Condition", "id": f"w{number}", "onsetDateTime": f"{number}-not-a-day",
            "subject": {"reference": f"Patient/{call['context']['patientId']}"},
        }  # fmt: skip
        conditions["entry"].append({"resource": resource})
        conditions["total"] += 1
    client = fetching(lambda _: httpx2.Response(404))
    (card, *_) = client.post(f"/cds-services/{REVIEW}", json=call).json()["cards"]
    assert " more." in card["detail"], "only some of the warnings are listed"
    assert "this answer stands in no decision record" in card["detail"]


def test_where_records_are_off_feedback_is_taken_and_a_card_says_that_it_stands_nowhere(
    fetching: Callable[..., TestClient], examples: Examples, caplog: pytest.LogCaptureFixture
) -> None:
    client = fetching(lambda _: httpx2.Response(404))
    (card,) = client.post(f"/cds-services/{REVIEW}", json=examples.view("02")).json()["cards"]
    assert "this answer stands in no decision record" in card["detail"]
    assert "record" not in trace(card)
    with caplog.at_level(logging.WARNING):
        response = client.post(f"/cds-services/{REVIEW}/feedback", json={"feedback": [report(card["uuid"])]})
    assert response.status_code == 200
    assert "was not kept" in caplog.text
