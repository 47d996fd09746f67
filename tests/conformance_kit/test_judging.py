"""The kit passes what answers as this program does, and finds each way in which a deployment could go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cds import evaluate
from cds.api import shipped_rules
from cds.conformance import KINDS, PublishedCase, Reply, Result, judge, published_cases
from cds.conformance.cases import Published, day_of
from cds.errors import UnusableInput
from cds.intake.rebuild import NotRebuildable
from cds.ruleset import RuleSet, load_rules
from tests.ruleset.workshop import small

Answer = dict[str, Any]
Fault = Callable[[PublishedCase, int, Answer], tuple[int, object]]
UNIT = "wrong-unit/lesion-max-diameter"


@pytest.fixture(scope="module")
def published(rules: Path, shipped: RuleSet) -> Published:
    return published_cases(rules, shipped)


@pytest.fixture(scope="module")
def rules(repository: Path) -> Path:
    return repository / "rules" / "recurrent-head-and-neck"


@pytest.fixture(scope="module")
def shipped() -> RuleSet:
    return shipped_rules()


def here(case: PublishedCase) -> tuple[int, Answer]:
    """What a right deployment answers."""
    if case.media_type != "application/fhir+json" or set(case.query) - {"as_of", "phase"}:
        return 415, {"issue": [{"code": "not-supported"}]}
    try:
        answer = evaluate(case.body, as_of=day_of(case), phase=case.query.get("phase", "decision"))
    except (UnusableInput, ValueError):
        return 422, {"issue": [{"code": "invalid"}]}
    return 200, json.loads(answer.model_dump_json(by_alias=True))


def judged(cases: list[PublishedCase], rules: RuleSet, fault: Fault | None = None) -> dict[str, Result]:
    def ask(case: PublishedCase) -> Reply:
        status, answer = here(case)
        if fault is not None:
            status, changed = fault(case, status, answer)
            return Reply(status, json.dumps(changed).encode())
        return Reply(status, json.dumps(answer).encode())

    return {result.case.id: result for result in judge(cases, ask, rules)}


def some(published: Published, kind: str, number: int = 1) -> list[PublishedCase]:
    """The base of the changed cases, and a few of a kind."""
    base = next(case.base for case in published.cases if case.base is not None)
    wanted = [case for case in published.cases if case.kind == kind and case.id != base][:number]
    return [*(case for case in published.cases if case.id == base), *wanted]


def test_every_kind_is_published_and_nothing_is_left_out_unsaid(published: Published, rules: Path) -> None:
    assert {case.kind for case in published.cases} == set(KINDS)
    complete = [case for case in published.cases if case.kind == "complete"]
    files = list((rules / "cases").glob("*.yaml"))
    assert len(complete) + sum(told.startswith("complete/") for told in published.left_out) == len(files)
    ids = [case.id for case in published.cases]
    assert len(ids) == len(set(ids))


def test_a_base_comes_before_what_was_changed_from_it(published: Published) -> None:
    place = {case.id: number for number, case in enumerate(published.cases)}
    changed = [case for case in published.cases if case.base is not None]
    assert len(changed) > 50
    assert all(place[str(case.base)] < place[case.id] for case in changed)


@pytest.mark.slow
def test_a_right_deployment_passes(published: Published, shipped: RuleSet) -> None:
    cases = [*some(published, "missing", 6), *some(published, "contradictory", 6)[1:],
             *some(published, "wrong-unit", 3)[1:], *some(published, "hostile", 30)[1:]]  # fmt: skip
    assert {id_: result.problems for id_, result in judged(cases, shipped).items() if not result.passed} == {}


def a_flipped_verdict(case: PublishedCase, status: int, answer: Answer) -> tuple[int, object]:
    if status == 200:
        answer["lesions"][0]["options"][0]["verdict"] = "eligible"
    return status, answer


def less_possible_without_a_fact(case: PublishedCase, status: int, answer: Answer) -> tuple[int, object]:
    if case.kind == "missing":
        for option in answer["lesions"][0]["options"]:
            option["possible"] = ["eligible"]
    return status, answer


def an_answer_without_its_issues(case: PublishedCase, status: int, answer: Answer) -> tuple[int, object]:
    if status == 200:
        answer["issues"] = []
    return status, answer


def a_contradiction_settled_in_silence(case: PublishedCase, status: int, answer: Answer) -> tuple[int, object]:
    for fact in answer.get("facts", ()):
        fact["status"] = "known" if fact["status"] == "conflicting" else fact["status"]
    return status, answer


def an_answer_to_everything(case: PublishedCase, status: int, answer: Answer) -> tuple[int, object]:
    return 200, answer if status == 200 else {"lesions": [], "issues": [{"code": "x"}]}


def an_error_of_the_server(case: PublishedCase, status: int, answer: Answer) -> tuple[int, object]:
    return (status, answer) if status == 200 else (500, answer)


def a_refusal_that_names_nothing(case: PublishedCase, status: int, answer: Answer) -> tuple[int, object]:
    return status, answer if status == 200 else {}


def a_refusal_of_everything(case: PublishedCase, status: int, answer: Answer) -> tuple[int, object]:
    return 422, {"issue": [{"code": "invalid"}]}


FAULTS: tuple[tuple[Fault, str, str], ...] = (
    (a_flipped_verdict, "missing", "/lesions/0/options/0/verdict"),
    (less_possible_without_a_fact, "missing", "is not possible"),
    (an_answer_without_its_issues, "wrong-unit", "no issue names the unit"),
    (a_contradiction_settled_in_silence, "contradictory", "not shown as conflicting"),
    (an_answer_to_everything, "hostile", "refused with 4xx"),
    (an_error_of_the_server, "hostile", "status 500"),
    (a_refusal_that_names_nothing, "hostile", "no problem is named"),
    (a_refusal_of_everything, "missing", "no answer"),
)


@pytest.mark.parametrize(("fault", "kind", "said"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_seeded_fault_is_found(
    fault: Fault, kind: str, said: str, published: Published, shipped: RuleSet
) -> None:
    found = judged(some(published, kind), shipped, fault)
    problems = [problem for result in found.values() for problem in result.problems]
    assert any(said in problem for problem in problems), problems


def test_cases_that_the_rule_set_itself_does_not_read_are_not_published(tmp_path: Path) -> None:
    folder = small(tmp_path)  # it has no mapping/: of its own bundles it reads nothing, as any deployment of it would
    case = "name: x\nas_of: 2026-11-22\npatient: {flagA: true}\nlesions: [{id: T1, facts: {size: 4}}]\nexpect: {}\n"
    (folder / "cases").mkdir()
    (folder / "cases" / "one.yaml").write_text(case, encoding="utf-8")
    lost = r"one: its bundle is not read as it was written \(patient: flagA, T1: size\)"
    with pytest.raises(NotRebuildable, match=lost):
        published_cases(folder, load_rules(folder))
