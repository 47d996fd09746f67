"""Limits on body, depth, time and number, and errors in the form that is asked for."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from cds.api import answered
from cds.service import Settings, create_app
from cds.service.held import Held
from cds.service.outcomes import accepted_types, prefers_problem

Json = dict[str, Any]


def post(client: TestClient, body: object, **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return client.post("/evaluate", content=content, headers=sent)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"{", 400, "not-json"), ({"resourceType": "Bundle"}, 422, "bundle-type"), (b"x" * 300_001, 413, "too-large")],
)
def test_problem_details_say_what_an_outcome_says(client: TestClient, body: object, status: int, code: str) -> None:
    response = post(client, body, accept="application/problem+json")
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["status"], problem["type"]) == (status, f"urn:cds:error:{code}")
    outcome = post(client, body).json()
    assert [issue["details"] for issue in problem["issues"]] == [i["details"]["text"] for i in outcome["issue"]]


@pytest.mark.parametrize("path", ["/nothing", "/evaluate"])
def test_what_is_not_served_is_told_in_the_form_that_is_asked_for(client: TestClient, path: str) -> None:
    response = client.get(path, headers={"accept": "application/problem+json, */*;q=0.1"})
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == response.status_code


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/xml", 406), ("text/html", 406), ("application/fhir+xml", 406), ("application/json;q=0", 406),
        ("image/*", 406), ("*/*;q=0", 406), ("application/json", 200), ("application/fhir+json", 200),
        ("application/*", 200), ("*/*", 200), ("application/xml, */*;q=0.1", 200), ("", 200),
        ("application/problem+json", 200),
    ],
)  # fmt: skip
def test_only_json_is_given(client: TestClient, patient: Json, accept: str, status: int) -> None:
    response = post(client, patient, accept=accept)
    assert response.status_code == status
    if status == 406:
        assert response.json()["issue"][0]["details"]["coding"][0]["code"] == "not-acceptable"


def test_an_accept_header_is_read_by_its_weights() -> None:
    assert accepted_types("a/b;q=0.2;v=1, a/b;q=0.7") == {"a/b": 0.7}
    assert accepted_types("a/b;q=x") == {"a/b": 0.0}
    assert not prefers_problem("application/problem+json;q=0.1, application/fhir+json")


@pytest.mark.parametrize("form", [b"%b", b'{"bundle": %b}', b'{"resourceType": "Bundle", "entry": %b}'])
def test_a_deep_body_is_refused(client: TestClient, form: bytes) -> None:
    response = post(client, form % (b'{"a":' * 65 + b"1" + b"}" * 65))
    assert response.status_code == 400
    assert "too-deep" in response.text


def test_an_evaluation_that_takes_too_long_is_a_503_and_keeps_its_place_until_it_ends(
    rules: Path, patient: Json
) -> None:
    leave = threading.Event()

    def slow(*arguments: Any, **named: Any) -> Any:
        assert leave.wait(30)
        return answered(*arguments, **named)

    settings = Settings(rules=rules, answer_seconds=0.3, concurrency=1, queue=0)
    with TestClient(create_app(settings, evaluate=slow)) as client:
        response = post(client, patient)
        assert response.status_code == 503
        assert response.json()["issue"][0]["code"] == "timeout"
        assert post(client, patient).json()["issue"][0]["code"] == "throttled"
        leave.set()
        for _ in range(100):
            last = post(client, patient)
            if last.status_code == 200:
                break
            threading.Event().wait(0.05)
    assert last.status_code == 200


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 40))), st.integers(0, 15), st.integers(0, 100)
)
def test_no_more_is_held_than_there_is_room_for(moves: list[tuple[int, int]], small: int, most: int) -> None:
    held = Held(most=most, small=small)
    shares = [held.share() for _ in range(5)]
    sizes = [0] * 5
    for place, size in moves:
        had_room = shares[place].hold(size)
        others = sum(each for other, each in enumerate(sizes) if other != place and each > small)
        fits = others + (size if size > small else 0) <= most
        assert had_room is (fits or size <= sizes[place])
        sizes[place] = size if had_room else sizes[place]
        assert sum(each for each in sizes if each > small) <= most
    for share in shares:
        assert share.hold(0)
    assert held.share().hold(most)


def test_bodies_for_which_there_is_no_room_are_asked_to_come_back(rules: Path, patient: Json) -> None:
    leave, entered = threading.Event(), threading.Event()

    def slow(*arguments: Any, **named: Any) -> Any:
        entered.set()
        assert leave.wait(30)
        return answered(*arguments, **named)

    settings = Settings(rules=rules, largest_body=50_000, large_body=1000, large_held=60_000)
    body = json.dumps(patient).encode()
    large = body + b" " * 40_000
    with TestClient(create_app(settings, evaluate=slow), raise_server_exceptions=False) as client:
        answers: list[httpx2.Response] = []

        def ask(sent: bytes) -> None:
            answers.append(post(client, sent))

        threads = [threading.Thread(target=ask, args=(sent,)) for sent in (large, body)]
        threads[0].start()
        assert entered.wait(30)
        refused = post(client, large)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert "as many large bodies" in refused.text
        lines = b"\n".join((b"{" + b" " * 39_000, b"[", b"{" + b" " * 60_000))
        told = client.post("/evaluate/batch", content=lines, headers={"content-type": "application/x-ndjson"})
        threads[1].start()  # a small one waits for its turn, not for room
        leave.set()
        for thread in threads:
            thread.join(30)
        assert [each.status_code for each in answers] == [200, 200]
        assert [json.loads(each)["status"] for each in told.iter_lines()] == [503, 400, 413]
        assert post(client, large).status_code == 200


def scope(path: str) -> Json:
    return {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"content-type", b"application/json")], "http_version": "1.1", "scheme": "http",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip


async def call(app: Any, receive: Any, path: str = "/evaluate") -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    with anyio.fail_after(30):
        await app(scope(path), receive, send)
    return sent


def test_a_body_that_does_not_come_is_not_waited_for(rules: Path) -> None:
    app = create_app(Settings(rules=rules, body_seconds=0.2))
    sent = anyio.run(call, app, anyio.sleep_forever)
    assert sent[0]["status"] == 408


@pytest.mark.parametrize(
    "path", ["/evaluate", "/cds-services/recurrent-head-and-neck-review", "/fhir/PlanDefinition/$apply"]
)
def test_who_leaves_while_sending_is_no_incident(
    rules: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    async def gone() -> Json:
        return {"type": "http.disconnect"}

    with caplog.at_level("INFO", "cds.service"):
        sent = anyio.run(call, create_app(Settings(rules=rules)), gone, path)
    assert sent == []
    assert "the client left" in caplog.text
    assert "incident" not in caplog.text


def test_more_requests_than_are_set_are_asked_to_come_back(rules: Path) -> None:
    app = create_app(Settings(rules=rules, requests=1))

    async def both() -> list[Any]:
        entered = anyio.Event()
        results: list[Any] = []

        async def never() -> Json:
            entered.set()
            await anyio.sleep_forever()
            raise AssertionError

        async with anyio.create_task_group() as group:
            group.start_soon(call, app, never)
            await entered.wait()
            results.append(await call(app, never))
            group.cancel_scope.cancel()
        return results

    (second,) = anyio.run(both)
    assert second[0]["status"] == 503
    assert b"retry-after" in dict(second[0]["headers"])
