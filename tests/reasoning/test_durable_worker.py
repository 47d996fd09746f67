"""The worker process: whatever happens to it, one request gets no answer and the next one gets a fresh worker."""

from __future__ import annotations

import datetime as dt
import gc
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Generator
from fractions import Fraction
from pathlib import Path

import pytest

from cds.case import Fact, Known, assemble
from cds.errors import EngineFailure
from cds.language.syntax import Comparison, Expression, FactReference, NumberLiteral, Or
from cds.language.types import BooleanType, NumberType
from cds.quantities import Interval
from cds.reasoning.contexts import Contexts, contexts_of
from cds.reasoning.durable_compat import load_durable_engine
from cds.reasoning.forward_chaining import DurableRulesEngine, process
from cds.reasoning.forward_chaining.encoding import ruleset_of
from cds.reasoning.forward_chaining.lowering import All, Atom, FactAttribute, Formula, Some
from cds.reasoning.forward_chaining.process import Worker
from cds.reasoning.forward_chaining.worker import Rules
from cds.ruleset.program import Criterion, Program
from cds.truth import Truth
from cds.vocabulary import FactDefinition, FactKind, Level, Vocabulary

COUNT = 30
VOCABULARY = Vocabulary(
    {
        (Level.PATIENT, name): FactDefinition(Level.PATIENT, name, FactKind.FINDING, type_, name)
        for name, type_ in {"frail": BooleanType(), **{f"n{i}": NumberType(1) for i in range(COUNT)}}.items()
    },
    {},
    {},
    {},
)


def above(index: int, limit: int) -> Expression:
    return Comparison(">", FactReference("patient", f"n{index}"), NumberLiteral(Fraction(limit), 0))


PROGRAM = Program(
    "decision",
    (
        Criterion("frail", Level.PATIENT, FactReference("patient", "frail")),
        *(Criterion(f"C{i}", Level.PATIENT, Or(above(i, i), above(i - 1, 5))) for i in range(1, COUNT)),
    ),
    {},
    VOCABULARY,
)


def patient(**values: bool | int) -> Contexts:
    known = {
        name: Fact(Known(value if isinstance(value, bool) else Interval.point(Fraction(value))))
        for name, value in values.items()
    }
    return contexts_of(assemble(VOCABULARY, as_of=dt.date(2026, 1, 1), patient=known, lesions=()))


FRAIL = patient(frail=True)


def frail(engine: DurableRulesEngine) -> Truth:
    return engine.decide(PROGRAM, FRAIL)["frail", "patient"]


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def pid_of(engine: DurableRulesEngine) -> int:
    process_id = engine.worker_process_id
    assert process_id is not None
    return process_id


@pytest.fixture
def engine() -> Generator[DurableRulesEngine, None, None]:
    engine = DurableRulesEngine()
    yield engine
    engine.close()


# ------------------------------------------------------------------------------------------------- failures


def test_a_worker_that_was_killed_between_requests_costs_one_request(engine: DurableRulesEngine) -> None:
    assert frail(engine) is Truth.TRUE
    killed = pid_of(engine)
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(EngineFailure, match="was ended by signal 9"):
        frail(engine)
    assert frail(engine) is Truth.TRUE
    assert pid_of(engine) != killed and not is_running(killed)


def test_a_worker_that_is_killed_during_a_request_fails_that_request() -> None:
    engine = DurableRulesEngine(time_limit=20)
    frail(engine)
    killed = pid_of(engine)
    os.kill(killed, signal.SIGSTOP)
    killer = threading.Timer(0.2, os.kill, (killed, signal.SIGKILL))
    killer.start()
    with pytest.raises(EngineFailure, match="was ended by signal 9"):
        frail(engine)
    killer.join()
    assert frail(engine) is Truth.TRUE
    engine.close()


def test_a_worker_that_does_not_answer_in_time_is_ended() -> None:
    engine = DurableRulesEngine(time_limit=0.3)
    engine.prepare(PROGRAM)
    stopped = pid_of(engine)
    os.kill(stopped, signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(EngineFailure, match=r"did not answer within 0\.3 s"):
        frail(engine)
    assert time.monotonic() - started < 5
    assert not is_running(stopped)
    assert frail(engine) is Truth.TRUE
    engine.close()


def test_a_large_request_to_a_worker_that_does_not_read_ends_in_time() -> None:
    worker = Worker(30)
    os.kill(worker.process_id, signal.SIGSTOP)
    with pytest.raises(EngineFailure, match=r"did not answer within 0\.2 s"):
        worker.evaluate({}, [("none", {f"a{n}": n}) for n in range(50_000)], 0.2)
    worker.end()


def test_a_worker_that_raises_says_where_and_never_what_a_patient_has() -> None:
    worker = Worker(30)
    with pytest.raises(EngineFailure) as raised:
        worker.evaluate({}, [("no such ruleset", {"lesion_depth_low": 123456789})], 10)
    assert "ended with status 1" in str(raised.value)
    assert "KeyError at" in str(raised.value)
    assert "123456789" not in str(raised.value) and "lesion_depth" not in str(raised.value)
    worker.end()


def test_a_request_that_is_no_request_ends_the_worker() -> None:
    worker = Worker(30)
    with pytest.raises(EngineFailure, match="JSONDecodeError"):
        worker._exchange(b"\x00\x00\x00\x05{what", 10)
    worker.end()


def test_a_rule_that_the_engine_refuses_is_a_failure_with_its_number() -> None:
    worker = Worker(30)
    with pytest.raises(EngineFailure, match="Could not create ruleset, error code: 1"):
        worker.evaluate({"broken": {"begin": {"nonsense": []}}}, [], 10)
    worker.end()


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (b"\x00\x00\x00\x02{}", "something else than that it is ready"),
        (b"\x00\x00\x00\x02[]", "not an object"),
        (b"\x00\x00\x00\x03abc", "not JSON"),
        (b"\xff\xff\xff\xffabc", "more than it was asked"),
        (b"\x00\x00\x00\x02{}{}", "more than it was asked"),
        (b"\x00", "ended with status 0"),
    ],
)
def test_a_worker_that_says_something_odd_is_not_used(
    says: bytes, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "odd.py").write_text(f"import os\nos.write(1, {says!r})\n")
    monkeypatch.setattr(process, "WORKER", "odd")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(EngineFailure, match=message):
        Worker(10)


@pytest.mark.parametrize(
    "answer",
    [
        {"number": 2, "fired": [["begin", "end"]]},
        {"number": 1, "fired": []},
        {"number": 1, "fired": [["begin", 7]]},
        {"number": 1, "fired": ["begin"]},
        {"number": 1},
    ],
)
def test_an_answer_to_something_else_is_a_failure(
    answer: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = """
import json, os, sys
def say(message):
    body = json.dumps(message).encode()
    os.write(1, len(body).to_bytes(4, "big") + body)
say({"ready": True})
os.read(0, 10000)
say(ANSWER)
os.read(0, 1)
"""
    (tmp_path / "odd.py").write_text(script.replace("ANSWER", repr(answer)))
    monkeypatch.setattr(process, "WORKER", "odd")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker = Worker(10)
    with pytest.raises(EngineFailure, match="answered something else"):
        worker.evaluate({}, [("r", {})], 10)
    worker.end()


def test_an_engine_that_stops_early_gives_no_answer_and_gets_no_second_chance(
    engine: DurableRulesEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    frail(engine)
    distrusted = pid_of(engine)
    asked = Worker.evaluate

    def cut_short(self: Worker, *arguments: object) -> list[list[str]]:
        return [fired[:-1] for fired in asked(self, *arguments)]

    with monkeypatch.context() as patched:
        patched.setattr(Worker, "evaluate", cut_short)
        with pytest.raises(EngineFailure, match="did not run to the end"):
            frail(engine)
    assert not is_running(distrusted)
    assert frail(engine) is Truth.TRUE


def test_a_criterion_both_true_and_false_gives_no_answer(
    engine: DurableRulesEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    frail(engine)
    distrusted = pid_of(engine)
    asked = Worker.evaluate

    def everything(self: Worker, load: object, evaluations: object, limit: float) -> list[list[str]]:
        fired = asked(self, load, evaluations, limit)
        return [["begin", "r0", "r1", "end"] for _ in fired]

    with monkeypatch.context() as patched:
        patched.setattr(Worker, "evaluate", everything)
        with pytest.raises(EngineFailure, match="both true and false"):
            frail(engine)
    assert not is_running(distrusted)


# ------------------------------------------------------------------------------------------ ends and neighbours


def test_nothing_is_left_after_close(engine: DurableRulesEngine) -> None:
    frail(engine)
    ended = pid_of(engine)
    engine.close()
    assert not is_running(ended), "neither running nor a zombie"
    engine.close()
    assert engine.worker_process_id is None
    assert frail(engine) is Truth.TRUE, "it may be used again"


def test_an_engine_that_is_forgotten_ends_its_worker() -> None:
    engine = DurableRulesEngine()
    frail(engine)
    ended = pid_of(engine)
    del engine
    gc.collect()
    assert not is_running(ended)


def test_a_worker_ends_with_its_input() -> None:
    worker = Worker(30)
    pid = worker.process_id
    assert worker._process.stdin is not None
    worker._process.stdin.close()
    assert worker._process.wait(10) == 0
    worker.end()
    assert not is_running(pid)


def test_an_interrupt_ends_the_conversation(engine: DurableRulesEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    frail(engine)
    interrupted = pid_of(engine)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Worker, "_whole", interrupt)
        with pytest.raises(KeyboardInterrupt):
            frail(engine)
    assert not is_running(interrupted)
    assert frail(engine) is Truth.TRUE


def test_threads_take_turns(engine: DurableRulesEngine) -> None:
    cases = [patient(frail=bool(n % 2), n3=n) for n in range(8)]
    alone = [engine.decide(PROGRAM, case) for case in cases]
    found: dict[int, object] = {}

    def decide(n: int) -> None:
        for _ in range(5):
            found[n] = engine.decide(PROGRAM, cases[n])

    threads = [threading.Thread(target=decide, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[n] for n in range(8)] == alone


def test_a_forked_child_has_a_worker_of_its_own(engine: DurableRulesEngine) -> None:
    frail(engine)
    before = pid_of(engine)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            decided = frail(engine)
            status = 0 if decided is Truth.TRUE and engine.worker_process_id != before else 2
            engine.close()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert frail(engine) is Truth.TRUE and pid_of(engine) == before


def test_a_full_worker_is_replaced(engine: DurableRulesEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    from cds.reasoning.forward_chaining import adapter

    monkeypatch.setattr(adapter, "RULESETS_PER_WORKER", 3)
    seen = set()
    for n in range(8):
        program = Program("decision", (Criterion("C", Level.PATIENT, above(0, n)),), {}, VOCABULARY)
        assert engine.decide(program, patient(n0=4))["C", "patient"] is Truth.of(n < 4)
        seen.add(pid_of(engine))
    assert len(seen) == 3


def test_the_worker_stays_as_large_as_it_is(engine: DurableRulesEngine) -> None:
    numbers = random.Random(7)

    def resident() -> int:
        statm = Path(f"/proc/{pid_of(engine)}/statm")
        if not statm.exists():
            pytest.skip("no /proc")
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def decide(times: int) -> None:
        for _ in range(times):
            known = {f"n{i}": numbers.randrange(-40, 40) for i in numbers.sample(range(COUNT), 15)}
            engine.decide(PROGRAM, patient(**known))

    decide(100)
    before = resident()
    decide(3000)
    assert resident() - before < 5 * 2**20


# ---------------------------------------------------------------------------------------- the loop of the worker


def formula(numbers: random.Random, depth: int) -> Formula:
    if depth == 0 or numbers.random() < 0.3:
        attribute = FactAttribute("patient", f"n{numbers.randrange(8)}", "low")
        return Atom(attribute, numbers.choice(("=", "!=", "<", "<=", ">", ">=")), numbers.randrange(-3, 4))
    parts = tuple(formula(numbers, depth - 1) for _ in range(2))
    return All(parts) if numbers.random() < 0.5 else Some(parts)


def test_the_worker_fires_exactly_what_the_engines_own_host_fires() -> None:
    engine = load_durable_engine()
    numbers = random.Random(11)
    names = {FactAttribute("patient", f"n{n}", "low"): f"patient_n{n}_low" for n in range(8)}
    rules = Rules(engine)
    for ruleset in range(20):
        definition = ruleset_of([formula(numbers, 3) for _ in range(6)], names)
        rules.load(f"mine{ruleset}", definition)
        fired: list[str] = []
        host = type("Quiet", (engine.Host,), {"_run": lambda self: None})()
        host.set_rulesets({f"its{ruleset}": with_actions(definition, fired)})
        for case in range(20):
            facts = {name: numbers.randrange(-4, 5) for name in names.values() if numbers.random() < 0.7}
            fired.clear()
            host.assert_fact(f"its{ruleset}", {"kind_": 1, "sid": f"{case:016d}", **facts})
            host.delete_state(f"its{ruleset}", f"{case:016d}")
            assert rules.fire(f"mine{ruleset}", facts) == fired


def with_actions(definition: object, fired: list[str]) -> dict[str, dict[str, object]]:
    def note(name: str) -> Callable[[object], None]:
        return lambda _: fired.append(name)

    copied: dict[str, dict[str, object]] = json.loads(json.dumps(definition))
    return {name: {**rule, "run": note(name)} for name, rule in copied.items()}
