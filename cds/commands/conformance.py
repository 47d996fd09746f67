"""`cds conformance`: the published cases put to a deployment, and a scorecard."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

import httpx2

from cds.commands.inputs import folder_of, the_rules
from cds.commands.streams import UnusableArgument, watched
from cds.conformance.cases import KINDS, Published, PublishedCase, published_cases
from cds.conformance.judging import Ask, Reply, Result, judge
from cds.explanation.layout import printable
from cds.explanation.words import counted
from cds.ruleset import RuleSet

SECONDS: Final = 60.0
MOST_SHOWN: Final = 20
AT_ONCE: Final = 2
"""Requests that are under way at once: as many as one worker of a service evaluates by default."""
AHEAD: Final = 4
"""Cases that are put before the first of them is judged, so that neither side waits for the other."""
MOST_RETRIES: Final = 9
"""How often a case is put again to a deployment that says `429`, each time after as long as it asks for."""
LONGEST_WAIT: Final = 60


def run(arguments: argparse.Namespace) -> int:
    """Print the scorecard; status 1 where the deployment failed a case."""
    rules = the_rules(arguments)
    published = published_cases(folder_of(arguments.rules), rules)
    if arguments.write is not None:
        _write(Path(arguments.write), published)
        return 0
    if arguments.url is None:
        raise UnusableArgument("no address was given; give the URL of a deployment, or --write FOLDER")
    begun = time.monotonic()
    headers = {"Authorization": f"Bearer {_token(arguments.token_file)}"} if arguments.token_file is not None else {}
    try:
        with httpx2.Client(base_url=arguments.url, headers=headers, timeout=SECONDS) as client:
            _check_rules(client, rules)
            results = _results(client, published, rules)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise UnusableArgument(f"{arguments.url}: it cannot be asked ({type(error).__name__}); is it up?") from error
    took = f"{counted(len(results), 'case')} put and judged in {time.monotonic() - begun:.0f} s"
    sys.stderr.write(f"cds conformance: {took}\n")
    sys.stdout.write(_json(results, published) if arguments.format == "json" else _text(results, published))
    return 0 if all(result.passed for result in results) else 1


def _token(file: str) -> str:
    try:
        return Path(file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableArgument(f"`{file}`: the token cannot be read; give a file with the token alone") from error


def _check_rules(client: httpx2.Client, rules: RuleSet) -> None:
    """The deployment has the rule set that its answers are compared with. Raises `UnusableArgument`."""
    try:
        there = client.get("/version").json()["rule_set"]["digest"]
    except (ValueError, KeyError, TypeError) as error:
        told = "its /version names no rule set; give the address of the service, without a path"
        raise UnusableArgument(told) from error
    if there != rules.digest:
        told = f"the deployment has the rule set {there[:19]}…, and here is {rules.digest[:19]}…"
        raise UnusableArgument(f"{told}; give its own with --rules and --overlay")


def _results(client: httpx2.Client, published: Published, rules: RuleSet) -> list[Result]:
    def put(case: PublishedCase) -> httpx2.Response:
        return client.post(
            "/evaluate", content=case.body, params=dict(case.query),
            headers={"Content-Type": case.media_type, "Accept": "application/json"},
        )  # fmt: skip

    def ask(case: PublishedCase) -> Reply:
        reply = put(case)
        for _ in range(MOST_RETRIES):
            if reply.status_code != httpx2.codes.TOO_MANY_REQUESTS:
                break
            time.sleep(_wait(reply.headers.get("Retry-After", "")))
            reply = put(case)
        return Reply(reply.status_code, reply.content)

    with _asked_ahead(published.cases, ask) as ahead:
        return list(watched(judge(published.cases, ahead, rules), "cases", of=len(published.cases)))


def _wait(asked: str) -> int:
    """How many seconds a deployment asks to wait; one where it does not say, and never longer than a minute."""
    return min(int(asked[:6]), LONGEST_WAIT) if asked.isascii() and asked.isdigit() else 1


@contextmanager
def _asked_ahead(cases: Sequence[PublishedCase], ask: Ask) -> Iterator[Ask]:
    """Asks for the next cases while the answers to others are judged. Each case is to be asked for once, in order."""
    rest = iter(cases)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting: dict[str, Future[Reply]] = {case.id: pool.submit(ask, case) for case in islice(rest, AHEAD)}

        def answered(case: PublishedCase) -> Reply:
            reply = waiting.pop(case.id).result()
            waiting.update((each.id, pool.submit(ask, each)) for each in islice(rest, 1))
            return reply

        try:
            yield answered
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _text(results: Sequence[Result], published: Published) -> str:
    lines = []
    failed = [result for result in results if not result.passed]
    for result in failed[:MOST_SHOWN]:
        lines.append(f"{result.case.id}: {printable(result.case.says)}")
        lines += [f"  {printable(problem)}" for problem in result.problems]
    if len(failed) > MOST_SHOWN:
        lines.append(f"… and {len(failed) - MOST_SHOWN} more; --format json has them all")
    if failed:
        lines.append("")
    asked, passed = Counter(r.case.kind for r in results), Counter(r.case.kind for r in results if r.passed)
    lines += [f"{kind:<14} {passed[kind]:>4} of {asked[kind]:>4}" for kind in KINDS]
    lines.append(f"{'in all':<14} {passed.total():>4} of {asked.total():>4}")
    if published.left_out:
        lines.append(f"not asked: {len(published.left_out)} that no bundle can say; --format json names them")
    return "".join(f"{line}\n" for line in lines)


def _json(results: Sequence[Result], published: Published) -> str:
    shown = {
        "counts": {"asked": len(results), "passed": sum(each.passed for each in results)},
        "cases": [
            {"id": each.case.id, "kind": each.case.kind, "says": each.case.says, "passed": each.passed,
             "problems": list(each.problems)}
            for each in results
        ],
        "left_out": list(published.left_out),
    }
    return f"{json.dumps(shown, indent=2, ensure_ascii=False)}\n"


def _write(folder: Path, published: Published) -> None:
    """Each case as a file with its request, and an index of them all."""
    index = []
    for case in published.cases:
        file = folder / f"{case.id}.{'json' if case.kind != 'hostile' else 'txt'}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(case.body)
        index.append(
            {"id": case.id, "kind": case.kind, "says": case.says, "body": str(file.relative_to(folder)),
             "media_type": case.media_type, "query": dict(case.query), "base": case.base}
        )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.json").write_text(f"{json.dumps(index, indent=2, ensure_ascii=False)}\n", encoding="utf-8")
    sys.stdout.write(f"{len(index)} cases written to {folder}\n")
