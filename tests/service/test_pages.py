"""Pages for people, and what describes the service: self-contained, escaped, and honest about what it is."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from cds import __version__
from cds.commands.serve import address_of, begin_to_listen, bound
from cds.commands.streams import UnusableArgument

Json = dict[str, Any]
FORM = {"content-type": "application/x-www-form-urlencoded"}


def example_names(client: TestClient) -> list[str]:
    names = re.findall(r'href="/board/([0-9][^"]*)"', client.get("/").text)
    if not names:
        pytest.skip("no examples: they are not in this copy")
    return names


def test_the_first_page_says_what_this_is_and_is_not(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "Not a medical device" in page.text
    assert "Nobody has approved these rules" in page.text


def test_no_page_loads_anything_from_elsewhere_or_runs_a_script(client: TestClient) -> None:
    for path in ("/", *(f"/board/{name}" for name in example_names(client)[:2])):
        page = client.get(path)
        assert not re.search(r"(?:src|action)=\"(?!/)", page.text)
        assert re.findall(r"<link [^>]*>", page.text) == ['<link rel="stylesheet" href="/style.css">']
        assert "<script" not in page.text
        assert " style=" not in page.text
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store"
    assert client.get("/style.css").headers["content-type"].startswith("text/css")


def test_every_example_has_a_page_with_its_options(client: TestClient) -> None:
    for name in example_names(client):
        page = client.get(f"/board/{name}?as_of=2026-11-22")
        assert page.status_code == 200, name
        assert page.text.count("<h1") == 1
        assert "no directive" in page.text


def test_an_unfolded_page_has_everything_open(client: TestClient) -> None:
    address = f"/board/{example_names(client)[0]}?as_of=2026-11-22"
    assert "<details open>" not in client.get(address).text
    unfolded = client.get(f"{address}&unfold=true").text
    assert "<details open>" in unfolded
    assert "<details>" not in unfolded


@pytest.mark.parametrize("name", ["none", "%2e%2e", "..%2F..%2Fetc", "%00"])
def test_only_listed_examples_can_be_asked_for(client: TestClient, name: str) -> None:
    assert client.get(f"/board/{name}").status_code == 404


def test_a_pasted_bundle_is_answered_and_its_text_stays_text(client: TestClient) -> None:
    evil = "<script>alert(1)</script>"
    resource = {"resourceType": "Observation", "id": "o", "status": evil, "code": {"text": evil}}
    patient = {"resourceType": "Patient", "id": "p"}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}, {"resource": resource}]}
    page = client.post("/board", data={"bundle": json.dumps(bundle), "as_of": "2026-11-22", "unfold": "true"})
    assert "<script" not in page.text
    assert page.status_code in (200, 422)


def test_a_pasted_text_that_is_no_bundle_is_told_so_and_gets_no_answer(client: TestClient) -> None:
    page = client.post("/board", data={"bundle": "<b>not json", "as_of": "2026-11-22"})
    assert page.status_code == 400
    assert "No answer" in page.text
    assert 'role="alert"' in page.text
    assert "<b>" not in page.text


@pytest.mark.parametrize("body", [b"bundle=%ff", b"\xff", b"&".join([b"bundle=x"] * 99)])
def test_a_form_that_cannot_be_read_is_refused(client: TestClient, body: bytes) -> None:
    assert client.post("/board", content=body, headers=FORM).status_code == 400


def test_an_answer_that_is_loaded_again_leads_back_to_the_form(client: TestClient) -> None:
    assert client.get("/board", follow_redirects=False).headers["location"] == "/"


def test_the_description_has_the_answer_and_an_example_that_runs(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    operation = description["paths"]["/evaluate"]["post"]
    content = operation["requestBody"]["content"]["application/fhir+json"]
    for example in content["examples"].values():
        assert client.post("/evaluate", json=example["value"]).status_code == 200
    assert operation["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Recommendation"
    }
    assert {"400", "413", "415", "422", "503"} <= set(operation["responses"])
    assert "/board/{name}" not in description["paths"]


def test_the_state_and_the_version_can_be_asked_for(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "up"}
    assert client.get("/health/ready").json() == {"status": "ready"}
    version = client.get("/version").json()
    assert version["version"] == __version__
    assert version["rule_set"]["approved"] is None
    assert version["rule_set"]["digest"].startswith("sha256:")


def test_nothing_of_the_documentation_comes_from_elsewhere(client: TestClient) -> None:
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 404


def test_a_port_that_is_taken_is_said_with_the_way_out() -> None:
    with bound("127.0.0.1", 0) as taken, bound("127.0.0.1", taken.getsockname()[1]) as other:
        begin_to_listen(taken)
        port = taken.getsockname()[1]
        assert address_of(taken) == f"http://127.0.0.1:{port}/"
        with pytest.raises(UnusableArgument, match=r"it is taken; .*--port"):
            bound("127.0.0.1", port)
        with pytest.raises(UnusableArgument, match=r"it is taken; .*--port"):
            begin_to_listen(other)


def test_an_address_that_is_not_here_is_said_so() -> None:
    with pytest.raises(UnusableArgument, match=r"no such address|no address of this machine"):
        bound("192.0.2.1", 0)


def test_serve_prints_the_real_address_once_it_answers_there(repository: Path, rules: Path) -> None:
    command = [sys.executable, "-m", "cds", "serve", "--port", "0", "--rules", str(rules)]
    with subprocess.Popen(
        command, cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
            with urllib.request.urlopen(f"{address}health", timeout=10) as response:
                assert json.load(response) == {"status": "up"}
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=20)
    assert "Traceback" not in errors


def test_a_socket_of_every_address_is_shown_as_one_that_a_browser_takes() -> None:
    with socket.socket() as any_address:
        any_address.bind(("0.0.0.0", 0))
        assert address_of(any_address).startswith("http://127.0.0.1:")
