"""Recorded decisions put to two versions of a rule set: whoever comes out otherwise is named, by the record's id."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from cds.case.reading import case_from_mapping
from cds.cli import main
from cds.records import Decision, open_records
from cds.ruleset import RuleSet, load_rules
from cds.ruleset.model import Phase
from tests.analysis.answers import by_reference
from tests.ruleset.workshop import VOCABULARY, a_rule, rules_of, small

NEAR = a_rule("K-1", "against", "lesion.size < parameters.mm5")
FLAG = a_rule("K-2", "excludes", "lesion.flag")


def version(folder: Path, name: str, *rules: str, **files: str) -> Path:
    (folder / name).mkdir()
    return small(folder / name, rules_of(*rules), **files)


def recorded(url: str, rules: RuleSet, *told: Mapping[str, object], phase: Phase = "decision") -> list[str]:
    """The ids of the records of the answers to these patients, each with one lesion."""
    records = open_records(url)
    ids = []
    try:
        for facts in told:
            document = {"as_of": "2026-11-22", "patient": {}, "lesions": [{"id": "T1", "facts": dict(facts)}]}
            case = case_from_mapping(rules.vocabulary, document)
            answer = by_reference(case, rules, phase=phase)
            decision = Decision(
                case=case, answer=answer.model_dump_json(by_alias=True).encode(), phase=phase,
                rule_set=answer.rule_set.model_dump(mode="json"), engines={"reference": "1"}, door="POST /evaluate",
            )  # fmt: skip
            ids.append(records.append_decision(decision).id)
    finally:
        records.close()
    return ids


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'records.sqlite3'}"


def test_the_recorded_patient_whom_a_new_rule_is_about_is_named_and_the_others_are_not(
    tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = version(tmp_path, "one", NEAR), version(tmp_path, "two", NEAR, FLAG)
    plain, flagged = recorded(url, load_rules(one), {"size": 20, "flag": False}, {"size": 20, "flag": True})
    assert main(["compare", str(one), str(two), "--records", url, "--width", "400"]) == 1
    told = capsys.readouterr().out
    line = next(line for line in told.splitlines() if line.startswith(flagged))
    assert "options T1 knife possible: eligible" in line
    assert "-> ineligible" in line
    assert "2 recorded decisions: 1 treated differently\n" in told
    assert plain not in told  # whose answer has a reason more, which does not apply
    assert main(["compare", str(one), str(two), "--records", url, "--format", "json"]) == 1
    answer = json.loads(capsys.readouterr().out)["records"]
    assert [each["decision"] for each in answer["treated_differently"]] == [flagged]
    assert (answer["read"], answer["erased"], answer["could_not_be_compared"]) == (2, 0, [])
    assert main(["compare", str(one), str(two), "--records", url, "--format", "md"]) == 1
    assert f"\n- {flagged}: options T1 knife possible: " in capsys.readouterr().out


def test_a_threshold_that_moved_past_a_recorded_patient_changes_that_one_alone(
    tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = version(tmp_path, "one", NEAR)
    two = version(tmp_path, "two", a_rule("K-1", "against", "lesion.size < parameters.mm8"))
    below, between, _ = recorded(url, load_rules(one), {"size": 4}, {"size": 6}, {"size": 9})
    assert main(["compare", str(one), str(two), "--records", url, "--width", "400"]) == 1
    told = capsys.readouterr().out
    assert f"{between}: options T1 knife possible: " in told
    assert below not in told
    assert "3 recorded decisions: 1 treated differently\n" in told


def test_nobody_recorded_is_treated_differently_by_the_same_rules(
    tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = version(tmp_path, "one", NEAR)
    recorded(url, load_rules(one), {"size": 4}, phase="planning")
    assert main(["compare", str(one), str(one), "--records", url, "--width", "400"]) == 0
    assert "1 recorded decision: 0 treated differently\n" in capsys.readouterr().out


def test_what_was_erased_is_counted_and_what_cannot_be_read_is_no_success(
    tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = version(tmp_path, "one", NEAR)
    recorded(url, load_rules(one), {"size": 4})
    records = open_records(url)
    records.erase_before(dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
    records.close()
    (kept,) = recorded(url, load_rules(one), {"size": 6})
    assert main(["compare", str(one), str(one), "--records", url, "--width", "400"]) == 0
    assert "1 recorded decision: 0 treated differently; 1 were erased\n" in capsys.readouterr().out

    def no_facts(self: object, id_: str) -> dict[str, object]:
        return {"facts": {}}

    monkeypatch.setattr("cds.records.Records.content", no_facts)
    assert main(["compare", str(one), str(one), "--records", url, "--width", "400"]) == 1
    told = capsys.readouterr().out
    assert f"{kept}: no answer to compare: " in told
    assert "; 1 could not be compared" in told


def test_a_fact_that_a_record_does_not_have_was_not_recorded_then(
    tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = version(tmp_path, "one", NEAR)
    (id_,) = recorded(url, load_rules(one), {"size": 20})
    more = VOCABULARY.replace("  count: {", "  added: {kind: finding, type: Boolean, label: added}\n  count: {")
    two = version(tmp_path, "two", NEAR, a_rule("K-3", "excludes", "lesion.added"), vocabulary=more)
    assert main(["compare", str(one), str(two), "--records", url, "--width", "400"]) == 1
    told = capsys.readouterr().out
    assert f"{id_}: options T1 knife reasons K-3: not there -> unknown\n" in told


def test_records_that_are_not_there_are_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = version(tmp_path, "one", NEAR)
    absent = tmp_path / "absent.sqlite3"
    assert main(["compare", str(one), str(one), "--records", f"sqlite:///{absent}"]) == 2
    captured = capsys.readouterr()
    assert "there is no such file" in captured.err
    assert captured.out == ""
    assert not absent.exists()
