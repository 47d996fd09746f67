"""Large bodies are evaluated in processes of their own, and nothing shows it but the time that small ones take."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.errors import EngineDisagreement, EngineFailure, NoAdvice
from cds.intake.document import Limits
from cds.reasoning.durable_compat import DurableRulesUnavailable
from cds.records import Author, RecordsUnavailable, open_records
from cds.ruleset import RuleSet, load_rules
from cds.service import Settings, create_app
from cds.service.large import LargeBodies, evaluator, pool
from cds.service.large.messages import Answered, Broken, NotAdvised, Question, Start
from cds.service.large.process import reply_to
from cds.service.recording import Making
from cds.service.requests import Asked

Json = dict[str, Any]
QUERY = "?as_of=2026-11-22"


@contextmanager
def service(rules: Path, file: Path, **settings: Any) -> Iterator[TestClient]:
    chosen = Settings(rules=rules, database=SecretStr(f"sqlite:///{file}"), **settings)
    with TestClient(create_app(chosen), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("large")


@pytest.fixture(scope="module")
def apart(rules: Path, folder: Path) -> Iterator[TestClient]:
    """A service to which every body is large."""
    with service(rules, folder / "apart.sqlite3", large_body=1) as client:
        client.app.state.runtime.large.begin()  # type: ignore[attr-defined]
        yield client


@pytest.fixture(scope="module")
def within(rules: Path, folder: Path) -> Iterator[TestClient]:
    """A service that evaluates every body itself."""
    with service(rules, folder / "within.sqlite3", large_processes=0) as client:
        assert client.app.state.runtime.large is None  # type: ignore[attr-defined]
        yield client


def post(client: TestClient, body: bytes | Json, query: str = QUERY, path: str = "/evaluate") -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(f"{path}{query}", content=content, headers={"content-type": "application/json"})


def idle(client: TestClient) -> evaluator.Evaluator:
    """The one process of a service, once nobody uses it."""
    places = client.app.state.runtime.large._idle  # type: ignore[attr-defined]
    found = places.get(timeout=60)
    places.put(found)
    assert found is not None
    assert isinstance(found, evaluator.Evaluator)
    return found


def padded(bundle: bytes, size: int) -> bytes:
    """A bundle with heart rates, which no rule reads, until it has some size."""
    read = json.loads(bundle)
    patient = next(e.get("fullUrl", "Patient/p") for e in read["entry"] if e["resource"]["resourceType"] == "Patient")
    code = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
    while size > 0:
        resource = {
            "resourceType": "Observation", "id": f"filler-{size}", "status": "final", "code": code,
            "subject": {"reference": patient}, "effectiveDateTime": "2026-10-01T08:00:00Z",
            "valueQuantity": {"value": 60 + size % 40, "unit": "/min", "code": "/min"},
        }  # fmt: skip
        url = f"https://ehr.example.org/fhir/Observation/filler-{size}"
        read["entry"].append({"fullUrl": url, "resource": resource})
        size -= 400
    return json.dumps(read).encode()


# ---------------------------------------------------------------------------------------------------- the same answers


def test_every_example_gets_the_same_bytes_and_the_same_record(
    apart: TestClient, within: TestClient, repository: Path, folder: Path
) -> None:
    files = sorted((repository / "fhir_examples").glob("*/bundle.json"))
    bundles = [file.read_bytes() for file in files]
    bodies = [*bundles, *(padded(bundle, 300_000) for bundle in bundles[:3])]
    bodies.append(b'{"as_of": "2026-11-22", "phase": "planning", "bundle": %b}' % bundles[0])
    assert len(files) > 5
    kept = [open_records(f"sqlite:///{folder / name}.sqlite3") for name in ("apart", "within")]
    for body in bodies:
        one, two = (post(client, body, "" if body.startswith(b'{"as_of"') else QUERY) for client in (apart, within))
        assert one.status_code == two.status_code
        assert one.content == two.content
        if one.status_code == 200:
            entries = [records.entry(got.headers["cds-record"]) for records, got in zip(kept, (one, two), strict=True)]
            assert entries[0].body.keys() == entries[1].body.keys()
            assert entries[0].body["author"] == entries[1].body["author"]
            assert len({json.dumps(each.content(e.id)) for each, e in zip(kept, entries, strict=True)}) == 1
    for records in kept:
        assert list(records.verify(records.head())) == []
        records.close()


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (b"{", QUERY),
        (b'{"a": 1, "a": 2}', QUERY),
        ({"resourceType": "Patient"}, QUERY),
        ({"resourceType": "Bundle", "type": "collection", "entry": []}, QUERY),
        ({"resourceType": "Bundle", "type": "x", "entry": [{"resource": {"resourceType": "Nothing"}}, 3]}, QUERY),
        ({"bundle": 3, "phase": 4, "other": 5}, "?as_of=2026-13-01&lesion=a&lesion=b&more=c"),
        ({"resourceType": "Bundle", "type": "collection"}, f"{QUERY}&phase=never"),
    ],
)
def test_every_problem_of_a_body_is_told_as_in_the_service_itself(
    apart: TestClient, within: TestClient, body: bytes | Json, query: str
) -> None:
    one, two = (post(client, body, query) for client in (apart, within))
    assert one.status_code == two.status_code >= 400
    assert one.json() == two.json()


def test_every_door_answers_alike(apart: TestClient, within: TestClient, repository: Path) -> None:
    bundle = json.loads(next(iter(sorted((repository / "fhir_examples").glob("*/bundle.json")))).read_bytes())
    patient = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")
    lines = [{"id": id_, "bundle": each, "as_of": "2026-11-22"} for id_, each in (("good", bundle), ("bad", {}))]
    answers = []
    for client in (apart, within):
        sent = "\n".join(map(json.dumps, lines)).encode()
        told = client.post("/evaluate/batch", content=sent, headers={"content-type": "application/x-ndjson"}).text
        read = [json.loads(line) for line in told.splitlines()]
        assert [(each["id"], each["status"]) for each in read] == [("good", 200), ("bad", 422)]
        url = client.get("/fhir/PlanDefinition").json()["entry"][0]["resource"]["url"]
        parameters = {"resourceType": "Parameters", "parameter": [
            {"name": "url", "valueUri": url}, {"name": "subject", "valueString": f"Patient/{patient['id']}"},
            {"name": "as_of", "valueDate": "2026-11-22"}, {"name": "data", "resource": bundle},
        ]}  # fmt: skip
        plan = post(client, parameters, "", "/fhir/PlanDefinition/$apply")
        assert plan.status_code == 200, plan.text
        wrong = {**parameters, "parameter": [*parameters["parameter"][:3], {"name": "data", "resource": {
            "resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}, {"resource": {}}],
        }}]}  # fmt: skip
        refused = post(client, wrong, "", "/fhir/PlanDefinition/$apply")
        outcome = [{**each, "record": None} for each in read]
        answers.append((outcome, sorted(plan.json()), refused.status_code, refused.json()["issue"]))
    assert answers[0] == answers[1]


# --------------------------------------------------------------------------------------------------- what can go wrong


def test_a_process_that_is_killed_as_it_works_is_a_503_and_the_next_request_is_answered(
    apart: TestClient, patient: Json, folder: Path
) -> None:
    assert post(apart, patient).status_code == 200
    process = idle(apart).process_id
    os.kill(process, signal.SIGSTOP)
    answers: list[httpx2.Response] = []
    asking = threading.Thread(target=lambda: answers.append(post(apart, patient)))
    records = open_records(f"sqlite:///{folder / 'apart.sqlite3'}")
    before = records.head()
    asking.start()
    time.sleep(0.3)
    os.kill(process, signal.SIGKILL)
    asking.join(60)
    assert answers[0].status_code == 503
    assert answers[0].headers["retry-after"] == "5"
    assert answers[0].json()["issue"][0]["details"]["coding"][0]["code"] == "engine-failure"
    assert records.head() == before
    records.close()
    assert post(apart, patient).status_code == 200
    assert idle(apart).process_id != process


def test_a_process_that_hangs_is_ended_in_time(rules: Path, folder: Path, patient: Json) -> None:
    with service(rules, folder / "hang.sqlite3", large_body=1, answer_seconds=1.0) as client:
        until(lambda: post(client, patient).status_code == 200)  # it may take several answers' time to start
        process = idle(client).process_id
        os.kill(process, signal.SIGSTOP)
        late = post(client, patient)
        assert (late.status_code, late.json()["issue"][0]["code"]) == (503, "timeout")
        until(lambda: not is_there(process))
        until(lambda: post(client, patient).status_code == 200)


def test_a_process_without_memory_ends_and_another_one_answers(apart: TestClient, patient: Json) -> None:
    import resource

    assert post(apart, patient).status_code == 200
    process = idle(apart).process_id
    in_use = int(re.search(r"VmSize:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[1]) * 1024  # type: ignore[index]
    resource.prlimit(process, resource.RLIMIT_AS, (in_use + 1_000_000, in_use + 1_000_000))
    assert post(apart, padded(json.dumps(patient).encode(), 15_000_000)).status_code == 503
    assert post(apart, patient).status_code == 200
    assert idle(apart).process_id != process


def test_a_process_that_cannot_start_is_a_503_for_as_long_as_it_cannot(
    rules: Path, folder: Path, patient: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluator, "PROCESS", "cds.there_is_no_such_module")
    with service(rules, folder / "start.sqlite3", large_body=1) as client:
        for _ in range(2):
            assert post(client, patient).json()["issue"][0]["details"]["coding"][0]["code"] == "engine-failure"
        monkeypatch.setattr(evaluator.sys, "executable", "/nowhere/python")
        assert post(client, patient).status_code == 503


def test_a_worn_process_is_replaced(apart: TestClient, patient: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    assert post(apart, patient).status_code == 200
    first = idle(apart)
    monkeypatch.setattr(pool, "WORN_AFTER", first.asked + 1)
    assert post(apart, patient).status_code == 200
    assert idle(apart).process_id != first.process_id
    assert not is_there(first.process_id)
    assert post(apart, patient).status_code == 200


def test_who_cannot_record_gives_out_what_says_so(
    apart: TestClient, patient: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = apart.app.state.runtime  # type: ignore[attr-defined]

    def full(*_: object) -> None:
        raise RecordsUnavailable("the disk is full")

    monkeypatch.setattr(runtime.records, "append_prepared", full)
    refused = post(apart, patient)
    assert (refused.status_code, refused.json()["issue"][0]["details"]["coding"][0]["code"]) == (
        503, "records-unavailable",
    )  # fmt: skip
    lenient = runtime.settings.model_copy(update={"recording": "when-possible"})
    monkeypatch.setattr(type(runtime), "settings", lenient)
    given = post(apart, patient)
    assert given.headers["cds-record"] == "none"
    assert given.json()["issues"][-1]["code"] == "not-recorded"


def is_there(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def until(what: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)


# ------------------------------------------------------------------------------------------------- the rules in force


def test_other_rules_are_those_of_the_processes_at_once(
    apart: TestClient, rules: Path, tmp_path: Path, patient: Json
) -> None:
    copy = tmp_path / rules.name
    shutil.copytree(rules, copy)
    file = copy / "ruleset.yaml"
    file.write_text(re.sub(r"(?m)^(  version: ).*$", r'\g<1>"9.9.9"', file.read_text()))
    evaluations = apart.app.state.runtime.evaluations  # type: ignore[attr-defined]
    old, new = evaluations.rules, load_rules(copy)
    assert post(apart, patient).json()["rule_set"]["digest"] == old.digest
    process = idle(apart).process_id
    evaluations.replace(new)
    assert not is_there(process)
    told = post(apart, patient).json()["rule_set"]
    assert (told["version"], told["digest"]) == ("9.9.9", new.digest)
    evaluations.replace(old)
    assert post(apart, patient).json()["rule_set"]["digest"] == old.digest


def test_an_answer_by_other_rules_is_no_answer() -> None:
    with pytest.raises(EngineFailure, match="by other rules"):
        pool._made(Answered(b"{}", "their digest", None), "our digest")


def test_no_advice_crosses_as_itself() -> None:
    for kind in (EngineDisagreement, EngineFailure, DurableRulesUnavailable, NoAdvice):
        with pytest.raises(kind, match="its words") as raised:
            pool._made(NotAdvised(kind.code, "its words"), "")
        assert type(raised.value) is kind
    with pytest.raises(NoAdvice):
        pool._made(NotAdvised("a code that nobody knows", ""), "")


def test_a_defect_is_logged_where_it_arose_and_told(caplog: pytest.LogCaptureFixture) -> None:
    class Failing:
        def evaluated(self, asked: Asked) -> None:
            raise KeyError("a name of a patient")

    start = Start(load_rules(), Limits(), Making(recorded=True))
    question = Question(Asked(b"", dt.date(2026, 11, 22)), "", Author("x"), None, 1.0)
    reply = reply_to(question, start, Failing())  # type: ignore[arg-type]
    assert reply == Broken()
    assert "KeyError at tests.service.test_large" in caplog.text
    assert "name of a patient" not in caplog.text
    with pytest.raises(RuntimeError, match="defect"):
        pool._made(reply, "")


# ----------------------------------------------------------------------------------------------- the process by itself


def test_a_process_inherits_no_port_and_no_database_and_lets_small_requests_go_first(
    apart: TestClient, patient: Json
) -> None:
    assert post(apart, patient).status_code == 200
    process = idle(apart).process_id
    held = [os.readlink(each) for each in Path(f"/proc/{process}/fd").iterdir() if each.exists()]
    assert sum(each.startswith("socket:") for each in held) == 1
    assert not any("sqlite" in each for each in held)
    assert os.getpriority(os.PRIO_PROCESS, process) == os.getpriority(os.PRIO_PROCESS, 0) + 10
    assert os.getsid(process) == process


def test_signals_for_the_service_do_not_end_a_process(apart: TestClient, patient: Json) -> None:
    assert post(apart, patient).status_code == 200
    process = idle(apart).process_id
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(process, each)
    assert post(apart, patient).status_code == 200
    assert idle(apart).process_id == process


def test_after_the_end_no_process_is_started(rules: Path) -> None:
    large = LargeBodies(Start(load_rules(rules), Limits(), Making(recorded=False)), processes=1, queue=0, seconds=1)
    large.close()
    large.begin()
    with pytest.raises(EngineFailure, match="the service ends"):
        large._fitting(None)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_its_service(
    repository: Path, tmp_path: Path, patient: Json, ending: signal.Signals
) -> None:
    from tests.service.test_processes import serve

    with serve(repository, tmp_path, CDS_LARGE_BODY="1") as serving:
        serving.ask("/evaluate", patient)
        everyone = map(int, filter(str.isdigit, os.listdir("/proc")))
        family = {pid for pid in everyone if serving.process.pid in above(pid)}
        assert any(b"cds.service.large" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in family)
        serving.process.send_signal(ending)
        serving.process.wait(60)
        until(lambda: not any(is_there(pid) for pid in family))


def above(pid: int) -> set[int]:
    """The processes from which one descends."""
    found: set[int] = set()
    while pid > 1 and (status := Path(f"/proc/{pid}/stat")).exists():
        pid = int(status.read_text().rpartition(")")[2].split()[1])
        found.add(pid)
    return found


def test_the_rules_cross_unchanged(rules: Path) -> None:
    read = load_rules(rules)
    here, there = Pipe()
    with here, there:
        threading.Thread(target=here.send, args=(read,), daemon=True).start()
        crossed: RuleSet = there.recv()
    assert crossed == read
    assert crossed.digest == read.digest
