"""What an answer costs, as ratios within one run: absolute times move two- to threefold from run to run.

    python benchmarks/run.py                      everything; the large bundle where the corpus is found
    python benchmarks/run.py --seconds 1          a shorter run
    python benchmarks/run.py --rules FOLDER       another rule set than the shipped one

Needs the extra `test` (orjson). The corpus is the folder in CDS_CORPUS, or ../shared/fhir-data beside the repository.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

AS_OF = dt.date(2026, 11, 22)
LARGE = "synthea/Fletcher_Hyatt_fe0562b5-f517-4951-8366-32fdab088930.json"
Line = tuple[str, str, str]


def rates(seconds: float, *actions: Callable[[], object]) -> list[float]:
    """The median seconds of each action, taken in turns, so that a slow moment of the machine meets all of them."""
    taken: list[list[float]] = [[] for _ in actions]
    for action in actions:
        action()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken[0]) < 3:
        for action, times in zip(actions, taken, strict=True):
            start = time.perf_counter()
            action()
            times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken]


def shown(seconds: float) -> str:
    """A duration as people read it."""
    return f"{seconds * 1e6:.0f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def answers(rules_folder: Path, seconds: float) -> Iterator[Line]:
    """Bytes to recommendation against a plain parse of the same bytes, and the parts of it."""
    import orjson

    from cds.api import evaluate, read_case
    from cds.ruleset import load_rules

    rules = load_rules(rules_folder)
    small = sorted((REPOSITORY / "fhir_examples").glob("*/bundle.json"))[:1]
    corpus = Path(os.environ.get("CDS_CORPUS") or REPOSITORY.parent / "shared" / "fhir-data")
    large = [corpus / LARGE] if (corpus / LARGE).is_file() else []
    for file in (*small, *large):
        content = file.read_bytes()
        size = f"{len(content) / 1000:.0f} kB"
        parse, case, answer, written = rates(
            seconds,
            lambda content=content: orjson.loads(content),
            lambda content=content: read_case(content, as_of=AS_OF, rules=rules),
            lambda content=content: evaluate(content, as_of=AS_OF, rules=rules),
            lambda content=content: evaluate(content, as_of=AS_OF, rules=rules).model_dump_json(by_alias=True),
        )
        yield f"{size}: orjson.loads", shown(parse), "1"
        yield f"{size}: bytes to facts", shown(case), f"{case / parse:.1f} x orjson.loads"
        yield f"{size}: bytes to recommendation", shown(answer), f"{answer / parse:.1f} x orjson.loads"
        yield f"{size}: bytes to JSON of the answer", shown(written), f"{written / parse:.1f} x orjson.loads"
    if not small:
        yield "example bundle", "not measured", "fhir_examples/ is not here"
    if not large:
        yield "3.9 MB Synthea bundle", "not measured", "set CDS_CORPUS to the folder of the corpus"


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


def start(seconds: float) -> Iterator[Line]:
    """`cds --version` against an interpreter that does nothing."""

    def run(*arguments: str) -> Callable[[], object]:
        command = [sys.executable, *arguments]
        return lambda: subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)

    bare, version, help_ = rates(seconds, run("-c", "pass"), run("-m", "cds", "--version"), run("-m", "cds", "--help"))
    yield "bare interpreter", shown(bare), "1"
    yield "cds --version", shown(version), f"{version / bare:.1f} x bare interpreter"
    yield "cds --help", shown(help_), f"{help_ / bare:.1f} x bare interpreter"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each group is measured (default: 3)")
    parser.add_argument("--rules", type=Path, default=REPOSITORY / "rules" / "recurrent-head-and-neck")
    arguments = parser.parse_args()
    print(f"{'what':52}  {'median':>10}  ratio")
    for group in (start(arguments.seconds), engines(arguments.rules, arguments.seconds),
                  answers(arguments.rules, arguments.seconds)):  # fmt: skip
        for what, median, ratio in group:
            print(f"{what:52}  {median:>10}  {ratio}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
