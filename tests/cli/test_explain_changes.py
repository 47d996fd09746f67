"""`cds explain --changes`: what an answer rests on, what would change it, and what was not tried."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from cds.case.reading import case_from_mapping
from cds.commands.changes import changes_page
from cds.commands.streams import UnusableArgument
from tests.cli.conftest import Ran
from tests.reasoning.modifiable import modifiable_rules

Cds = Callable[..., Ran]
AS_OF = ("--as-of", "2026-11-22")


@pytest.fixture
def rules(repository: Path) -> str:
    return str(repository / "rules" / "recurrent-head-and-neck")


@pytest.fixture
def explained(cds: Cds, rules: str, repository: Path) -> Callable[..., Ran]:
    """Runs the command on an example, by the number that its name begins with."""

    def run(number: str, *more: str) -> Ran:
        files = list((repository / "fhir_examples").glob(f"{number}-*/bundle.json"))
        if not files:
            pytest.skip("no examples: they are not in this copy")
        ran = cds("explain", str(files[0]), *AS_OF, "--rules", rules, *more)
        return Ran(ran.status, " ".join(ran.out.split()), ran.err)

    return run


def test_changes_name_the_fact_what_it_is_and_what_it_would_have_to_be(explained: Callable[..., Ran]) -> None:
    ran = explained("02", "--changes")
    assert ran.status == 0
    assert "PERCUTANEOUS CRYOABLATION: conditional" in ran.out
    assert "conditional or ineligible, by 1 change:" in ran.out
    assert "INR: more than 1.8 (now 1.1)" in ran.out
    assert "platelet count: less than 50 10*9/L (now 204 10*9/L)" in ran.out


def test_what_an_answer_rests_on_is_told_with_what_nobody_can_change(explained: Callable[..., Ran]) -> None:
    ran = explained("02", "--changes")
    assert (
        "SALVAGE SURGERY: ineligible Rests on: surgical team's assessment: unresectable; histology: squamous cell "
        "carcinoma (fixed); age in years: 71 (fixed)."
    ) in ran.out


def test_what_was_not_tried_is_said(explained: Callable[..., Ran]) -> None:
    told = "More than 2 changes at once were not tried; --exact tries them."
    assert told in explained("01", "--changes").out
    assert told not in explained("02", "--changes").out  # every answer that changes could lead to is listed


def test_a_fact_of_another_lesion_says_whose_it_is(explained: Callable[..., Ran]) -> None:
    assert "surgical team's assessment, T2: resectable with clear margins or" in explained("06", "--changes").out


def test_a_phase_without_verdicts_is_no_all_clear(explained: Callable[..., Ran]) -> None:
    ran = explained("02", "--changes", "--phase", "planning")
    assert (ran.status, "no verdict was given that could change; that is no all-clear" in ran.out) == (0, True)


def test_the_solver_proves_what_the_search_left_open(explained: Callable[..., Ran]) -> None:
    pytest.importorskip("z3")
    ran = explained("01", "--changes", "--exact")
    assert ran.status == 0
    assert "Proved: no number of such changes leads to an answer that is not listed." in ran.out
    assert "were not tried" not in ran.out


def test_without_a_solver_nothing_is_said_to_be_exact(
    explained: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("cds.commands.proofs.find_spec", lambda name: None if name == "z3" else found(name))
    ran = explained("01", "--changes", "--exact")
    assert (ran.status, ran.out) == (2, "")
    assert "the solver (z3) is not installed" in ran.err


def test_more_lesions_than_the_solver_speaks_of_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("z3")
    rules = modifiable_rules(tmp_path)
    lesions = [{"id": name} for name in ("T1", "T2", "T3")]
    case = case_from_mapping(rules.vocabulary, {"as_of": "2026-11-22", "patient": {}, "lesions": lesions})
    with pytest.raises(UnusableArgument, match=r"the record has 3 lesions.*choose one with --lesion"):
        changes_page(case, rules, "decision", name="three", exact=True)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--changes", "--rule", "SS-2"), "--changes: it is about the whole answer; leave out --rule and --tree"),
        (("--changes", "--tree"), "--changes: it is about the whole answer; leave out --rule and --tree"),
        (("--exact",), "--exact: it belongs to --changes; give both"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(
    explained: Callable[..., Ran], given: tuple[str, ...], told: str
) -> None:
    ran = explained("02", *given)
    assert (ran.status, told in ran.err) == (2, True)
