"""The worked cases of the shipped rules notice every fault, and show every part to matter, but for what was reviewed.

Both commands are run as anybody runs them. Together they take about 190 seconds of the processor, in two processes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cds.cli import main
from tests.ruleset.shipped import shipped_folder

KNOWN: Mapping[str, list[dict[str, str]]] = yaml.safe_load(
    (Path(__file__).parent / "known_gaps.yaml").read_text(encoding="utf-8")
)
Pair = tuple[str, str]


def known(section: str, of: str) -> set[Pair]:
    return {(entry["subject"], entry[of]) for entry in KNOWN[section]}


def assert_known(found: Iterable[Pair], reviewed: set[Pair], told: Mapping[Pair, str]) -> None:
    new, closed = set(found) - reviewed, reviewed - set(found)
    lines = [f"new: {subject}: {what}: {told.get((subject, what), '')}" for subject, what in sorted(new)]
    lines += [f"closed, take it out of known_gaps.yaml: {subject}: {what}" for subject, what in sorted(closed)]
    assert not lines, "\n".join(lines)


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    status = main([*words, str(shipped_folder()), "--as-of", "2026-11-22", "--format", "json"])
    return status, json.loads(capsys.readouterr().out)


def test_every_known_gap_says_why_it_is_accepted() -> None:
    assert set(KNOWN) == {"survivors", "uncovered", "redundant"}
    assert all(entry["why"] for entries in KNOWN.values() for entry in entries)


@pytest.mark.slow
def test_every_mutant_is_killed_but_for_those_that_were_reviewed(capsys: pytest.CaptureFixture[str]) -> None:
    status, told = answer(capsys, "mutate")
    by_fate: dict[str, set[Pair]] = {fate: set() for fate in told["counts"]}
    shown: dict[Pair, str] = {}
    for mutant in told["mutants"]:
        key = (mutant["subject"], mutant["change"])
        by_fate[mutant["fate"]].add(key)
        shown[key] = "; ".join(mutant.get("would_expect", ["no patient can tell"]))
    assert by_fate["undecided"] == set()
    assert_known(by_fate["survived"], known("survivors", "change"), shown)
    assert_known(by_fate["redundant"], known("redundant", "change"), shown)
    assert status == (1 if KNOWN["survivors"] else 0)
    assert len(by_fate["killed"]) > 1000


@pytest.mark.slow
def test_every_part_that_can_decide_is_shown_to_but_for_those_that_were_reviewed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, told = answer(capsys, "cover")
    gaps = {
        (part["criterion"], part["part"]): json.dumps(part["missing"])
        for part in told["parts"]
        if not part["covered"] and not part["infeasible"]
    }
    assert_known(gaps, known("uncovered", "part"), gaps)
    assert status == (1 if KNOWN["uncovered"] else 0)
    assert told["counts"]["covered"] > 200
