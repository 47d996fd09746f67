"""Exit status 0, 1 or 2; results on standard output, everything else on standard error; never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cds import __version__
from cds.cli import main
from cds.errors import EngineDisagreement
from cds.recommendation.model import Recommendation

Cds = Callable[..., Any]
AS_OF = ("--as-of", "2026-11-22")
COMMANDS = (
    "evaluate", "facts", "explain", "check", "format", "test", "verify", "compare", "mutate", "cover", "regions",
    "serve", "conformance", "records", "case-to-bundle", "export",
)  # fmt: skip


def example(repository: Path, number: str) -> str:
    """The bundle of an example patient."""
    for folder in sorted((repository / "fhir_examples").glob(f"{number}-*")):
        return str(folder / "bundle.json")
    pytest.skip(f"no example {number}: it is not in this copy")


def test_the_version_is_that_of_the_project(cds: Cds, repository: Path) -> None:
    assert cds("--version").out == f"cds {__version__}\n"
    assert f'version = "{__version__}"' in (repository / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_one_example(cds: Cds, command: str) -> None:
    ran = cds(command, "--help")
    assert ran.status == 0
    assert ran.out.count(f"example: cds {command}") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "required: COMMAND"),
        (["evalute"], "invalid choice"),
        (["evaluate"], "required: BUNDLE"),
        (["evaluate", "x", "--as-of", "22.11.2026"], "`22.11.2026` is not a day; write it as 2026-11-22"),
        (["evaluate", "x", "--as-of", "2026-02-30"], "`2026-02-30` is not a day"),
        (["evaluate", "x", "--phase", "planing", *AS_OF], "did you mean `planning`?"),
        (["evaluate", "x", "--format", "xml"], "invalid choice: 'xml'"),
        (["evaluate", "x", "--width", "3"], "give a number from 40 to 400"),
        (["evaluate", "x", "--rules", "no-such-folder", *AS_OF], "no such folder"),
        (["serve", "--port", "99999"], "`99999` is no port"),
        (["check", "no-such-folder"], "no such folder"),
        (["export", "nothing"], "invalid choice"),
    ],
)
def test_arguments_that_cannot_be_used_are_said_in_one_line(cds: Cds, arguments: list[str], told: str) -> None:
    ran = cds(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert told in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["evaluate", "facts", "explain"])
def test_a_file_that_cannot_be_read_is_said_in_one_line(cds: Cds, rules: str, command: str, tmp_path: Path) -> None:
    for name, told in ((str(tmp_path / "none.json"), "no such file"), (str(tmp_path), "it is a folder")):
        ran = cds(command, name, *AS_OF, "--rules", rules)
        assert (ran.status, ran.out) == (2, "")
        assert told in ran.err
        assert len(ran.err.splitlines()) == 1


def test_every_problem_of_a_bundle_is_one_line_with_its_code(cds: Cds, rules: str) -> None:
    ran = cds("evaluate", "-", *AS_OF, "--rules", rules, stdin=b'{"a": NaN, "a": 1}')
    assert (ran.status, ran.out) == (2, "")
    _, *issues = ran.err.splitlines()
    assert sorted(line.rpartition("[")[2] for line in issues) == ["duplicate-key]", "not-a-number]"]
    assert "Traceback" not in ran.err


def test_an_issue_stands_with_its_place_in_the_bundle(cds: Cds, rules: str) -> None:
    wrong = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"id": "x"}}]})
    ran = cds("evaluate", "-", *AS_OF, "--rules", rules, stdin=wrong.encode())
    assert ran.status == 2
    assert any(line.startswith("Bundle.entry[0]") for line in ran.err.splitlines())


def test_a_bundle_without_a_tumour_is_answered_and_does_not_look_fine(cds: Cds, rules: str, bundle: Path) -> None:
    ran = cds("evaluate", str(bundle), *AS_OF, "--rules", rules)
    assert (ran.status, ran.err) == (0, "")
    assert "nothing was assessed" in ran.out


def test_json_is_the_answer_and_nothing_else(cds: Cds, rules: str, bundle: Path) -> None:
    ran = cds("evaluate", str(bundle), *AS_OF, "--rules", rules, "--format", "json")
    answer = Recommendation.model_validate_json(ran.out)
    assert answer.as_of.isoformat() == "2026-11-22"
    assert ran.err == ""


def test_without_a_day_today_is_stamped_once_and_said_on_standard_error(cds: Cds, rules: str, bundle: Path) -> None:
    ran = cds("evaluate", str(bundle), "--rules", rules, "--format", "json")
    day = json.loads(ran.out)["as_of"]
    assert f"as of today, {day}" in ran.err


def test_several_bundles_are_answered_one_to_a_line_and_one_that_fails_stops_no_other(
    cds: Cds, rules: str, bundle: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    ran = cds("evaluate", str(broken), str(bundle), str(bundle), *AS_OF, "--rules", rules, "--format", "json")
    assert ran.status == 2
    assert [json.loads(line)["bundle"] for line in ran.out.splitlines()] == [str(bundle)] * 2
    assert "broken.json: it cannot be used" in ran.err


def test_standard_input_is_read_for_a_dash_and_only_once(cds: Cds, rules: str, bundle: Path) -> None:
    content = bundle.read_bytes()
    assert cds("evaluate", "-", *AS_OF, "--rules", rules, stdin=content).status == 0
    ran = cds("evaluate", "-", "-", *AS_OF, "--rules", rules, stdin=content)
    assert ran.status == 2
    assert "`-` stands twice" in ran.err


def test_no_advice_is_no_answer(cds: Cds, rules: str, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disagree(*_: object, **__: object) -> None:
        raise EngineDisagreement("the engines disagree on 1 of 9 criteria")

    monkeypatch.setattr("cds.commands.evaluate.evaluate", disagree)
    ran = cds("evaluate", str(bundle), *AS_OF, "--rules", rules)
    assert (ran.status, ran.out) == (2, "")
    assert "no advice: the engines disagree" in ran.err


def test_a_defect_of_the_program_is_no_finding_and_repeats_no_text_of_the_record(
    cds: Cds, rules: str, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("Mrs Example")

    monkeypatch.delenv("CDS_TRACEBACK", raising=False)
    monkeypatch.setattr("cds.commands.evaluate.evaluate", fail)
    ran = cds("evaluate", str(bundle), *AS_OF, "--rules", rules)
    assert (ran.status, ran.out) == (2, "")
    assert "KeyError" in ran.err
    assert "Example" not in ran.err


def test_the_text_answer_fits_80_columns_and_markdown_says_the_same(cds: Cds, rules: str, repository: Path) -> None:
    file = example(repository, "02")
    text = cds("evaluate", file, *AS_OF, "--rules", rules)
    assert text.status == 0
    assert max(map(len, text.out.splitlines())) <= 80
    markdown = cds("evaluate", file, *AS_OF, "--rules", rules, "--format", "md").out
    assert markdown.startswith("# ")
    assert "SS-2" in text.out
    assert "SS-2" in markdown


def test_facts_come_with_the_element_that_each_was_read_from(cds: Cds, rules: str, repository: Path) -> None:
    file = example(repository, "02")
    ran = cds("facts", file, *AS_OF, "--rules", rules, "--format", "json")
    facts = {(fact["name"], fact["subject"]): fact for fact in json.loads(ran.out)["facts"]}
    encasement = facts["lesion.carotidEncasement", "T1"]
    assert encasement["status"] == "known"
    assert any(source["path"] == "Observation.valueQuantity" for source in encasement["sources"])
    assert "encasement of the carotid" in cds("facts", file, *AS_OF, "--rules", rules).out


def test_explain_shows_a_criterion_with_condition_facts_and_thresholds(cds: Cds, rules: str, repository: Path) -> None:
    ran = cds("explain", example(repository, "02"), *AS_OF, "--rules", rules, "--rule", "SS-2")
    assert ran.status == 0
    words = " ".join(ran.out.split())
    for told in (
        "true of T1",
        "condition: ",
        "fact lesion.carotidEncasement of T1",
        "threshold carotidEncasementLimit = 270 deg",
    ):
        assert told in words
    assert "SS-4" not in words


def test_explain_with_a_tree_shows_how_the_truth_follows(cds: Cds, rules: str, repository: Path) -> None:
    ran = cds("explain", example(repository, "02"), *AS_OF, "--rules", rules, "--rule", "SS-2", "--tree")
    assert ran.status == 0
    words = " ".join(ran.out.split())
    assert "true: lesion.carotidEncasement > 270 'deg'" in words
    assert "Observation" in words


def test_explain_of_a_criterion_that_does_not_exist_asks_what_was_meant(cds: Cds, rules: str, bundle: Path) -> None:
    ran = cds("explain", str(bundle), *AS_OF, "--rules", rules, "--rule", "SS2")
    assert ran.status == 2
    assert "did you mean `SS-2`?" in ran.err


def test_check_finds_nothing_in_the_shipped_rules(cds: Cds, rules: str) -> None:
    ran = cds("check", rules, *AS_OF)
    assert (ran.status, ran.err) == (0, "")
    assert "0 findings" in ran.out


def test_check_finds_the_reviews_that_are_overdue_on_its_day(cds: Cds, rules: str) -> None:
    ran = cds("check", rules, "--as-of", "2099-01-01")
    assert ran.status == 1
    assert "[overdue-review]" in ran.out
    assert "rules/salvage_surgery.yaml:" in ran.out
    assert not ran.out.endswith(" 0 findings\n")


def test_check_without_a_day_says_which_day_it_took(cds: Cds, rules: str) -> None:
    assert "no --as-of was given; as of today" in cds("check", rules).err


def test_check_says_what_would_lose_its_only_source(cds: Cds, rules: str) -> None:
    ran = cds("check", rules, "--without", "yousem1995")
    assert (ran.status, ran.err) == (1, "")
    assert "parameters.yaml:" in ran.out
    assert "parameter `carotidEncasementLimit` would lose its only source" in ran.out
    assert "without yousem1995: " in ran.out.splitlines()[-1]


def test_check_names_what_would_keep_another_source_so_that_somebody_can_look(cds: Cds, rules: str) -> None:
    kept = cds("check", rules, "--without", "schwartz2022").out.splitlines()[-2]
    assert kept.startswith("would keep another source, for less perhaps: ")
    assert "rule `RC-1`" in kept


def test_check_counts_how_evidence_is_graded_as_no_source_of_it(cds: Cds, rules: str) -> None:
    lost = cds("check", rules, "--without", "schwartz2022").out
    assert "banner `Percutaneous cryoablation` would lose its only source\n" in lost
    assert "rule `PREF-3` would lose its only source of its condition\n" in lost


def test_a_source_that_does_not_exist_cannot_be_withdrawn(cds: Cds, rules: str) -> None:
    ran = cds("check", rules, "--without", "yousem1996")
    assert (ran.status, ran.out) == (2, "")
    assert "did you mean `yousem1995`" in ran.err


def test_check_verifies_the_local_codes_of_an_overlay(cds: Cds, rules: str, tmp_path: Path) -> None:
    target = {"code": "6301-6", "equivalence": "wider"}
    group = {"source": "urn:lab", "target": "http://loinc.org", "element": [{"code": "INR", "target": [target]}]}
    content = {"resourceType": "ConceptMap", "status": "active", "group": [group]}
    (tmp_path / "map.json").write_text(json.dumps(content), "utf-8")
    overlay = tmp_path / "ours.yaml"
    overlay.write_text("label: Ours\nconcept_maps: [map.json]\n", "utf-8")
    ran = cds("check", rules, *AS_OF, "--overlay", str(overlay))
    assert (ran.status, ran.err) == (1, "")
    assert "map.json:1:" in ran.out
    assert "`INR` is not translated: wider" in ran.out


@pytest.mark.slow
def test_export_writes_the_rule_book_into_a_folder(cds: Cds, rules: str, tmp_path: Path) -> None:
    ran = cds("export", "rulebook", "--rules", rules, "--out", str(tmp_path / "book"))
    assert (ran.status, ran.err, ran.out) == (0, "", f"{tmp_path / 'book' / 'index.md'}\n")
    assert (tmp_path / "book" / "rules" / "SS-2.md").is_file()
    assert (tmp_path / "book" / "how-to-read-a-rule.md").is_file()


def test_export_says_where_it_cannot_write(cds: Cds, rules: str, tmp_path: Path) -> None:
    (tmp_path / "book").write_text("", "utf-8")
    few = with_cases(Path(rules), tmp_path)
    ran = cds("export", "rulebook", "--rules", str(few), "--out", str(tmp_path / "book"))
    assert (ran.status, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("form", ["text", "json", "md"])
def test_export_tells_the_thirteen_source_attributes(cds: Cds, rules: str, form: str) -> None:
    ran = cds("export", "governance", "--rules", rules, "--format", form)
    assert (ran.status, ran.err) == (0, "")
    if form == "json":
        told = json.loads(ran.out)
        assert len({each["id"] for each in told["source_attributes"]}) == 13
        assert told["approved"] is None
    else:
        assert "13" in ran.out
        assert "nobody has approved" in ran.out
        assert "social determinants" in " ".join(ran.out.split())


def test_check_prints_each_finding_with_its_place_and_a_caret(cds: Cds, rules: str, tmp_path: Path) -> None:
    folder = broken_rules(
        Path(rules), tmp_path, "definitions.yaml", "lesion.surgicalAssessment in", "lesion.surgicalAsessment in"
    )
    ran = cds("check", str(folder), *AS_OF)
    assert (ran.status, ran.err) == (1, "")
    assert "definitions.yaml:" in ran.out
    assert "did you mean" in ran.out
    assert "^" in ran.out


def test_a_rule_set_that_does_not_load_is_unusable_everywhere_else(
    cds: Cds, rules: str, tmp_path: Path, bundle: Path
) -> None:
    folder = broken_rules(
        Path(rules), tmp_path, "definitions.yaml", "lesion.surgicalAssessment in", "lesion.surgicalAsessment in"
    )
    ran = cds("evaluate", str(bundle), *AS_OF, "--rules", str(folder))
    assert (ran.status, ran.out) == (2, "")
    assert "definitions.yaml:" in ran.err


@pytest.mark.slow
def test_the_worked_cases_of_the_shipped_rules_come_out_as_expected(cds: Cds, rules: str) -> None:
    ran = cds("test", rules)
    assert (ran.status, ran.err) == (0, ""), ran.out
    count = len(list((Path(rules) / "cases").glob("*.yaml")))
    assert ran.out == f"{count} worked cases: {count} as expected, 0 not\n"


def test_a_worked_case_that_comes_out_otherwise_is_a_finding_with_its_line(
    cds: Cds, rules: str, tmp_path: Path
) -> None:
    name = "no-safe-path.yaml"
    few = with_cases(Path(rules), tmp_path / "few", name, "a-carotid-after-the-ablation.yaml")
    folder = broken_rules(few, tmp_path, f"cases/{name}", "scope: true", "scope: false")
    ran = cds("test", str(folder))
    assert ran.status == 1
    assert "the scope is `true`; expected was `false`" in ran.out
    assert f"cases/{name}:" in ran.out
    assert "2 worked cases: 1 as expected, 1 not\n" in ran.out


def test_a_worked_case_reads_back_from_its_own_bundle(cds: Cds, rules: str) -> None:
    ran = cds("case-to-bundle", f"{rules}/cases/a-record-that-says-nothing.yaml", "--rules", rules)
    assert ran.status == 0, ran.err
    bundle = json.loads(ran.out)
    assert bundle["resourceType"] == "Bundle"
    assert cds("facts", "-", *AS_OF, "--rules", rules, stdin=ran.out.encode()).status == 0


def test_the_schema_describes_what_evaluate_prints(cds: Cds) -> None:
    schema = json.loads(cds("export", "schema").out)
    assert set(schema["properties"]) == set(Recommendation.model_fields)
    assert "if" in schema["$defs"]["SettlingOutcome"]["properties"]


def with_cases(rules: Path, folder: Path, *names: str) -> Path:
    """A copy of a rule set with these of its worked cases alone."""
    copy = folder / "with-cases"
    shutil.copytree(rules, copy, ignore=shutil.ignore_patterns("cases", "__pycache__"))
    (copy / "cases").mkdir()
    for name in names:
        shutil.copy(rules / "cases" / name, copy / "cases")
    return copy


def broken_rules(rules: Path, folder: Path, file: str, old: str, new: str) -> Path:
    """A copy of a rule set in which one text is another."""
    copy = folder / "rules"
    for each in rules.rglob("*"):
        if each.is_file():
            target = copy / each.relative_to(rules)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(each.read_bytes())
    text = (copy / file).read_text(encoding="utf-8")
    assert old in text
    (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return copy


def in_a_process(repository: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """`python -m cds …` with what a shell would give it."""
    command = [sys.executable, "-m", "cds", *arguments]
    return subprocess.run(command, cwd=repository, capture_output=True, timeout=60, check=False, **options)


def test_utf_8_is_written_whatever_the_locale_is(repository: Path, rules: str, bundle: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    ran = in_a_process(repository, "evaluate", str(bundle), *AS_OF, "--rules", rules, env=environment)
    assert ran.returncode == 0, ran.stderr
    assert "·".encode() in ran.stdout


def test_a_reader_that_leaves_early_gets_no_traceback(repository: Path) -> None:
    command = f"{sys.executable} -m cds export schema | head -c 10 >/dev/null; echo ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", command], cwd=repository, capture_output=True, timeout=60, check=False)
    assert ran.stdout.strip() in (b"0", b"2")
    assert ran.stderr == b""


def test_an_interrupt_ends_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("cds.commands.export.run", interrupt)
    assert main(["export", "schema"]) == 2
    assert capsys.readouterr().err == "cds: interrupted; no result is complete\n"


def test_the_version_costs_no_import_of_models_or_parsers(repository: Path) -> None:
    heavy = "{'argparse', 'pydantic', 'fhir', 'fastapi', 'yaml', 'cds.ruleset', 'cds.intake'}"
    code = f"import sys, cds.cli; cds.cli.main(['--version']); print({heavy} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, timeout=60, check=True)
    assert ran.stdout.splitlines()[-1] == b"set()"
