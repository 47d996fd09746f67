"""Worked cases: patients made up to show what a rule set says, with what is expected of the answer.

They live beside the rules (`cases/*.yaml`) and are run by `cds test`. A case expects as much as its author wrote: the
scope, verdicts with what is possible, the truth of single criteria, which objections are addressed, what would settle a
verdict, what is owed, orders, protection, what is enough to protect all structures together, alternatives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cds.case.reading import CaseFileError, case_from_mapping
from cds.errors import CdsError, Finding, Issue, NoAdvice, Position
from cds.recommendation import recommend
from cds.recommendation.model import (
    LesionPart,
    OptionPart,
    ProtectionPlanPart,
    ReasonPart,
    Recommendation,
    ThermoprotectionPart,
)
from cds.ruleset import RuleSet
from cds.ruleset.documents import Document, KeyPath, read_document
from cds.ruleset.model import PHASES, Phase

Evaluate = Callable[..., Recommendation]

_EXPECTED = ("scope", "options", "order", "thermoprotection", "plan", "obligations", "alternatives")
_OF_OPTION = ("verdict", "possible", "standing", "declined", "reasons", "addressed", "settling")
_OF_ORDER = ("possible", "withheld", "reasons")
_OF_STRUCTURE = ("verdict", "measures", "monitoring", "covered_by_plan", "reasons")
_OF_PLAN = ("sufficient", "with", "together", "excludes", "without_measure", "covered_by_plan")
_KINDS = ("together", "excludes")
_NOT_CONSIDERED = "not-considered"
"""What a case expects of a rule that says nothing at a place, as one about the vagus nerve at the skin."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One worked case that was run: its name, its file, and what came out otherwise than expected."""

    name: str
    file: str
    failures: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether everything came out as expected."""
        return not self.failures


def case_files(folder: Path) -> tuple[Path, ...]:
    """The files of a rule set's worked cases, in the order of their names."""
    return tuple(sorted((folder / "cases").glob("*.yaml")))


def run_file(file: Path, rules: RuleSet, *, evaluate: Evaluate = recommend) -> Outcome:
    """Run the case of one file. What cannot be read, or gets no advice, is a failure of the case like any other."""
    name = f"{file.parent.parent.name}/{file.parent.name}/{file.name}"
    try:
        document = read_document(file, name)
    except (OSError, UnicodeDecodeError) as error:
        return Outcome(
            file.stem, name, (Finding("unreadable-file", Position(name, 1, 1), f"it cannot be read: {error}"),)
        )
    if document.findings or not isinstance(document.data, Mapping):
        shape = Finding(
            "file-shape", Position(name, 1, 1), "a worked case is one mapping; write `name: …` and its facts"
        )
        return Outcome(file.stem, name, document.findings or (shape,))
    return run_document(document, rules, name, evaluate=evaluate)


def run_document(document: Document, rules: RuleSet, file: str, *, evaluate: Evaluate = recommend) -> Outcome:
    """Run the case of a document that has been read, is one mapping, and is called `file` in what is told."""
    return _Run(document, rules, evaluate).outcome(str(document.data.get("name", Path(file).stem)), file)


class _Run:
    """One case being run. Lives as long as the call."""

    def __init__(self, document: Document, rules: RuleSet, evaluate: Evaluate) -> None:
        self.document = document
        self.rules = rules
        self.evaluate = evaluate
        self.failures: list[Finding] = []

    def outcome(self, name: str, file: str) -> Outcome:
        answer = self._answer()
        if answer is not None:
            self._check(answer)
        return Outcome(name, file, tuple(self.failures))

    def _answer(self) -> Recommendation | None:
        data = self.document.data
        phase = data.get("phase", "decision")
        if phase not in PHASES:
            self._fail("unknown-phase", ("phase",), f"`{phase}` is not a phase; accepted are {', '.join(PHASES)}")
            return None
        try:
            case = case_from_mapping(self.rules.vocabulary, data)
            return self.evaluate(case, self.rules, phase=cast(Phase, phase))
        except CaseFileError as error:
            for issue in error.issues:
                self._fail(issue.code, key_path(issue), f"{issue.expression}: {issue.details}")
        except NoAdvice as error:
            self._fail(error.code, (), f"no advice: {error}")
        except CdsError as error:
            self._fail(error.code, (), str(error))
        return None

    # ------------------------------------------------------------------------------------------------ expectations

    def _check(self, answer: Recommendation) -> None:
        expect = self._mapping(("expect",), _EXPECTED)
        if not expect:
            self._fail("nothing-expected", ("expect",), "the case expects nothing; write what the answer should say")
        if "scope" in expect:
            self._same(("expect", "scope"), answer.scope.truth, _word(expect["scope"]), "the scope")
        if "alternatives" in expect:
            found = [each.id for each in answer.alternatives]
            self._same_set(("expect", "alternatives"), found, expect["alternatives"], "what stands beside the options")
        for section, check in (
            ("options", self._options), ("order", self._order), ("thermoprotection", self._protection),
            ("plan", self._plan), ("obligations", self._obligations),
        ):  # fmt: skip
            for lesion_id in self._mapping(("expect", section)):
                path: KeyPath = ("expect", section, lesion_id)
                lesion = next((lesion for lesion in answer.lesions if lesion.id == lesion_id), None)
                if lesion is None:
                    known = ", ".join(lesion.id for lesion in answer.lesions) or "none"
                    self._fail("unknown-lesion", path, f"the answer has no lesion `{lesion_id}`; it has {known}")
                else:
                    check(lesion, path)

    def _options(self, lesion: LesionPart, path: KeyPath) -> None:
        for name in self._mapping(path):
            option = next((option for option in lesion.options if option.option == name), None)
            if option is None:
                self._fail("unknown-option", (*path, name), f"the answer has no option `{name}`")
            else:
                self._option(option, lesion.id, (*path, name))

    def _option(self, option: OptionPart, lesion: str, path: KeyPath) -> None:
        expected = self._mapping(path, _OF_OPTION)
        what = option.option
        for key, actual in (("verdict", option.verdict), ("standing", option.standing), ("declined", option.declined)):
            if key in expected:
                self._same((*path, key), actual, _word(expected[key]), f"{what}: {key}")
        if "possible" in expected:
            self._same_set((*path, "possible"), option.possible, expected["possible"], f"{what}: possible verdicts")
        if "settling" in expected:
            found = {fact.name for fact in option.settling_facts}
            for fact in _listed(expected["settling"]):
                if fact not in found:
                    named = ", ".join(sorted(found)) or "nothing"
                    self._fail(
                        "unexpected", (*path, "settling"), f"{what}: `{fact}` should settle the verdict; {named} does"
                    )
        for section in ("reasons", "addressed"):
            for key, truth in self._mapping((*path, section)).items():
                self._reason(option.reasons, key, _word(truth), lesion, (*path, section, key))

    def _reason(self, reasons: Iterable[ReasonPart], key: str, expected: object, lesion: str, path: KeyPath) -> None:
        """`SS-2`, or with the structure or the other lesion that it is about: `TP-1 vagus-nerve/left`, `SS-15 T2`."""
        rule, _, about = str(key).partition(" ")
        addressed = path[-2] == "addressed"
        of_rule = [
            (reason.subject, reason.addressed or "nothing to address" if addressed else reason.truth)
            for reason in reasons
            if reason.rule == rule
        ]
        wanted = {about, f"{lesion}/{about}", f"{lesion}+{about}"}
        found = [(subject, word) for subject, word in of_rule if not about or subject in wanted]
        if expected == _NOT_CONSIDERED:
            for subject, word in found[:1]:
                self._same(path, f"{word} about {subject}", expected, f"`{key}`")
        elif not found:
            where = ", ".join(subject for subject, _ in of_rule)
            self._fail(
                "unexpected",
                path,
                f"`{rule}` was considered, about {where} only" if of_rule else f"no criterion `{rule}` was considered",
            )
        elif not about and len({word for _, word in found}) > 1:
            each = "; ".join(f"{subject} {word}" for subject, word in found)
            self._fail(
                "ambiguous", path, f"`{rule}` has more than one truth ({each}); say which: `{rule} {found[0][0]}`"
            )
        else:
            self._same(path, found[0][1], expected, f"`{key}` addressed" if addressed else f"`{key}`")

    def _order(self, lesion: LesionPart, path: KeyPath) -> None:
        expected = self._mapping(path, _OF_ORDER)
        if "possible" in expected:
            found = [[list(group) for group in entry.groups] for entry in lesion.order.possible]
            if _is_list(expected["possible"], 3):
                self._same((*path, "possible"), sorted(found), sorted(expected["possible"]), "the possible orders")
            else:
                told = "`possible` lists orders here, each of groups of options; write `[[[FIRST], [SECOND, BESIDE]]]`"
                self._fail("file-shape", (*path, "possible"), told)
        if "withheld" in expected:
            found_rules = [reason.rule for reason in lesion.order.withheld]
            self._same_set((*path, "withheld"), found_rules, expected["withheld"], "what the order waits for")
        reasons = (*lesion.order.withheld, *lesion.order.reasons)
        for key, truth in self._mapping((*path, "reasons")).items():
            self._reason(reasons, key, _word(truth), lesion.id, (*path, "reasons", key))

    def _protection(self, lesion: LesionPart, path: KeyPath) -> None:
        parts = {f"{part.structure}/{part.side or 'none'}": part for part in lesion.thermoprotection}
        for key in self._mapping(path):
            if key not in parts:
                self._fail(
                    "unexpected", (*path, key), f"the answer has no structure `{key}`; it has {', '.join(parts)}"
                )
            else:
                self._structure(parts[key], (*path, key))

    def _structure(self, part: ThermoprotectionPart, path: KeyPath) -> None:
        expected = self._mapping(path, _OF_STRUCTURE)
        for key, actual in (("verdict", part.verdict), ("covered_by_plan", part.covered_by_plan)):
            if key in expected:
                self._same((*path, key), actual, _word(expected[key]), key.replace("_", " "))
        standing = {measure.measure: measure.status for measure in part.measures}
        for measure, status in self._mapping((*path, "measures")).items():
            self._same((*path, "measures", measure), standing.get(measure, "not listed"), status, f"`{measure}`")
        if "monitoring" in expected:
            self._same_set(
                (*path, "monitoring"), [each.rule for each in part.advice], expected["monitoring"], "monitoring"
            )
        measures = (reason for measure in part.measures for reason in measure.reasons)
        found = {each.rule: each.truth for each in (*part.reasons, *measures, *part.advice)}
        for rule, truth in self._mapping((*path, "reasons")).items():
            self._same((*path, "reasons", rule), found.get(rule, _NOT_CONSIDERED), _word(truth), f"`{rule}`")

    def _plan(self, lesion: LesionPart, path: KeyPath) -> None:
        expected = self._mapping(path, _OF_PLAN)
        if lesion.protection_plan is None:
            self._fail("unexpected", path, "nothing is planned: no structure is at risk, or the lesion is out of scope")
        else:
            self._together(lesion.protection_plan, expected, lesion.id, path)

    def _together(self, plan: ProtectionPlanPart, expected: Mapping[str, Any], lesion: str, path: KeyPath) -> None:
        """What all threatened structures come to together; every list is compared whole, in any order."""
        if "sufficient" in expected:
            sets = [sorted(each.measures) for each in plan.sufficient_sets]
            if isinstance(expected["sufficient"], list):
                wanted = [sorted(_listed(each)) for each in expected["sufficient"]]
                self._same((*path, "sufficient"), sorted(sets), sorted(wanted), "what is enough")
            else:
                told = "`sufficient` lists sets of measures here; write `[[ONE, ANOTHER]]`, or `[]` for none"
                self._fail("file-shape", (*path, "sufficient"), told)
        said = {kind: [each.rule for each in plan.combinations if each.kind == kind] for kind in _KINDS}
        said["with"] = list(dict.fromkeys(name for each in plan.sufficient_sets for name in each.with_))
        said["without_measure"] = [each.removeprefix(f"{lesion}/") for each in plan.without_measure]
        for key, found in said.items():
            if key in expected:
                self._same_set((*path, key), found, expected[key], key.replace("_", " "))
        if "covered_by_plan" in expected:
            self._same((*path, "covered_by_plan"), plan.covered_by_plan, _word(expected["covered_by_plan"]),
                       "covered by plan")  # fmt: skip

    def _obligations(self, lesion: LesionPart, path: KeyPath) -> None:
        for key, due in self._mapping(path).items():
            rule, _, about = str(key).partition(" ")
            of_rule = [each for each in lesion.obligations if each.rule == rule]
            found = [each.due for each in of_rule if about in ("", each.subject.removeprefix(f"{lesion.id}/"))]
            self._same((*path, key), " ".join(dict.fromkeys(found)) or "not considered", _word(due), f"`{key}` due")

    # --------------------------------------------------------------------------------------------------- comparing

    def _mapping(self, path: KeyPath, accepted: Iterable[str] = ()) -> Mapping[str, Any]:
        """The mapping at `path`, empty where there is none; a word that nobody would look at is a failure."""
        node: Any = self.document.data
        for key in path:
            node = node.get(key, {}) if isinstance(node, Mapping) else {}
        if not isinstance(node, Mapping):
            self._fail("file-shape", path, f"`{path[-1]}` is a mapping here")
            return {}
        known = list(accepted)
        for key in node:
            if known and key not in known:
                self._fail(
                    "file-shape",
                    (*path, key),
                    f"`{key}` is nothing that a case can expect; accepted are {', '.join(known)}",
                )
        return node

    def _same(self, path: KeyPath, actual: object, expected: object, what: str) -> None:
        if actual != expected:
            self._fail("unexpected", path, f"{what} is {_shown(actual)}; expected was {_shown(expected)}")

    def _same_set(self, path: KeyPath, actual: Iterable[str], expected: object, what: str) -> None:
        self._same(path, sorted(actual), sorted(_listed(expected)), what)

    def _fail(self, code: str, path: KeyPath, message: str) -> None:
        self.failures.append(Finding(code, self.document.position(path), message))


def _word(value: object) -> object:
    """A truth as the answer writes it; anything else as it is."""
    return {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value


def _listed(value: object) -> Iterator[str]:
    yield from (str(each) for each in value) if isinstance(value, (list, tuple)) else (str(value),)


def _is_list(value: object, depth: int) -> bool:
    """Whether a value is a list of words (1), of lists of words (2), and so on."""
    if depth == 0:
        return isinstance(value, str)
    return isinstance(value, list) and all(_is_list(each, depth - 1) for each in value)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(each) for each in value) or "nothing"
    return f"`{value}`"


def key_path(issue: Issue) -> KeyPath:
    """The key path of an issue of a case file, as far as it can be read back from its words.

    >>> key_path(Issue("error", "unknown-fact", "lesions[0].facts.sise", ""))
    ('lesions', 0, 'facts', 'sise')
    """
    parts: list[str | int] = []
    for part in issue.expression.replace("]", "").replace("[", ".").split("."):
        if part:
            parts.append(int(part) if part.isdigit() else part)
    return tuple(parts)
