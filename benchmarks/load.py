"""Load on a running service of this machine: every answer is checked, and so is every record.

    python benchmarks/load.py rates                    percentiles, beside an echo, an evaluation alone and 1.5 MB ones
    python benchmarks/load.py faults --minutes 10      good, bad and hostile requests while workers are killed
    python benchmarks/load.py memory --requests 5000   the same requests to one worker that lives on, and its memory

It starts the services itself, on the loopback interface, with a database of their own, and ends them. Absolute times
move two- to threefold from run to run: trust the ratios of one run. Needs the extra `test`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

AS_OF = "2026-11-22"
LARGE = 1_500_000
MOST_AT_ONCE = 16
JSON = {"content-type": "application/json"}
ECHO = '''
import sys
import orjson, uvicorn
from fastapi import FastAPI, Request, Response

app = FastAPI()

@app.post("/evaluate")
async def echo(request: Request) -> Response:
    return Response(orjson.dumps(orjson.loads(await request.body())), media_type="application/json")

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
'''


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def service(folder: Path, *options: str, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`cds serve` with records in a folder; yields the process and its address."""
    environment = {**os.environ, "CDS_DATABASE": f"sqlite:///{folder / 'records.sqlite3'}", **settings}
    command = [sys.executable, "-m", "cds", "serve", "--port", "0", *options]
    with (
        (folder / "log.txt").open("a") as log,
        subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as running,
    ):
        try:
            assert running.stdout is not None
            yield running, running.stdout.readline().strip().rstrip("/")
        finally:
            running.terminate()
            running.wait(60)


@contextmanager
def echo_server(folder: Path) -> Iterator[str]:
    port = free_port()
    (folder / "echo.py").write_text(ECHO)
    with subprocess.Popen([sys.executable, str(folder / "echo.py"), str(port)]) as running:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_up(address + "/openapi.json")
            yield address
        finally:
            running.terminate()


def wait_until_up(url: str) -> None:
    for _ in range(600):
        try:
            if httpx2.get(url, timeout=2).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def percentiles(seconds: list[float]) -> str:
    cuts = statistics.quantiles(sorted(seconds), n=100)
    return f"p50 {cuts[49] * 1e3:.1f} ms, p95 {cuts[94] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms"


def large_of(small: bytes) -> bytes:
    """The small bundle with heart rates that no rule reads, until it has 1.5 MB."""
    bundle = json.loads(small)
    patient = next(e["fullUrl"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")
    size, number = len(small), 0
    while size < LARGE:
        number += 1
        entry = {
            "fullUrl": f"https://ehr.example.org/fhir/Observation/filler-{number}",
            "resource": {
                "resourceType": "Observation", "id": f"filler-{number}", "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
                "subject": {"reference": patient}, "effectiveDateTime": "2026-10-01T08:00:00Z",
                "valueQuantity": {"value": 60 + number % 40, "unit": "/min", "system": "http://unitsofmeasure.org",
                                  "code": "/min"},
            },
        }  # fmt: skip
        bundle["entry"].append(entry)
        size += len(json.dumps(entry)) + 2
    return json.dumps(bundle).encode()


# -------------------------------------------------------------------------------------------------------------- rates


async def timed(client: httpx2.AsyncClient, url: str, body: bytes, check: Callable[[bytes], bool]) -> float:
    start = time.perf_counter()
    response = await client.post(url, content=body, headers=JSON)
    taken = time.perf_counter() - start
    if response.status_code != 200 or not check(response.content):
        raise SystemExit(f"a wrong answer: status {response.status_code}, {response.content[:200]!r}")
    return taken


async def measure(
    url: str, body: bytes, check: Callable[[bytes], bool], *, seconds: float, at_once: int
) -> list[float]:
    """The seconds of each request, from `at_once` clients that send one after the other."""
    taken: list[float] = []
    async with httpx2.AsyncClient(timeout=120, trust_env=False) as client:
        for _ in range(5):
            await timed(client, url, body, check)
        end = time.perf_counter() + seconds

        async def small() -> None:
            while time.perf_counter() < end:
                taken.append(await timed(client, url, body, check))

        await asyncio.gather(*(small() for _ in range(at_once)))
        return taken


def keep_sending(url: str, body: bytes, seconds: float) -> list[float]:
    """The seconds of each request of one client that sends one after the other."""
    taken = []
    end = time.perf_counter() + seconds
    with httpx2.Client(timeout=120, trust_env=False) as client:
        while time.perf_counter() < end:
            start = time.perf_counter()
            response = client.post(url, content=body, headers=JSON)
            taken.append(time.perf_counter() - start)
            if response.status_code != 200:
                raise SystemExit(f"a wrong answer: status {response.status_code}, {response.content[:200]!r}")
    return taken


@contextmanager
def in_process(body: bytes, folder: Path) -> Iterator[Callable[[float], tuple[list[float], list[float]]]]:
    """What measures for some seconds: those of each evaluation by both engines with its JSON, and of each record with
    its commit.
    """
    import datetime as dt

    from cds.api import answered
    from cds.records import Decision, open_records
    from cds.ruleset import load_rules

    rules = load_rules()
    records = open_records(f"sqlite:///{folder / 'alone.sqlite3'}")
    answered(body, as_of=dt.date.fromisoformat(AS_OF), rules=rules)
    # As the service does once it is warm.
    gc.collect()
    gc.freeze()

    def measured(seconds: float) -> tuple[list[float], list[float]]:
        evaluations, commits = [], []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(commits) < 5:
            start = time.perf_counter()
            case, answer = answered(body, as_of=dt.date.fromisoformat(AS_OF), rules=rules)
            content = answer.model_dump_json(by_alias=True).encode()
            middle = time.perf_counter()
            engines = {"reference": answer.engines.reference}
            rule_set = answer.rule_set.model_dump(mode="json")
            records.append_decision(Decision(case, content, "decision", rule_set, engines, "benchmark"))
            evaluations.append(middle - start)
            commits.append(time.perf_counter() - middle)
        return evaluations, commits

    yield measured
    records.close()


def rates(arguments: argparse.Namespace) -> int:
    body = next(iter(sorted((REPOSITORY / "fhir_examples").glob("*/bundle.json")))).read_bytes()
    large = large_of(body)
    query = f"/evaluate?as_of={AS_OF}"
    seconds = arguments.seconds
    taken: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="cds-load-") as name:
        folder = Path(name)
        with (
            in_process(body, folder) as alone,
            echo_server(folder) as echo,
            service(folder, "--workers", str(arguments.workers)) as (_, address),
        ):
            expected = httpx2.post(address + query, content=body, headers=JSON, timeout=60).content

            def same(got: bytes) -> bool:
                return got == expected

            def echoed(got: bytes) -> bool:
                return orjson.loads(got) == orjson.loads(body)

            for _ in range(arguments.rounds):
                evaluations, records = alone(seconds)
                taken["evaluation"] += evaluations
                taken["record"] += records
                taken["echo"] += asyncio.run(measure(echo + query, body, echoed, seconds=seconds, at_once=1))
                for clients in sorted({1, arguments.workers}):
                    measured = measure(address + query, body, same, seconds=seconds, at_once=clients)
                    taken[f"service, clients: {clients}"] += asyncio.run(measured)
        for what, each in taken.items():
            print(f"{what}: {len(each)}, {percentiles(each)}")
        parts = sum(statistics.median(taken[what]) for what in ("echo", "evaluation", "record"))
        request = statistics.median(taken["service, clients: 1"])
        print(f"one request / (echo + evaluation + record) = {request / parts:.2f}")
        beside_large(folder, query, body, large, expected, arguments)
    return 0


def beside_large(
    folder: Path, query: str, body: bytes, large: bytes, expected: bytes, arguments: argparse.Namespace
) -> None:
    """Small requests alone and beside large ones, in turns, where large ones have a process of their own and where not.

    One worker each: of several it is chance whether the two clients meet at one.
    """

    def same(got: bytes) -> bool:
        return got == expected

    def alone(address: str) -> list[float]:
        seconds = arguments.seconds
        return asyncio.run(measure(address + query, body, same, seconds=seconds, at_once=1))

    with (
        service(folder, "--workers", "1") as (_, apart),
        service(folder, "--workers", "1", CDS_LARGE_PROCESSES="0") as (_, within),
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as another,
    ):
        places = {"in a process of their own": apart, "in the worker": within}
        taken: dict[tuple[str, str], list[float]] = defaultdict(list)
        for address in places.values():
            another.submit(keep_sending, address + query, large, 1.0).result()
        for _ in range(arguments.rounds):
            for name, address in places.items():
                taken[name, "alone"] += alone(address)
                larger = another.submit(keep_sending, address + query, large, arguments.seconds)
                taken[name, "beside"] += alone(address)
                taken[name, "large"] += larger.result()
        for name in places:
            print(f"large ones {name}: {len(taken[name, 'large'])}, {percentiles(taken[name, 'large'])}")
            for what in ("alone", "beside"):
                print(f"  small ones {what}: {len(taken[name, what])}, {percentiles(taken[name, what])}")
            beside, before = (statistics.quantiles(taken[name, what], n=100) for what in ("beside", "alone"))
            told = ", ".join(f"p{cut} {beside[cut - 1] / before[cut - 1]:.2f}" for cut in (50, 95, 99))
            print(f"  beside / alone: {told}")


# ------------------------------------------------------------------------------------------------------------- faults


@dataclass
class Seen:
    """What became of the requests of one run."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    kills: int = 0


Request = tuple[str, str, bytes, dict[str, str], Callable[[httpx2.Response], bool]]


def is_outcome(*statuses: int) -> Callable[[httpx2.Response], bool]:
    def check(response: httpx2.Response) -> bool:
        return response.status_code in statuses and response.json().get("resourceType") == "OperationOutcome"

    return check


def requests_of(expected: dict[bytes, Any]) -> list[Request]:
    """Good, bad and hostile requests, each with what a right answer to it is."""

    def right(body: bytes) -> Callable[[httpx2.Response], bool]:
        return lambda got: got.status_code == 200 and orjson.loads(got.content) == expected[body]

    def right_lines(body: bytes) -> Callable[[httpx2.Response], bool]:
        def check(got: httpx2.Response) -> bool:
            one, two, three = (orjson.loads(line) for line in got.content.splitlines())
            return one["answer"] == three["answer"] == expected[body] and two["status"] == 400

        return check

    good = list(expected)
    query = f"/evaluate?as_of={AS_OF}"
    made: list[Request] = [("good", query, body, JSON, right(body)) for body in good]
    first = min(good, key=len)
    line = orjson.dumps({"bundle": orjson.loads(first), "as_of": AS_OF})
    made += [
        ("batch", "/evaluate/batch", b"\n".join((line, b"{", line)), {"content-type": "application/x-ndjson"},
         right_lines(first)),
        ("cut", query, first[: len(first) // 2], JSON, is_outcome(400)),
        ("no bundle", query, b'{"resourceType":"Patient"}', JSON, is_outcome(422)),
        ("another phase", f"{query}&phase=x", first, JSON, is_outcome(400)),
        ("another type", query, first, {"content-type": "text/plain"}, is_outcome(415)),
        ("xml", query, first, {**JSON, "accept": "application/xml"}, is_outcome(406)),
        ("deep", query, b'{"a":' * 100_000, JSON, is_outcome(400)),
        ("long number", query, b'{"a":' + b"9" * 100_000 + b"}", JSON, is_outcome(400, 422)),
        ("too large", query, b" " * 20_000_001, JSON, is_outcome(413)),
        ("many keys", query, b"{" + b",".join(b'"%d":1' % n for n in range(50_000)) + b"}", JSON, is_outcome(422)),
        ("twice", query, b'{"a":1,"a":2}', JSON, is_outcome(400)),
        ("another place", "/../../etc/passwd", b"", JSON, is_outcome(404, 405)),
        ("long address", "/board/" + "x" * 5000, b"", JSON, is_outcome(404, 405)),
    ]  # fmt: skip
    return made


async def send(client: httpx2.AsyncClient, address: str, request: Request, seen: Seen) -> None:
    name, path, body, headers, check = request
    try:
        response = await client.post(address + path, content=body, headers=headers)
    except httpx2.TransportError:
        seen.outcomes["connection lost"] += 1
        return
    record = response.headers.get("cds-record")
    if record is not None:
        seen.records.append(record)
    if name == "batch":
        lines = [orjson.loads(line) for line in response.content.splitlines()]
        seen.records += [line["record"] for line in lines if "record" in line]
    if response.status_code == 503 and is_outcome(503)(response):
        seen.outcomes["503"] += 1
    elif check(response):
        seen.outcomes[name] += 1
    else:
        seen.wrong.append(f"{name}: status {response.status_code}, {response.content[:300]!r}")


POSTED = b"POST /evaluate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
BROKEN = (
    b"", b"GET", b"\x16\x03\x01\x00\xa5\x01", POSTED + b"Content-Length: 99\r\n\r\n{",
    POSTED + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
)  # fmt: skip


async def hostile_connections(address: str, end: float, chance: random.Random) -> None:
    """Connections that stop in the middle, never speak, or speak nonsense."""
    place = urlsplit(address)
    while time.monotonic() < end:
        try:
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
            writer.write(chance.choice(BROKEN))
            await writer.drain()
            await asyncio.sleep(chance.uniform(0, 2))
            writer.close()
            del reader
        except OSError:
            await asyncio.sleep(0.2)


def workers_of(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def family_of(parent: int) -> dict[int, bytes]:
    """The processes of a service, each with its command."""
    found: dict[int, bytes] = {}
    waiting = [parent]
    while waiting:
        pid = waiting.pop()
        try:
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes()
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:
            continue  # it ended meanwhile
    return found


def kilobytes_of(pid: int, file: str, name: str) -> int:
    """What a process says of its memory under a name; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def memory_of(parent: int) -> int:
    """Kilobytes of all processes of a service, shared pages counted once."""
    return sum(kilobytes_of(pid, "smaps_rollup", "Pss") for pid in family_of(parent))


async def disturb(parent: int, seen: Seen, end: float, every: float, chance: random.Random) -> None:
    """Kill a worker, or one of the processes beside it, now and then, and note the memory of all."""
    begun = time.monotonic()
    following = begun + every
    while time.monotonic() < end:
        await asyncio.sleep(5)
        seen.memory.append((time.monotonic() - begun, memory_of(parent)))
        if time.monotonic() >= following and end - time.monotonic() > every:
            following += every
            try:
                beside = [pid for pid, command in family_of(parent).items() if b"cds.service.large" in command]
                os.kill(chance.choice([*workers_of(parent), *beside]), signal.SIGKILL)
                seen.kills += 1
            except (OSError, IndexError):
                continue  # it ended meanwhile


async def flood(address: str, parent: int, arguments: argparse.Namespace, expected: dict[bytes, Any]) -> Seen:
    seen, chance = Seen(), random.Random(arguments.seed)
    end = time.monotonic() + arguments.minutes * 60
    made = requests_of(expected)
    good, others = [each for each in made if each[0] == "good"], [each for each in made if each[0] != "good"]
    async with httpx2.AsyncClient(timeout=60, trust_env=False) as client:

        async def one() -> None:
            while time.monotonic() < end:
                await send(client, address, chance.choice(good if chance.random() < 0.6 else others), seen)

        await asyncio.gather(
            *(one() for _ in range(arguments.clients)),
            hostile_connections(address, end, chance),
            disturb(parent, seen, end, arguments.kill_every, chance),
        )
    return seen


def expected_of(bodies: list[bytes]) -> dict[bytes, Any]:
    """The right answer to each body."""
    import datetime as dt

    from cds.api import evaluate

    day = dt.date.fromisoformat(AS_OF)
    return {body: orjson.loads(evaluate(body, as_of=day).model_dump_json(by_alias=True)) for body in bodies}


def faults(arguments: argparse.Namespace) -> int:
    from cds.records import open_records

    bodies = [file.read_bytes() for file in sorted((REPOSITORY / "fhir_examples").glob("0*/bundle.json"))[:4]]
    expected = expected_of([*bodies, large_of(bodies[0])])
    with tempfile.TemporaryDirectory(prefix="cds-load-") as name:
        folder = Path(name)
        with service(folder, "--workers", "2", CDS_BODY_SECONDS="5") as (running, address):
            seen = asyncio.run(flood(address, running.pid, arguments, expected))
        records = open_records(f"sqlite:///{folder / 'records.sqlite3'}")
        kept, after = set(), 0
        while page := records.entries("decision", after=after):
            kept |= {entry.id for entry in page}
            after = page[-1].number
        broken = list(records.verify(records.head()))
        records.close()
        log = (folder / "log.txt").read_text()
    lost = [record for record in seen.records if record not in kept]
    for what, count in sorted(seen.outcomes.items()):
        print(f"{what:16} {count}")
    print(f"workers killed {seen.kills}; requests {sum(seen.outcomes.values())}; wrong {len(seen.wrong)}")
    print(f"answers {len(seen.records)}; without their record {len(lost)}")
    print(f"records {len(kept)}; faults of the chain {len(broken)}")
    settled = [kilobytes for seconds, kilobytes in seen.memory if seconds > 30]
    if len(settled) >= 8:
        early, late = settled[: len(settled) // 4], settled[-len(settled) // 4 :]
        print(f"memory of all processes: {statistics.median(early) / 1e3:.0f} MB in the first quarter, "
              f"{statistics.median(late) / 1e3:.0f} MB in the last, {max(settled) / 1e3:.0f} MB at most")  # fmt: skip
    print(f"tracebacks in the log: {log.count('Traceback')}")
    for event, count in Counter(re.findall(r'"level": "error", .*?"event": "([^"]*)', log)).items():
        print(f"logged: {event}: {count}")
    for text in seen.wrong[:5]:
        print(text)
    return 1 if seen.wrong or lost or broken or not seen.records else 0


# ------------------------------------------------------------------------------------------------------------- memory


POINTS = 10


def memory(arguments: argparse.Namespace) -> int:
    """Requests of every kind to one worker that lives on; the memory of each of its processes at ten points."""
    bodies = [file.read_bytes() for file in sorted((REPOSITORY / "fhir_examples").glob("*/bundle.json"))]
    body = large_of(bodies[0])
    made = requests_of(expected_of([*bodies, body]))
    seen, chance = Seen(), random.Random(arguments.seed)
    large = [each for each in made if each[2] is body]
    small = [each for each in made if each[0] == "good" and each[2] is not body]
    others = [each for each in made if each[0] != "good"]

    def one_of() -> Request:
        kind = chance.random()
        return chance.choice(large if kind < 0.03 else small if kind < 0.6 else others)

    async def ask(address: str, pid: int) -> None:
        async with httpx2.AsyncClient(timeout=120, trust_env=False) as client:

            async def some(count: int) -> None:
                for _ in range(count):
                    await send(client, address, one_of(), seen)

            async def several(count: int) -> None:
                await asyncio.gather(*(some(count // arguments.clients) for _ in range(arguments.clients)))

            # Until the worker has built what it builds once, and the process for large bodies is there.
            await several(arguments.requests // 10)
            start = time.monotonic()
            for point in range(POINTS + 1):
                if point:
                    await several(arguments.requests // POINTS)
                told = ", ".join(f"{name} {size / 1e3:.1f}" for name, size in sizes_of(pid).items())
                asked, seconds = sum(seen.outcomes.values()), time.monotonic() - start
                print(f"{asked:>7} requests, {seconds:5.0f} s; MB: {told}", flush=True)

    with tempfile.TemporaryDirectory(prefix="cds-load-") as name:
        settings = {"CDS_BODY_SECONDS": "5", **dict(each.split("=", 1) for each in arguments.set)}
        with service(Path(name), "--workers", "1", **settings) as (running, address):
            asyncio.run(ask(address, running.pid))
    for what, count in sorted(seen.outcomes.items()):
        print(f"{what:16} {count}")
    for text in seen.wrong[:5]:
        print(text)
    return 1 if seen.wrong else 0


ROLES = {
    b"cds.service.large": "for large bodies", b"forward_chaining": "durable-rules", b"serve": "the worker",
}  # fmt: skip


def sizes_of(pid: int) -> dict[str, int]:
    """The resident kilobytes of the processes of a service, by what they do."""
    sizes: Counter[str] = Counter()
    for each, command in family_of(pid).items():
        role = next((name for mark, name in ROLES.items() if mark in command), "other")
        sizes[role] += kilobytes_of(each, "status", "VmRSS")
    return dict(sorted(sizes.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(required=True)
    one = kinds.add_parser("rates")
    one.add_argument("--seconds", type=float, default=5.0, help="how long each is measured in its turn (default: 5)")
    one.add_argument("--rounds", type=int, default=3, help="turns (default: 3)")
    one.add_argument("--workers", type=int, choices=range(1, MOST_AT_ONCE + 1), default=2, metavar="N")
    one.set_defaults(run=rates)
    two = kinds.add_parser("faults")
    two.add_argument("--minutes", type=float, default=1.0, help="how long (default: 1; at most 60)")
    two.add_argument("--clients", type=int, choices=range(1, MOST_AT_ONCE + 1), default=4, metavar="N")
    two.add_argument("--kill-every", type=float, default=20.0, help="seconds between two killed workers (default: 20)")
    two.add_argument("--seed", type=int, default=1)
    two.set_defaults(run=faults)
    three = kinds.add_parser("memory")
    three.add_argument("--requests", type=int, default=3000, help="how many after a tenth of that (default: 3000)")
    three.add_argument("--clients", type=int, choices=range(1, MOST_AT_ONCE + 1), default=2, metavar="N")
    three.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the service")
    three.add_argument("--seed", type=int, default=1)
    three.set_defaults(run=memory)
    arguments = parser.parse_args()
    if getattr(arguments, "minutes", 0) > 60:
        parser.error("--minutes: 60 at most")
    return int(arguments.run(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
