"""No text of a record becomes markup: not in an answer, not in its record, not in the list, not side by side."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from cds.case import Case
from cds.recommendation.model import Recommendation
from cds.records import Author, BoardDecision, Decision, Overridden, Records
from tests.service.board.reading import Page

Json = dict[str, Any]
EVIL = """"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}{as_of}javascript:alert(1)"""
CODES = frozenset({
    "resourceType", "system", "code", "status", "url", "reference", "fullUrl", "unit", "id", "type", "linkId", "use",
})  # fmt: skip


def spoilt(value: object, name: str = "") -> object:
    """A record with every text of it, but for codes and references, made hostile."""
    if isinstance(value, dict):
        return {key: spoilt(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [spoilt(each, name) for each in value]
    return f"{value}{EVIL}" if isinstance(value, str) and name not in CODES and not re.match(r"\d{4}", value) else value


def hostile(answer: Json) -> Recommendation:
    """An answer with every text of it made hostile that is no code of a closed list."""
    original = answer
    changed = spoilt_all(answer)
    for _ in range(50):
        try:
            return Recommendation.model_validate(changed)
        except ValidationError as error:
            for problem in error.errors():
                restore(changed, original, problem["loc"])
    raise AssertionError("an answer was expected")


def spoilt_all(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: spoilt_all(each) for key, each in value.items()}
    if isinstance(value, list):
        return [spoilt_all(each) for each in value]
    return f"{value}{EVIL}" if isinstance(value, str) else value


def restore(changed: Any, original: Any, place: tuple[int | str, ...]) -> None:
    """Put back what stood at a place; parts of a union's name are no part of the place."""
    for step in place:
        there = original[step] if isinstance(original, (dict, list)) and _has(original, step) else None
        if isinstance(there, (dict, list)):
            changed, original = changed[step], there
        elif isinstance(original, (dict, list)) and _has(original, step):
            changed[step] = original[step]
            return


def _has(holder: Any, step: int | str) -> bool:
    return isinstance(step, int) and step < len(holder) if isinstance(holder, list) else step in holder


def check(html: str) -> Page:
    page = Page(html)
    assert page.problems == []
    assert page.of("script") == page.of("img") == []
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert not any(link.lower().startswith("javascript") for link in page.links)
    assert "49" not in re.findall(r"onerror=alert\(1\)>(\d+)", page.text)
    return page


@pytest.mark.parametrize("number", ["02", "12", "13"])
def test_no_text_of_a_bundle_becomes_markup(number: str, board: TestClient, repository: Path) -> None:
    files = list((repository / "fhir_examples").glob(f"{number}-*/bundle.json"))
    if not files:
        pytest.skip("no examples: they are not in this copy")
    bundle = json.dumps(spoilt(json.loads(files[0].read_bytes())))
    page = board.post("/board", data={"bundle": bundle, "as_of": "2026-11-22", "unfold": "true"})
    assert page.status_code == 200
    check(page.text)


def test_no_text_of_a_recorded_answer_becomes_markup_wherever_it_is_shown(
    board: TestClient, records: Records, repository: Path, rules: Path, named: Callable[[str], str]
) -> None:
    shown = re.search(r"/board/records/([0-9a-f-]{36})", board.get(named("02")).text)
    assert shown is not None
    answer = hostile(records.content(shown[1])["answer"])
    assert EVIL in answer.lesions[0].label
    assert any(EVIL in reason.says for reason in answer.lesions[0].options[1].reasons)
    entry = records.append_decision(
        Decision(
            case=Case(dt.date(2026, 11, 22), {}, ()), answer=answer.model_dump_json(by_alias=True).encode(),
            phase="decision", rule_set={"digest": "x"}, engines={}, door="POST /evaluate",
            bundle=orjson.dumps({"resourceType": "Bundle", "entry": []}),
        )
    )  # fmt: skip
    told = BoardDecision(entry.id, EVIL, dt.date(2026, 11, 23), answer.lesions[0].id, EVIL, None, (EVIL,))
    decided = records.append_board_decision(replace(told, overridden=(Overridden(EVIL, EVIL),), author=Author(EVIL)))
    form = f"/board/records/{entry.id}/decide?lesion={quote(answer.lesions[0].id, safe='')}"
    for path in (
        f"/board/decisions/{decided.id}",
        form,
        f"{form}&corrects={decided.id}",
        f"/board/records/{entry.id}?unfold=true",
        "/board/records",
        f"/board/compare?before={shown[1]}&after={entry.id}",
    ):
        response = board.get(path)
        assert response.status_code == 200, path
        page = check(response.text)
        assert "<script>alert(1)" in page.text, "the text itself is shown, as text"


@pytest.mark.parametrize(
    "path",
    ["/board/{evil}", "/board/records/{evil}", "/rules/{evil}", "/references/{evil}", "/board/records?q={evil}",
     "/board/records?verdict={evil}&option={evil}&missing={evil}", "/?lang={evil}",
     "/board/compare?before={evil}&after={evil}"],
)  # fmt: skip
def test_no_text_of_an_address_becomes_markup(path: str, board: TestClient) -> None:
    check(board.get(path.format(evil=quote(EVIL, safe=""))).text)
