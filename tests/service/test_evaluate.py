"""`POST /evaluate`: an answer, or an OperationOutcome with every problem; never a 500 or half an answer."""

from __future__ import annotations

import datetime as dt
import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from cds.api import answered, evaluate
from cds.case import Case
from cds.errors import EngineDisagreement, EngineFailure, Issue, NoAdvice
from cds.recommendation.model import Recommendation
from cds.service import Settings, create_app
from cds.service.outcomes import operation_outcome, status_of

Json = dict[str, Any]
Post = Callable[..., httpx2.Response]


def issues(response: httpx2.Response) -> list[Json]:
    """The issues of an OperationOutcome, checked to be one."""
    assert response.headers["content-type"] == "application/fhir+json"
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome"
    for issue in outcome["issue"]:
        assert issue["severity"] in ("error", "warning", "information")
        assert issue["code"]
        assert issue["details"]["text"]
    return list(outcome["issue"])


def codes(response: httpx2.Response) -> set[str]:
    return {issue["details"]["coding"][0]["code"] for issue in issues(response)}


def test_a_bundle_is_answered_with_a_recommendation(post: Post, patient: Json) -> None:
    response = post(patient)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer = Recommendation.model_validate_json(response.content)
    assert answer.as_of == dt.date(2026, 11, 22)
    assert answer.scope.reasons[0].code == "no-lesion"


def test_the_answer_is_the_one_that_python_gets(post: Post, repository: Path) -> None:
    file = repository / "fhir_examples" / "02-unresectable-carotid-encased-freeze-near-it" / "bundle.json"
    if not file.is_file():
        pytest.skip("no example 02: it is not in this copy")
    content = file.read_bytes()
    from cds.ruleset import load_rules

    rules = load_rules(repository / "rules" / "recurrent-head-and-neck")
    expected = evaluate(content, as_of=dt.date(2026, 11, 22), rules=rules)
    assert post(content).json() == expected.model_dump(mode="json", by_alias=True)


def test_the_long_form_says_in_the_body_what_the_query_says(post: Post, patient: Json) -> None:
    long_form = {"bundle": patient, "as_of": "2026-11-22", "phase": "planning"}
    first = post(long_form, "")
    second = post(patient, "?as_of=2026-11-22&phase=planning")
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert first.json()["phase"] == "planning"


def test_without_a_day_today_is_stamped_and_stands_in_the_answer(post: Post, patient: Json) -> None:
    before = dt.datetime.now(dt.UTC).astimezone().date()
    day = dt.date.fromisoformat(post(patient, "").json()["as_of"])
    assert before <= day <= dt.datetime.now(dt.UTC).astimezone().date()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "empty-input"),
        (b"   ", 400, "empty-input"),
        (b"{", 400, "not-json"),
        (b"[]", 400, "not-an-object"),
        (b"null", 400, "not-an-object"),
        (b'{"a": NaN}', 400, "not-a-number"),
        (b'{"a": Infinity}', 400, "not-a-number"),
        (b'{"a": 1, "a": 2}', 400, "duplicate-key"),
        (b'{"a": 1e999999}', 400, "number-out-of-range"),
        (b"\xef\xbb\xbf{}", 400, "byte-order-mark"),
        (b"\xff\xfe{}", 400, "not-utf-8"),
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "too-deep"),
        (b'{"bundle": 3}', 400, "unknown-member"),
        (b'{"bundle": {}, "as-of": "2026-11-22"}', 400, "unknown-member"),
        (b'{"as_of": 3, "bundle": {}}', 400, "unknown-member"),
        (b'{"bundle": {}, "bundle": {}}', 400, "duplicate-key"),
        (b'{"as_of": "2026-11-23", "bundle": {}}', 400, "contradictory-parameter"),
        (b"x" * 300_001, 413, "too-large"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_with_its_code(post: Post, body: bytes, status: int, code: str) -> None:
    response = post(body)
    assert response.status_code == status
    assert code in codes(response)


@pytest.mark.parametrize(
    "bundle",
    [
        {"resourceType": "Bundle"},
        {"resourceType": "Bundle", "type": "collection"},
        {"resourceType": "Bundle", "type": "collection", "entry": "x"},
        {"resourceType": "Bundle", "type": "collection", "entry": [None]},
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"id": "x"}}]},
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Observation"}}]},
    ],
)
def test_a_record_that_cannot_be_evaluated_is_a_422_with_the_place(post: Post, bundle: Json) -> None:
    response = post(bundle)
    assert response.status_code == 422
    assert any("expression" in issue for issue in issues(response))


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?as_of=yesterday", "unreadable-day"),
        ("?as_of=2026-W47-7", "unreadable-day"),
        ("?as_of=2026-02-30", "unreadable-day"),
        ("?as-of=2026-11-22", "unknown-parameter"),
        ("?as_of=2026-11-22&as_of=2026-11-23", "contradictory-parameter"),
        ("?as_of=2026-11-22&phase=planing", "unknown-phase"),
    ],
)
def test_a_query_that_is_not_understood_is_refused_and_never_passed_over(
    post: Post, patient: Json, query: str, code: str
) -> None:
    response = post(patient, query)
    assert response.status_code == 400
    assert code in codes(response)


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/xml"},
        {"content_type": ""},
        {"content_type": "application/json; charset=iso-8859-1"},
        {"content_encoding": "gzip"},
    ],
)
def test_a_body_of_another_type_is_not_read(post: Post, patient: Json, headers: dict[str, str]) -> None:
    response = post(patient, **headers)
    assert response.status_code == 415
    assert issues(response)[0]["code"] == "not-supported"


def test_json_with_a_charset_of_utf_8_is_read(post: Post, patient: Json) -> None:
    assert post(patient, content_type='application/json; charset="UTF-8"').status_code == 200


def test_a_body_without_an_announced_length_is_cut_off_at_the_cap(client: TestClient) -> None:
    chunks = (b"x" * 65536 for _ in range(1000))
    response = client.post("/evaluate", content=chunks, headers={"content-type": "application/json"})
    assert response.status_code == 413


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/evaluate", 405), ("GET", "/nothing", 404)])
def test_what_is_not_served_is_an_outcome_too(client: TestClient, method: str, path: str, status: int) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    issues(response)
    assert ("allow" in response.headers) == (status == 405)


@pytest.mark.parametrize("error", [EngineDisagreement, EngineFailure])
def test_no_advice_is_a_503_that_repeats_nothing(
    rules: Path, patient: Json, error: type[NoAdvice], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> tuple[Case, Recommendation]:
        raise error("SS-2 of Mrs Example")

    with TestClient(create_app(Settings(rules=rules), evaluate=fail), raise_server_exceptions=False) as client:
        with caplog.at_level(logging.DEBUG, "cds.service"):
            response = client.post("/evaluate", json=patient)
        assert response.status_code == 503
        assert issues(response)[0]["code"] == "exception"
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health").status_code == 200
    assert "Example" not in response.text  # the caller learns the code; the message is for who must act
    assert caplog.text.count(f"no advice: {error.code}: SS-2 of Mrs Example") == 2


def test_a_defect_is_a_500_with_an_outcome_and_no_text_of_the_record(
    rules: Path, patient: Json, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> tuple[Case, Recommendation]:
        raise KeyError("Mrs Example")

    app = create_app(Settings(rules=rules), evaluate=fail)
    with TestClient(app, raise_server_exceptions=True) as client, caplog.at_level(logging.DEBUG, "cds.service"):
        response = client.post("/evaluate", json=patient)
    assert response.status_code == 500
    assert codes(response) == {"incident"}
    assert "Example" not in response.text + caplog.text
    assert "KeyError" in caplog.text


def test_requests_at_once_get_the_answers_that_they_get_one_after_the_other(post: Post, repository: Path) -> None:
    files = sorted((repository / "fhir_examples").glob("0*/bundle.json"))[:4]
    if not files:
        pytest.skip("no examples: they are not in this copy")
    bodies = [file.read_bytes() for file in files] * 4
    alone = [post(body).content for body in bodies[: len(files)]] * 4
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda body: post(body).content, bodies))
    assert together == alone


@pytest.mark.parametrize("body", [{}, {"resourceType": "Patient", "id": "p"}, {"resourceType": "Bundle", "type": "x"}])
def test_what_is_no_bundle_at_all_is_a_422(post: Post, body: Json) -> None:
    response = post(body)
    assert response.status_code == 422
    issues(response)


def test_too_many_requests_are_asked_to_come_back(rules: Path, patient: Json) -> None:
    entered, leave = threading.Event(), threading.Event()

    def wait(*arguments: Any, **named: Any) -> tuple[Case, Recommendation]:
        entered.set()
        assert leave.wait(30)
        return answered(*arguments, **named)

    settings_ = Settings(rules=rules, concurrency=1, queue=0)
    with TestClient(create_app(settings_, evaluate=wait)) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, "/evaluate", json=patient)
        assert entered.wait(30)
        second = client.post("/evaluate", json=patient)
        leave.set()
        assert first.result().status_code == 200
    assert second.status_code == 503
    assert second.headers["retry-after"] == "1"
    assert issues(second)[0]["code"] == "throttled"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
bundles = st.fixed_dictionaries(
    {"resourceType": st.just("Bundle"), "type": st.sampled_from(["collection", "document", "x"])},
    optional={"entry": st.lists(st.fixed_dictionaries({"resource": json_values}), max_size=3)},
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=json_values | bundles | st.binary(max_size=60))
def test_no_body_whatever_makes_the_service_fail(post: Post, body: Any) -> None:
    response = post(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert response.status_code in (200, 400, 422)
    if response.status_code != 200:
        issues(response)


def test_every_problem_of_a_bundle_is_reported_at_once() -> None:
    told = [Issue("warning", "w", "", "w"), Issue("error", "no-patient", "Bundle", "x"), Issue("error", "b", "", "y")]
    assert [issue["severity"] for issue in operation_outcome(told)["issue"]] == ["error", "error", "warning"]  # type: ignore[attr-defined]
    assert status_of(told) == 422


def test_a_flood_of_issues_is_cut_and_says_so() -> None:
    listed: Any = operation_outcome([Issue("error", "x", "", str(n)) for n in range(900)])["issue"]
    assert len(listed) == 501
    assert "400 more issues" in listed[-1]["details"]["text"]
