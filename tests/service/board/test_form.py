"""A bundle is pasted or chosen as a file; what cannot be read is said, and gets no answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from cds.service import Settings, create_app
from cds.service.board.form import bundle_of, fields_of
from cds.service.evaluation import Evaluations
from cds.service.outcomes import Refused
from tests.service.board.reading import Page

Json = dict[str, Any]
BOUNDARY = "----b"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def a_form(**fields: bytes) -> bytes:
    """A form as a browser sends it; the field `file` is a file."""
    form = b""
    for name, value in fields.items():
        is_file = name == "file"
        form += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        form += b'; filename="b.json"\r\nContent-Type: application/json\r\n' if is_file else b"\r\n"
        form += b"\r\n" + value + b"\r\n"
    return form + f"--{BOUNDARY}--\r\n".encode()


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=80))
def test_a_field_comes_through_as_it_was_sent(text: str) -> None:
    content = json.dumps({"text": text}, ensure_ascii=False).encode()
    assert fields_of(TYPE, a_form(file=content, as_of=b"2026-11-22")) == {"file": content, "as_of": b"2026-11-22"}


def test_what_the_form_does_not_ask_for_is_left_out() -> None:
    assert fields_of(TYPE, a_form(bundle=b"{}", other=b"x")) == {"bundle": b"{}"}


@pytest.mark.parametrize(
    "body",
    [b"", b"no form", a_form(bundle=b"{}")[:-8], a_form(**{f"f{n}": b"x" for n in range(2001)}),
     a_form(bundle=b"x").replace(b'name="bundle"', b'name="bundle"\r\nContent-Type: message/rfc822')],
)  # fmt: skip
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        fields_of(TYPE, body)


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=", f"{TYPE}\r\nX: y"])
def test_a_form_without_its_boundary_is_refused(kind: str) -> None:
    with pytest.raises(Refused):
        fields_of(kind, a_form(bundle=b"{}"))


def test_a_file_and_a_pasted_bundle_at_once_are_refused() -> None:
    with pytest.raises(Refused, match="one of the two"):
        bundle_of({"bundle": b"{}", "file": b"{}"})
    assert bundle_of({"bundle": b"  ", "file": b"{}"}) == b"{}"


def test_a_chosen_file_is_answered(board: TestClient, patient: Json) -> None:
    files = {"file": ("bundle.json", json.dumps(patient), "application/json")}
    page = board.post("/board", data={"bundle": "", "as_of": "2026-11-22", "phase": "decision"}, files=files)
    assert page.status_code == 200
    assert "as of 2026-11-22" in page.text


def test_neither_a_file_nor_a_text_is_told_so(board: TestClient) -> None:
    page = board.post("/board", data={"as_of": "2026-11-22"}, files={"file": ("", b"", "application/json")})
    assert page.status_code == 400
    assert "No answer" in page.text


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://elsewhere.example"},
     {"Origin": "null"}],
)  # fmt: skip
def test_a_form_that_another_site_sends_is_refused(board: TestClient, headers: dict[str, str]) -> None:
    answer = board.post("/board", data={"bundle": "{}"}, headers=headers)
    assert answer.status_code == 403
    assert "foreign-form" in answer.text


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://testserver"}])
def test_a_form_of_our_own_is_read(board: TestClient, headers: dict[str, str]) -> None:
    assert "foreign-form" not in board.post("/board", data={"bundle": "{}"}, headers=headers).text


@pytest.mark.slow
def test_a_large_bundle_is_evaluated_in_a_process_of_its_own(
    rules: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = sorted((repository / "fhir_examples").glob("02-*/bundle.json"))
    if not found:
        pytest.skip("no examples: they are not in this copy")
    settings = Settings(rules=rules, recording="off", large_body=1, large_processes=1)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:

        def fails(*_: object) -> None:
            raise AssertionError("it is evaluated in the worker")

        monkeypatch.setattr(Evaluations, "evaluated", fails)
        for bundle, status in ((found[0].read_text("utf-8"), 200), ("{ no JSON", 400)):
            page = Page(client.post("/board", data={"bundle": bundle, "as_of": "2026-11-22"}).text)
            assert page.problems == []
            assert ("✕ ineligible" in page.text) is (status == 200)
            assert ("No answer" in page.text) is (status != 200)
            assert (page.of("mark") != []) is (status == 200)
