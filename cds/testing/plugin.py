"""The pytest plugin of rule developers: worked cases as tests, a table of what was decided, failing patients on file.

It is registered as `cds` (entry point `pytest11`). In the project's settings:

    [tool.pytest.ini_options]
    cds_rules = ["rules/recurrent-head-and-neck"]   # folders of rule sets, from the project's root

Then each `cases/*.yaml` of these folders is a test where pytest collects it, `--rule-coverage` ends the run with a
table of the criteria that were true, false and unknown in it, and the patient of a failing Hypothesis test is written
as a worked case and as a FHIR bundle into `cds_failures` (default: `.cds-failures`).
"""

from __future__ import annotations

import json
import re
import traceback
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import pytest

from cds.errors import CdsError, Finding

if TYPE_CHECKING:
    from cds.case import Case
    from cds.ruleset import RuleSet

TRUTHS: Final = ("true", "false", "unknown")
_FOLDER: Final = ".cds-failures"
_DECIDED: Final = "cds_decided"  # what a process of pytest-xdist hands to the one that reports
Decided = Counter[tuple[str, str]]
"""How often each criterion had each truth, by id and truth."""


@dataclass(slots=True)
class Run:
    """One run of pytest: the rule sets that it is about, loaded when they are first needed, and what was decided."""

    folders: tuple[Path, ...]
    failures: Path
    coverage: str | None
    decided: Decided = field(default_factory=Counter)
    loaded: dict[Path, RuleSet] = field(default_factory=dict)

    def rules(self, folder: Path) -> RuleSet:
        """The rule set of a folder. Raises `RuleSetError`."""
        from cds.ruleset import load_rules

        if folder not in self.loaded:
            self.loaded[folder] = load_rules(folder)
        return self.loaded[folder]

    def all_rules(self) -> list[RuleSet]:
        """The rule sets of the run; the shipped one where the settings name none."""
        from cds.ruleset import load_rules

        return [self.rules(folder) for folder in self.folders] or [load_rules()]


_RUN: Final = pytest.StashKey[Run]()
_PATCH: Final = pytest.StashKey[pytest.MonkeyPatch]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The settings and the option of this plugin."""
    parser.addini("cds_rules", "folders of rule sets whose cases/*.yaml are tests", type="paths", default=[])
    parser.addini("cds_failures", "the folder that failing patients are written into", default=_FOLDER)
    parser.getgroup("cds").addoption(
        "--rule-coverage", nargs="?", const="all", choices=("all", "gaps"), default=None,
        help="end with a table of the criteria that were true, false and unknown in the run; `gaps`: only those "
        "that were not all three",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Take the settings; with `--rule-coverage`, count what the reference evaluator decides."""
    folders = tuple(Path(path).resolve() for path in config.getini("cds_rules"))
    failures = config.rootpath / str(config.getini("cds_failures"))
    run = Run(folders, failures, config.getoption("--rule-coverage"))
    config.stash[_RUN] = run
    if run.coverage is not None:
        config.stash[_PATCH] = _counting(run.decided)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse settings that mean nothing before anything runs. Raises `pytest.UsageError` with all that is wrong."""
    config = session.config
    if hasattr(config, "workerinput"):  # a process of pytest-xdist: the one that reports has looked already
        return
    run = config.stash[_RUN]
    problems = [problem for folder in run.folders for problem in _no_rule_set(folder, config.rootpath)]
    if not problems and run.coverage is not None:
        try:
            run.all_rules()
        except CdsError as error:
            problems = [f"--rule-coverage: a rule set does not load, so its criteria cannot be listed\n{error}"]
    if problems:
        raise pytest.UsageError("\n".join(problems))


def _no_rule_set(folder: Path, root: Path) -> Iterator[str]:
    """Why a folder that the settings name is that of no rule set."""
    from cds.language.suggestion import did_you_mean

    if (folder / "ruleset.yaml").is_file():
        return
    problem = "it holds no ruleset.yaml" if folder.is_dir() else "no such folder"
    there = (file.parent for pattern in ("*", "*/*") for file in sorted(root.glob(f"{pattern}/ruleset.yaml")))
    named = (folder.relative_to(root) if folder.is_relative_to(root) else folder).as_posix()
    question = did_you_mean(named, [each.relative_to(root).as_posix() for each in there])
    hint = f"; {question}" if question else ""
    yield f"cds_rules: `{named}`: {problem}; name folders that hold ruleset.yaml, from the project's root{hint}"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the evaluator as it was."""
    patch = config.stash.get(_PATCH, None)
    if patch is not None:
        patch.undo()


# --- worked cases ----------------------------------------------------------------------------------------------------


class WorkedCaseFailure(Exception):
    """A worked case that came out otherwise than its author expected."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        super().__init__("\n".join(str(finding) for finding in findings))


class WorkedCaseFile(pytest.File):
    """A file of `cases/`: one test."""

    def collect(self) -> Iterator[pytest.Item]:
        """The one test of the file."""
        yield WorkedCase.from_parent(self, name=self.path.stem)


class WorkedCase(pytest.Item):
    """A worked case that is run as `cds test` does: both engines, every expectation."""

    def runtest(self) -> None:
        """Raise with everything that came out otherwise than expected."""
        from cds.worked_cases import run_file

        outcome = run_file(self.path, self.config.stash[_RUN].rules(self.path.parent.parent))
        if not outcome.passed:
            raise WorkedCaseFailure(outcome.failures)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The findings with their lines; for anything else what pytest shows."""
        if isinstance(excinfo.value, WorkedCaseFailure | CdsError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """What the report calls it."""
        return self.path, 0, f"worked case {self.name}"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> WorkedCaseFile | None:
    """Collect the worked cases of the rule sets that the settings name."""
    run = parent.config.stash[_RUN]
    if file_path.suffix != ".yaml" or file_path.parent.name != "cases":
        return None
    if file_path.resolve().parent.parent not in run.folders:
        return None
    collected: WorkedCaseFile = WorkedCaseFile.from_parent(parent, path=file_path.resolve())
    return collected


# --- coverage --------------------------------------------------------------------------------------------------------


def _counting(decided: Decided) -> pytest.MonkeyPatch:
    """Count what the reference evaluator decides from now on, until the patch is undone."""
    from cds.reasoning.conditions import Derivation, ReferenceEngine
    from cds.reasoning.contexts import Contexts
    from cds.ruleset.program import Program

    derivations = ReferenceEngine.derivations

    def counted(engine: ReferenceEngine, program: Program, contexts: Contexts) -> dict[tuple[str, str], Derivation]:
        found = derivations(engine, program, contexts)
        decided.update((criterion, derivation.truth.value) for (criterion, _), derivation in found.items())
        return found

    patch = pytest.MonkeyPatch()
    patch.setattr(ReferenceEngine, "derivations", counted)
    return patch


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a process of pytest-xdist, hand over what was decided in it."""
    output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_DECIDED] = [[*key, count] for key, count in session.config.stash[_RUN].decided.items()]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Add what was decided in a process of pytest-xdist."""
    run: Run = node.config.stash[_RUN]
    for criterion, truth, count in getattr(node, "workeroutput", {}).get(_DECIDED, ()):
        run.decided[criterion, truth] += count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """End with the table, if it was asked for."""
    run = config.stash[_RUN]
    if run.coverage is None:
        return
    terminalreporter.section(f"rule coverage of {', '.join(rules.head.id for rules in run.all_rules())}")
    for line in coverage_table(run.decided, _criteria(run), gaps_only=run.coverage == "gaps"):
        terminalreporter.write_line(line)


def _criteria(run: Run) -> list[str]:
    """Every criterion of the run's rule sets, in their order."""
    found: dict[str, None] = {}
    for rules in run.all_rules():
        for program in rules.programs.values():
            found |= dict.fromkeys(criterion.id for criterion in program.criteria)
    return list(found)


def coverage_table(decided: Mapping[tuple[str, str], int], criteria: list[str], *, gaps_only: bool) -> list[str]:
    """One line for each criterion: how often it was true, false and unknown; what it never was has a dash.

    >>> for line in coverage_table({("SS-2", "true"): 3, ("SS-2", "unknown"): 12}, ["SS-2"], gaps_only=False):
    ...     print(line)
    criterion    true   false unknown
    SS-2            3       -      12
    0 of 1 criteria were true, false and unknown
    """
    width = max([len("criterion"), *map(len, criteria)])
    lines = [f"{'criterion':{width}}{''.join(f'{truth:>8}' for truth in TRUTHS)}"]
    whole = 0
    for criterion in criteria:
        counts = [decided.get((criterion, truth), 0) for truth in TRUTHS]
        whole += all(counts)
        if not (gaps_only and all(counts)):
            shown = [str(count) if count else "-" for count in counts]
            lines.append(f"{criterion:{width}}{''.join(f'{count:>8}' for count in shown)}")
    return [*lines, f"{whole} of {len(criteria)} criteria were true, false and unknown"]


# --- failing patients ------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write the patient of a failing Hypothesis test as a worked case and as a bundle, and say so in the report."""
    report = yield
    failed = call.when == "call" and report.failed
    if failed and call.excinfo is not None and getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
        run = item.config.stash[_RUN]
        for number, case in enumerate(_cases_of(call.excinfo.value, item.path)):
            name = f"{_file_name(item.nodeid)}{f'-{number + 1}' if number else ''}"
            report.sections.append(("failing patient", _kept(case, run, name)))
    return report


def _cases_of(error: BaseException, file: Path) -> list[Case]:
    """The cases that the failing functions of a test file held when they failed; those of the outermost first."""
    from cds.case import Case
    from cds.testing.noise import NoisyBundle

    if isinstance(error, BaseExceptionGroup):
        return [case for each in error.exceptions for case in _cases_of(each, file)]
    found: list[Case] = []
    for frame in _frames(error.__traceback__):
        if Path(frame.f_code.co_filename) != file:
            continue
        for value in frame.f_locals.values():
            case = value.case if isinstance(value, NoisyBundle) else value
            if isinstance(case, Case) and case not in found:
                found.append(case)
    return found


def _frames(trace: TracebackType | None) -> Iterator[Any]:
    for frame, _ in traceback.walk_tb(trace):
        yield frame


def _file_name(nodeid: str) -> str:
    """A test's name as a file's: `test_answers.py::test_a[x]` → `test_answers-test_a-x`."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", nodeid.rpartition("/")[2].replace(".py", "")).strip("-")[:120]


def _kept(case: Case, run: Run, name: str) -> str:
    """Write the patient; in the words of the report who it is, and where."""
    import yaml

    from cds.case.text import patient_text
    from cds.case.writing import case_to_mapping
    from cds.intake.rebuild import NotRebuildable, rebuild
    from cds.vocabulary import Level

    told = patient_text(case)
    try:
        loaded = run.all_rules()
    except CdsError as error:
        return f"{told}\nnot written: a rule set that `cds_rules` names does not load: {error}"
    fitting = [
        rules.vocabulary
        for rules in loaded
        if case.patient.keys() == {definition.name for definition in rules.vocabulary.of(Level.PATIENT)}
    ]
    if not fitting:
        return f"{told}\nnot written: it is of no rule set that `cds_rules` names"
    vocabulary = fitting[0]
    run.failures.mkdir(parents=True, exist_ok=True)
    worked = {
        "name": name.replace("-", " ").replace("_", " "),
        **case_to_mapping(case, vocabulary),
        "expect": {},
    }
    file = run.failures / f"{name}.yaml"
    file.write_text(yaml.safe_dump(worked, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8")
    lines = [told, f"written as {file}; say in `expect` what the answer should be"]
    try:
        bundle = rebuild(case, vocabulary)
    except NotRebuildable as error:
        return "\n".join([*lines, f"no bundle says it: {error}"])
    record = run.failures / f"{name}.json"
    record.write_text(f"{json.dumps(bundle, indent=2)}\n", encoding="utf-8")
    return "\n".join([*lines, f"and as {record}, a FHIR bundle for `cds evaluate`"])
