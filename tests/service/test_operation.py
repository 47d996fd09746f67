"""Operation: ids, logs and metrics of requests, settings, and rule sets that are replaced while the service runs."""

from __future__ import annotations

import io
import json
import logging
import re
import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from starlette.testclient import TestClient

from cds.api import answered
from cds.cli import main
from cds.errors import EngineDisagreement
from cds.ruleset import load_rules
from cds.service import Settings, create_app
from cds.service.evaluation import Evaluations
from cds.service.logs import REQUEST, JsonLines
from cds.service.metrics import Metrics
from cds.service.reloading import Shelf, renew

Json = dict[str, Any]


def test_every_request_has_an_id_of_a_form_that_names_nobody(client: TestClient) -> None:
    given = str(uuid.uuid4())
    assert client.get("/health", headers={"x-request-id": given}).headers["x-request-id"] == given
    other = client.get("/health", headers={"x-request-id": "patient-4711"}).headers["x-request-id"]
    assert uuid.UUID(other).version == 4


HEADED = (
    "/health", "/health/ready", "/version", "/metrics", "/openapi.json", "/cds-services", "/fhir/metadata",
    "/fhir/PlanDefinition", "/", "/rules", "/style.css", "/fhir/PlanDefinition/none", "/board", "/nowhere", "/evaluate",
)  # fmt: skip


@pytest.mark.parametrize("path", HEADED)
def test_head_is_answered_as_get_is_without_the_body(client: TestClient, path: str) -> None:
    got = client.get(path, follow_redirects=False)
    head = client.head(path, follow_redirects=False)
    own = {"x-request-id", "date", *({"content-length"} if path == "/metrics" else ())}
    assert head.status_code == got.status_code
    assert head.content == b""
    assert {k: v for k, v in head.headers.items() if k not in own} == {
        k: v for k, v in got.headers.items() if k not in own
    }


def test_where_get_is_allowed_head_is_said_to_be(client: TestClient) -> None:
    assert client.post("/health").headers["allow"] == "GET, HEAD"
    assert client.get("/evaluate").headers["allow"] == "POST"


def test_after_a_body_of_two_lengths_the_connection_is_closed(client: TestClient) -> None:
    two = {"content-length": "5", "transfer-encoding": "chunked"}
    assert client.post("/evaluate", content=b"", headers=two).headers["connection"] == "close"
    assert "connection" not in client.post("/evaluate", content=b"{}").headers


def test_a_log_line_is_json_with_route_status_and_request(
    client: TestClient, lines: io.StringIO, patient: Json
) -> None:
    request = client.post("/evaluate", json=patient).headers["x-request-id"]
    client.get("/board/Mrs-Example")
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    answer = next(line for line in told if line["event"] == "answered" and line["request"] == request)
    assert (answer["route"], answer["status"], answer["method"]) == ("/evaluate", 200, "POST")
    recorded = next(line for line in told if line["event"] == "recorded")
    assert recorded["request"] == request
    assert re.fullmatch(r"[0-9a-f]{64}", recorded["digest"])
    assert "Example" not in lines.getvalue()


def test_what_other_libraries_say_is_not_repeated(lines: io.StringIO) -> None:
    try:
        raise ValueError("Mrs Example")
    except ValueError:
        logging.getLogger("some.library").exception("about Mrs Example")
        logging.getLogger("uvicorn.error").exception("about Mrs Example")
    one, two = (json.loads(line) for line in lines.getvalue().splitlines())
    assert one["logger"] == "some.library"
    assert one["exception"] == two["exception"]
    assert one["exception"].startswith("ValueError at ")
    assert "Example" not in lines.getvalue()


def test_outside_of_a_request_a_line_has_no_request() -> None:
    record = logging.LogRecord("cds.x", logging.INFO, "f", 1, "event %s", ("a",), None)
    assert "request" not in json.loads(JsonLines().format(record))
    assert REQUEST.get() is None


def test_metrics_count_by_route_and_status(rules: Path, patient: Json) -> None:
    with TestClient(create_app(Settings(rules=rules))) as client:
        client.post("/evaluate", json=patient)
        client.post("/evaluate", json={})
        client.get("/board/Mrs-Example")
        client.request("FROBNICATE", "/nothing/Mrs-Example")
        text = client.get("/metrics").text
    assert 'cds_requests_total{method="POST",route="/evaluate",status="200"} 1.0' in text
    assert 'cds_requests_total{method="POST",route="/evaluate",status="422"} 1.0' in text
    assert 'cds_requests_total{method="other",route="-",status="404"} 1.0' in text
    assert 'cds_request_seconds_count{route="/evaluate"} 2.0' in text
    assert "Example" not in text


def test_readiness_is_not_a_way_to_keep_the_engines_busy(rules: Path) -> None:
    calls: list[int] = []

    def counted(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        return answered(*arguments, **named)

    with TestClient(create_app(Settings(rules=rules), evaluate=counted)) as client:
        assert {client.get("/health/ready").status_code for _ in range(5)} == {200}
    assert len(calls) == 1


# ----------------------------------------------------------------------------------------------------------- settings


def test_the_settings_in_force_are_shown_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDS_DATABASE", "postgresql://cds:a-secret@db.example.org/cds")
    monkeypatch.setenv("CDS_PSEUDONYM_KEY", "another secret of the hospital")
    monkeypatch.setenv("CDS_CONCURRENCY", "3")
    assert main(["serve", "--show-settings", "--port", "8123"]) == 0
    shown = capsys.readouterr().out
    told = json.loads(shown)
    assert (told["concurrency"], told["port"], told["database"]) == (3, 8123, "postgresql://cds:***@db.example.org/cds")
    assert "secret" not in shown


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CDS_CONCURRENCY", "0", "CDS_CONCURRENCY"),
        ("CDS_AUTHENTICATION", "required", "public_url is not set"),
        ("CDS_PUBLIC_URL", "http://cds.example.org", "no https address"),
        ("CDS_ALGORITHMS", '["HS256"]', "CDS_ALGORITHMS"),
        ("CDS_ALGORITHMS", "[]", "no algorithm is left"),
        ("CDS_TOKEN_ISSUER", "https://idp.example.org", "belong together"),
        ("CDS_CLIENTS", '[{"issuer": "x", "keys": "http://x/"}]', "no https address"),
        ("CDS_CORS_ORIGINS", '["*"]', "no origin"),
        ("CDS_LARGE_HELD", "19999999", "could never be read"),
        ("CDS_PSEUDONYM_KEY", "a-short-secret", "shorter than 16"),
        ("CDS_CLIENTS", "secret: no JSON", "CDS_CLIENTS: it is no JSON"),
        ("CDS_CLIENTS", '[{"issuer": "https://ehr.example.org"}]', "CDS_CLIENTS[0].keys: it is missing; give it"),
        ("CDS_WORKERS", "0", "CDS_WORKERS: it has to be greater than or equal to 1"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["serve", "--show-settings"]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert "secret" not in err


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "127.0.0.2", "localhost"])
def test_every_address_of_this_machine_alone_is_one_for_development(
    capsys: pytest.CaptureFixture[str], host: str
) -> None:
    assert main(["serve", "--show-settings", "--host", host]) == 0, capsys.readouterr().err


def test_addresses_that_do_not_fit_each_other_are_refused_as_settings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDS_AUTHENTICATION", "required")
    monkeypatch.setenv("CDS_PUBLIC_URL", "https://cds.example.org")
    monkeypatch.setenv("CDS_FHIR_SERVERS", '["http://127.0.0.1/fhir"]')  # plain http is for development
    assert main(["serve", "--show-settings"]) == 2
    told = capsys.readouterr().err
    assert "fhir_servers: `http://127.0.0.1/fhir` is not https" in told
    assert "defect" not in told


def test_a_misspelt_setting_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDS_AUTHENTIFICATION", "required")
    assert main(["serve", "--show-settings"]) == 0
    assert "CDS_AUTHENTIFICATION: there is no such setting; it changes nothing" in capsys.readouterr().err


def test_a_bundle_is_not_kept_beside_pseudonyms() -> None:
    with pytest.raises(ValidationError, match="exclude each other"):
        Settings(keep_bundles=True, pseudonym_key=SecretStr("k" * 32))


def test_every_setting_stands_in_the_reference_with_its_default(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CDS_DATABASE")
    page = (repository / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(CDS_[A-Z_]+)` \| (.*?) \|", page, re.MULTILINE))
    assert set(rows) == {f"CDS_{name.upper()}" for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        assert field.description and field.description in page, name
        if field.default_factory is None and isinstance(field.default, int | float | str):
            assert rows[f"CDS_{name.upper()}"] == f"`{json.dumps(field.default).strip(chr(34))}`", name


# ------------------------------------------------------------------------------------------------------------- reload


@pytest.fixture
def folder(rules: Path, tmp_path: Path) -> Path:
    """A copy of the rule set that may be changed."""
    copy = tmp_path / "source" / rules.name
    shutil.copytree(rules, copy)
    return copy


def change(folder: Path) -> None:
    file = folder / "ruleset.yaml"
    text = file.read_text(encoding="utf-8")
    changed = re.sub(r"(?m)^(  version: ).*$", r'\g<1>"9.9.9"', text)
    assert changed != text
    file.write_text(changed, encoding="utf-8")


def spoil(folder: Path) -> None:
    (folder / "parameters.yaml").write_text("parameters: 3\n", encoding="utf-8")


def test_a_rule_set_that_passes_is_put_in_force_and_a_bad_one_is_refused(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings, metrics = Settings(rules=folder), Metrics()
    evaluations = Evaluations(answered, load_rules(folder), concurrency=1, queue=0)
    change(folder)
    assert renew(settings, evaluations, metrics)
    assert evaluations.rules.head.version == "9.9.9"
    spoil(folder)
    assert not renew(settings, evaluations, metrics)
    assert evaluations.rules.head.version == "9.9.9"
    assert "rule set refused; the old one stays in force" in caplog.text
    text = metrics.exposition().decode()
    assert 'cds_reloads_total{result="accepted"} 1.0' in text
    assert 'cds_reloads_total{result="refused"} 1.0' in text


def test_a_rule_set_on_which_the_engines_disagree_is_refused(folder: Path) -> None:
    def disagree(*_: object, **__: object) -> Any:
        raise EngineDisagreement("SS-2")

    evaluations = Evaluations(disagree, load_rules(folder), concurrency=1, queue=0)
    before = evaluations.rules
    assert not renew(Settings(rules=folder), evaluations, Metrics())
    assert evaluations.rules is before


def test_a_rule_set_that_is_gone_is_refused(folder: Path) -> None:
    evaluations = Evaluations(answered, load_rules(folder), concurrency=1, queue=0)
    shutil.rmtree(folder)
    assert not renew(Settings(rules=folder), evaluations, Metrics())


def test_the_shelf_of_several_workers_holds_the_last_one_that_passed(
    folder: Path, tmp_path: Path, lines: io.StringIO
) -> None:
    overlay = tmp_path / "ours.yaml"
    overlay.write_text("label: Invented\nparameters:\n  threatDistance: {value: 12, unit: mm}\n", encoding="utf-8")
    shelf = Shelf(tmp_path / "shelf", Settings(rules=folder, overlay=overlay))
    shelf.fill()

    def in_force() -> tuple[str, tuple[str, ...]]:
        from cds.service.reloading import rules_of

        rules = rules_of(shelf.settings)
        return rules.head.version, rules.overrides

    version = in_force()[0]
    spoil(folder)
    assert not shelf.offer()
    assert in_force() == (version, ("threatDistance",))
    (finding,) = json.loads(lines.getvalue())["findings"]
    assert finding.startswith(f"{folder.name}/"), "the copy is gone, and nobody can look there"
    shutil.rmtree(folder)
    assert not shelf.offer()
    assert in_force() == (version, ("threatDistance",))


def test_the_shelf_takes_a_rule_set_that_passes(folder: Path, tmp_path: Path) -> None:
    from cds.service.reloading import rules_of

    shelf = Shelf(tmp_path / "shelf", Settings(rules=folder))
    shelf.fill()
    change(folder)
    assert shelf.offer()
    assert rules_of(shelf.settings).head.version == "9.9.9"
