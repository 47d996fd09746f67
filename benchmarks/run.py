"""What an answer costs, as ratios within one run: absolute times move two- to threefold from run to run.

    python benchmarks/run.py                      everything
    python benchmarks/run.py --seconds 1          a shorter run
    python benchmarks/run.py --gc frozen          as a service runs: what was loaded at the start is not collected
    python benchmarks/run.py --only answers       one group: start, engines, answers or memory
    python benchmarks/run.py --rules FOLDER       another rule set than the shipped one

The large records are made of the corpus: the folder in CDS_CORPUS, or ../shared/fhir-data beside the repository; where
there is none, of a made-up one.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

AS_OF = dt.date(2026, 11, 22)
LARGE = "synthea/Fletcher_Hyatt_fe0562b5-f517-4951-8366-32fdab088930.json"
SIZES: Final = (500_000, 1_600_000, 3_900_000, 10_900_000)
Line = tuple[str, str, str]


def rates(seconds: float, *actions: Callable[[], object]) -> list[float]:
    """The least seconds of each action: what else the machine does only adds to it. They are taken in turns, so that a
    slow moment meets all of them.
    """
    taken: list[list[float]] = [[] for _ in actions]
    for action in actions:
        action()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken[0]) < 3:
        for action, times in zip(actions, taken, strict=True):
            start = time.perf_counter()
            action()
            times.append(time.perf_counter() - start)
    return [min(times) for times in taken]


def shown(seconds: float) -> str:
    """A duration as people read it."""
    return f"{seconds * 1e6:.0f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def records() -> Iterator[tuple[str, bytes]]:
    """A worked example, and large records: real entries, cut off or repeated with other ids until the size is there."""
    for file in sorted((REPOSITORY / "fhir_examples").glob("*/bundle.json"))[:1]:
        yield shown_size(file.stat().st_size), file.read_bytes()
    file = corpus() / LARGE
    entries = json.loads(file.read_bytes())["entry"] if file.is_file() else list(made_up())
    for size in SIZES:
        content = record(entries, size)
        yield shown_size(len(content)), content


def corpus() -> Path:
    """The folder of public records."""
    return Path(os.environ.get("CDS_CORPUS") or REPOSITORY.parent / "shared" / "fhir-data")


def record(entries: list[dict[str, Any]], size: int) -> bytes:
    """A bundle of about this many bytes, indented."""
    texts: list[str] = []
    length = 0
    for number in count():
        for entry in entries:
            if number and entry["resource"]["resourceType"] == "Patient":
                continue
            text = json.dumps(entry, indent=2)
            for its in (entry["fullUrl"], entry["resource"]["id"]) if number else ():
                text = text.replace(f'"{its}"', f'"{its}-{number}"', 1)
            texts.append(text)
            length += len(text)
            if length >= size:
                return ('{"resourceType": "Bundle", "type": "collection", "entry": [' + ",".join(texts) + "]}").encode()
    raise AssertionError("counting does not end")


def made_up() -> Iterator[dict[str, Any]]:
    """A patient with vital signs and encounters, where there is no corpus."""
    subject = {"reference": "urn:uuid:p"}
    resources: list[dict[str, Any]] = [{"resourceType": "Patient", "birthDate": "1957-04-18"}]
    for day in range(1, 29):
        when = f"2026-02-{day:02}T08:00:00+01:00"
        code = {"coding": [{"system": "http://loinc.org", "code": "8302-2", "display": "Body Height"}]}
        value = {"value": 170.25, "unit": "cm", "system": "http://unitsofmeasure.org", "code": "cm"}
        resources.append({
            "resourceType": "Observation", "status": "final", "code": code, "subject": subject,
            "effectiveDateTime": when, "issued": when, "valueQuantity": value,
        })  # fmt: skip
        resources.append({
            "resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, "subject": subject,
            "type": [{"text": "Follow-up"}], "period": {"start": when, "end": when},
        })  # fmt: skip
    for number, resource in enumerate(resources):
        id_ = f"e{number}" if number else "p"
        yield {"fullUrl": f"urn:uuid:{id_}", "resource": {**resource, "id": id_}}


def shown_size(size: int) -> str:
    return f"{size / 1000:.0f} kB" if size < 100_000 else f"{size / 1e6:.1f} MB"


def answers(rules_folder: Path, seconds: float) -> Iterator[Line]:
    """Bytes to recommendation against a plain parse of the same bytes, and the parts of it."""
    import orjson
    from fhir.resources.R4B.bundle import Bundle

    from cds.api import evaluate, read_case
    from cds.intake import Limits
    from cds.intake.acceptance import accepts
    from cds.intake.document import parse_document
    from cds.ruleset import load_rules

    rules = load_rules(rules_folder)
    for size, content in records():
        accepted = accepts(parse_document(content, Limits()))
        parse, strict, whole, library, case, answer, written = rates(
            seconds,
            lambda content=content: orjson.loads(content),
            lambda content=content: parse_document(content, Limits()),
            lambda content=content: accepts(parse_document(content, Limits())),
            lambda content=content: Bundle.model_validate(orjson.loads(content)),
            lambda content=content: read_case(content, as_of=AS_OF, rules=rules),
            lambda content=content: evaluate(content, as_of=AS_OF, rules=rules),
            lambda content=content: evaluate(content, as_of=AS_OF, rules=rules).model_dump_json(by_alias=True),
        )
        fast = f", {library / whole:.0f} x faster than fhir.resources" if accepted else ", left to fhir.resources"
        yield f"{size}: orjson.loads", shown(parse), "1"
        yield f"{size}: bytes to a strict tree", shown(strict), f"{strict / parse:.1f} x orjson.loads"
        yield f"{size}: bytes to an accepted bundle", shown(whole), f"{whole / parse:.1f} x orjson.loads{fast}"
        yield f"{size}: fhir.resources, whole bundle", shown(library), f"{library / parse:.0f} x orjson.loads"
        yield f"{size}: bytes to facts", shown(case), f"{case / parse:.1f} x orjson.loads"
        yield f"{size}: bytes to recommendation", shown(answer), f"{answer / parse:.1f} x orjson.loads"
        yield f"{size}: bytes to JSON of the answer", shown(written), f"{written / parse:.1f} x orjson.loads"


MEASURED: Final = {
    "orjson.loads": "import orjson; kept = orjson.loads(content)",
    "bytes to facts": "from cds.api import read_case; kept = read_case(content, as_of=AS_OF)",
    "fhir.resources, whole bundle": "import orjson; from fhir.resources.R4B.bundle import Bundle; "
    "kept = Bundle.model_validate(orjson.loads(content))",
}
MEASURE: Final = """
import datetime, sys
AS_OF = datetime.date(2026, 11, 22)
def peak(): return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
content = small; {action}; before = peak()
content = sys.stdin.buffer.read(); {action}
print(peak() - before)
"""


def memory(_: Path, __: float) -> Iterator[Line]:
    """How much a process grows at most over its size when warm, for the largest record. Linux tells it."""
    if not Path("/proc/self/status").is_file():
        yield "memory", "not measured", "this system does not say how large a process was"
        return
    *_, (size, content) = records()
    small = b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient"}}]}'
    for what, action in MEASURED.items():
        code = MEASURE.replace("{action}", action).replace("small", repr(small))
        told = subprocess.run(
            [sys.executable, "-c", code], input=content, cwd=REPOSITORY, check=True, capture_output=True
        ).stdout
        megabytes = int(told) * 1024 / 1e6
        yield f"{size}: memory, {what}", f"{megabytes:.0f} MB", f"{megabytes * 1e6 / len(content):.1f} x the body"


def engines(rules_folder: Path, seconds: float) -> Iterator[Line]:
    """Both engines over the worked cases, in the phase of decision."""
    from cds.case.reading import case_from_mapping
    from cds.reasoning.conditions import ReferenceEngine
    from cds.reasoning.contexts import contexts_of
    from cds.reasoning.engines import second_engine
    from cds.recommendation import recommend
    from cds.ruleset import load_rules
    from cds.ruleset.documents import read_document
    from cds.worked_cases import case_files

    rules = load_rules(rules_folder)
    documents = [read_document(file, file.name).data for file in case_files(rules_folder)]
    cases = [case_from_mapping(rules.vocabulary, data) for data in documents]
    contexts = [contexts_of(case) for case in cases]
    program = rules.programs["decision"]
    reference, second = ReferenceEngine(), second_engine()
    criteria = statistics.mean(len(reference.derivations(program, each)) for each in contexts)
    one, two, whole = (
        each / len(cases)
        for each in rates(
            seconds,
            lambda: [reference.derivations(program, each) for each in contexts],
            lambda: [second.decide(program, each) for each in contexts],
            lambda: [recommend(case, rules) for case in cases],
        )
    )
    yield f"reference engine, a case ({criteria:.0f} criteria, {len(cases)} cases)", shown(one), "1"
    yield "durable-rules, a case", shown(two), f"{two / one:.1f} x reference"
    yield "facts to recommendation, a case", shown(whole), f"{whole / (one + two):.1f} x both engines"


def start(_: Path, seconds: float) -> Iterator[Line]:
    """`cds --version` against an interpreter that does nothing."""

    def run(*arguments: str) -> Callable[[], object]:
        command = [sys.executable, *arguments]
        return lambda: subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)

    bare, version, help_ = rates(seconds, run("-c", "pass"), run("-m", "cds", "--version"), run("-m", "cds", "--help"))
    yield "bare interpreter", shown(bare), "1"
    yield "cds --version", shown(version), f"{version / bare:.1f} x bare interpreter"
    yield "cds --help", shown(help_), f"{help_ / bare:.1f} x bare interpreter"
    example = next(iter(sorted((REPOSITORY / "fhir_examples").glob("*/bundle.json"))), None)
    facts = run("-m", "cds", "facts", str(example), "--as-of", AS_OF.isoformat())
    imported, cold = rates(seconds, run("-c", "import cds.api"), facts if example else run("-c", "pass"))
    yield "import cds.api", shown(imported), f"{imported / bare:.1f} x bare interpreter"
    yield "cds facts, first case of a process", shown(cold), f"{cold / bare:.1f} x bare interpreter"


GROUPS: Final = {"start": start, "engines": engines, "answers": answers, "memory": memory}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each group is measured (default: 3)")
    parser.add_argument("--rules", type=Path, default=REPOSITORY / "rules" / "recurrent-head-and-neck")
    parser.add_argument("--gc", choices=("on", "off", "frozen"), default="off", help="frozen: on, the rules left out")
    parser.add_argument("--only", choices=tuple(GROUPS), action="append", help="this group (may stand several times)")
    arguments = parser.parse_args()
    if arguments.gc == "off":
        gc.disable()
    elif arguments.gc == "frozen":
        from cds.api import shipped_rules

        shipped_rules()
        gc.collect()
        gc.freeze()
    print(f"garbage collection: {arguments.gc}; Python {sys.version.split()[0]}")
    print(f"{'what':52}  {'least':>10}  ratio")
    for name in arguments.only or GROUPS:
        for what, least, ratio in GROUPS[name](arguments.rules, arguments.seconds):
            print(f"{what:52}  {least:>10}  {ratio}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
