"""`POST /evaluate/batch`: a line out for each line in, in order, as a stream of bounded memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from cds.recommendation import Recommendation
from cds.service import Settings, create_app
from cds.service.batch import Line, lines_of

Json = dict[str, Any]
NDJSON = {"content-type": "application/x-ndjson"}


def send(client: TestClient, content: bytes, **headers: str) -> list[Json]:
    response = client.post("/evaluate/batch", content=content, headers={**NDJSON, **headers})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.content.endswith(b"\n") or not response.content
    return [json.loads(line) for line in response.content.splitlines()]


def line(document: object) -> bytes:
    return json.dumps(document).encode() + b"\n"


def test_each_line_has_its_answer_or_its_outcome_in_order(client: TestClient, patient: Json) -> None:
    content = b"".join(
        (
            line({"id": "a", "bundle": patient, "as_of": "2026-11-22"}),
            b"\n",
            line({**patient, "id": "own"}),
            b"{\n",
            line({"id": 7, "bundle": {"resourceType": "Bundle"}}),
            line({"id": "b", "bundle": patient, "phase": "someday"}),
            json.dumps({"bundle": patient, "as_of": "2026-11-22", "phase": "planning"}).encode(),
        )
    )
    told = send(client, content)
    assert [(each["line"], each.get("id"), each["status"]) for each in told] == [
        (1, "a", 200), (3, "own", 200), (4, None, 400), (5, "7", 422), (6, "b", 400), (7, None, 200),
    ]  # fmt: skip
    for each in told:
        if each["status"] == 200:
            Recommendation.model_validate(each["answer"])
            assert each["record"]
        else:
            assert each["outcome"]["resourceType"] == "OperationOutcome"
            assert "answer" not in each
    assert told[-1]["answer"]["phase"] == "planning"


def test_a_line_is_answered_as_it_is_alone(client: TestClient, patient: Json) -> None:
    (told,) = send(client, line({"bundle": patient, "as_of": "2026-11-22"}))
    alone = client.post("/evaluate?as_of=2026-11-22", json=patient)
    assert told["answer"] == alone.json()


def test_a_line_that_is_too_long_is_refused_and_the_next_one_is_answered(client: TestClient, patient: Json) -> None:
    told = send(client, line({"id": "x" * 400_000}) + line(patient))
    assert [each["status"] for each in told] == [413, 200]
    assert told[0]["outcome"]["issue"][0]["details"]["coding"][0]["code"] == "too-large"


def test_a_defect_at_one_line_is_no_other_lines(rules: Path, patient: Json) -> None:
    from cds.api import answered

    calls: list[int] = []

    def fail_once(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise KeyError("Mrs Example")
        return answered(*arguments, **named)

    with TestClient(create_app(Settings(rules=rules), evaluate=fail_once)) as client:
        told = send(client, line(patient) * 2)
    assert [each["status"] for each in told] == [500, 200]
    assert "Example" not in json.dumps(told[0])


def test_an_empty_batch_has_an_empty_answer(client: TestClient) -> None:
    assert send(client, b"") == send(client, b"\n \n\n") == []


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"content-type": "application/json"}, "", 415),
        ({**NDJSON, "content-encoding": "gzip"}, "", 415),
        ({**NDJSON, "accept": "application/xml"}, "", 406),
        (NDJSON, "?as_of=2026-11-22", 400),
    ],
)
def test_what_is_no_batch_is_refused(client: TestClient, headers: dict[str, str], query: str, status: int) -> None:
    assert client.post(f"/evaluate/batch{query}", content=b"{}", headers=headers).status_code == status


def test_the_first_answer_leaves_before_the_second_line_comes(rules: Path, patient: Json) -> None:
    app = create_app(Settings(rules=rules))
    scope = {
        "type": "http", "method": "POST", "path": "/evaluate/batch", "raw_path": b"/evaluate/batch",
        "query_string": b"",
        "headers": [(b"content-type", b"application/x-ndjson")], "http_version": "1.1", "scheme": "http",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    order: list[str] = []

    async def run() -> None:
        answered_ = anyio.Event()
        bodies = iter([line(patient), line(patient)])

        async def receive() -> dict[str, Any]:
            if len(order) > 1:
                await answered_.wait()
            order.append("in")
            body = next(bodies, b"")
            return {"type": "http.request", "body": body, "more_body": bool(body)}

        async def send_(message: Any) -> None:
            if message.get("body"):
                order.append("out")
                answered_.set()

        with anyio.fail_after(60):
            await app(scope, receive, send_)  # type: ignore[arg-type]

    anyio.run(run)
    assert order == ["in", "out", "in", "out", "in"]


def test_who_stops_sending_is_left_and_the_answer_breaks_off(rules: Path, patient: Json) -> None:
    app = create_app(Settings(rules=rules, body_seconds=0.3))
    scope = {
        "type": "http", "method": "POST", "path": "/evaluate/batch", "raw_path": b"/evaluate/batch",
        "query_string": b"",
        "headers": [(b"content-type", b"application/x-ndjson")], "http_version": "1.1", "scheme": "http",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    sent: list[Any] = []

    async def run() -> None:
        async def receive() -> dict[str, Any]:
            await anyio.sleep_forever()
            raise AssertionError

        async def send_(message: Any) -> None:
            sent.append(message)

        with anyio.fail_after(30):
            await app(scope, receive, send_)  # type: ignore[arg-type]

    anyio.run(run)
    assert [message["type"] for message in sent] == ["http.response.start"]


@given(st.lists(st.binary(max_size=12).filter(lambda part: b"\n" not in part), max_size=6), st.data())
def test_lines_are_the_same_however_the_stream_is_cut(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"\n".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def read() -> list[Line]:
        return [each async for each in lines_of(stream(), 8)]

    expected = [
        Line(n, part if len(part) <= 8 else None)
        for n, part in enumerate(whole.split(b"\n"), 1)
        if part.strip() or len(part) > 8
    ]
    assert anyio.run(read) == expected
