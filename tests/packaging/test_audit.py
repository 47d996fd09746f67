"""What the program runs on has no known vulnerability, or nobody could look, and it says so; bandit finds nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.audit import audit, read

CLEAN = '{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}'
KNOWN = '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "C-1"}]}, {"name": "b", "skip_reason": "x"}]}'
SKIPPED = 'WARNING\n{"dependencies": [{"name": "a", "skip_reason": "Dependency not found"}]}'
PART = '{"dependencies": [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "x"}]}'


@pytest.mark.parametrize(
    ("output", "status", "says"),
    [
        (CLEAN, 0, "1 packages looked at"), (KNOWN, 1, "a 1: C-1"), (SKIPPED, 3, "NOT AUDITED: nothing could be"),
        (PART, 3, "NOT AUDITED: 1 packages could not"), ("", 3, "NOT AUDITED: nothing could be looked at: no network"),
        ('{"dependencies": []}', 3, "NOT AUDITED"),
    ],
)  # fmt: skip
def test_nothing_looked_at_is_not_nothing_known(output: str, status: int, says: str) -> None:
    result = read(output, "Traceback\nno network")
    assert result.status == status
    assert says in str(result)


def test_no_vulnerability_is_known_or_it_is_said_that_nobody_could_look(capsys: pytest.CaptureFixture[str]) -> None:
    result = audit()
    assert result.known == ()
    if result.status != 0:
        assert result.not_looked_at or result.looked_at == ()
        with capsys.disabled():
            print(f"\n{result}")


# What bandit reports and is meant so. One that it no longer reports has to go from this list.
MEANT = {
    ("B101", ""): "an assertion tells the type checker what was decided above; nothing rests on it",
    ("B104", "cds/commands/serve.py"): "the words of an address are shown, nothing is bound",
    ("B311", "cds/testing/directed.py"): "random cases for tests have to be repeatable",
    ("B311", "cds/testing/sampling.py"): "random cases for tests have to be repeatable",
    ("B404", "cds/commands/revisions.py"): "git reads a revision of the rules, for somebody at a terminal",
    ("B404", "cds/reasoning/forward_chaining/process.py"): "the second engine runs in a process of its own",
    ("B404", "cds/service/large/evaluator.py"): "large bodies are evaluated in a process of its own",
    ("B603", "cds/commands/revisions.py"): "no shell reads the words; which revision is the caller's to say",
    ("B603", "cds/reasoning/forward_chaining/process.py"): "its command is fixed",
    ("B603", "cds/service/large/evaluator.py"): "its command is fixed",
    ("B607", "cds/commands/revisions.py"): "git is where the caller's own PATH has it",
}


@pytest.mark.slow
def test_bandit_finds_nothing_that_is_not_meant_so(repository: Path) -> None:
    command = [sys.executable, "-m", "bandit", "-r", "cds", "-q", "-f", "json"]
    ran = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=300, check=False)
    report = json.loads(ran.stdout)
    assert report["errors"] == []
    found = {(each["test_id"], each["filename"], each["line_number"]) for each in report["results"]}
    unmeant = {each for each in found if (each[0], "") not in MEANT and each[:2] not in MEANT}
    assert unmeant == set()
    assert {key for key in MEANT if not any(each[0] == key[0] and key[1] in ("", each[1]) for each in found)} == set()
