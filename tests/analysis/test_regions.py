"""Regions: every set of grounds that can stand together is found, with its verdict, and no other."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.analysis.judging import Judgement
from cds.analysis.regions import Regions, standing
from cds.analysis.slices import Slice, ranges, svg, thresholds
from cds.case import Case
from cds.case.reading import case_from_mapping
from cds.cli import main
from cds.reasoning.verdict import Verdict
from cds.ruleset import RuleSet
from cds.vocabulary import Level
from tests.analysis.test_coverage import BOTH
from tests.ruleset.workshop import a_rule, rules_of, small, small_rules

TWO = rules_of(
    a_rule("K-1", "against", "lesion.size > parameters.mm20"), a_rule("K-2", "against", "lesion.size < parameters.mm5"),
    a_rule("K-3", "against", "patient.flagA"),
)  # fmt: skip


def patient(rules: RuleSet, *, a: object = False, grade: object = "low", size: object = 10) -> Case:
    told = {"as_of": "2026-11-22", "patient": {"flagA": a},
            "lesions": [{"id": "T1", "facts": {"grade": grade, "size": size}}]}  # fmt: skip
    return case_from_mapping(rules.vocabulary, told)


def test_every_combination_that_can_be_is_a_region_and_no_other(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, TWO)
    found = Regions(rules, "knife", {}).enumerate(100)
    assert found.complete
    # A size cannot be above 20 and below 5: K-1 and K-2 never stand together.
    expected = {
        frozenset(
            [*(["K-0"] if high else []), *([size] if size else []), *(["K-3"] if flag else [])]
        )
        for high, size, flag in product([True, False], ["", "K-1", "K-2"], [True, False])
    }
    assert {region.against for region in found.regions} == expected
    assert len(found.regions) == len(expected)


def test_a_region_has_the_verdict_and_the_patient_of_its_grounds(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, TWO)
    for region in Regions(rules, "knife", {}).enumerate(100).regions:
        expected = (
            Verdict.INELIGIBLE if "K-0" in region.against
            else Verdict.CONDITIONAL if region.against else Verdict.ELIGIBLE
        )  # fmt: skip
        assert region.verdict is expected
        assert standing(Judgement(rules, "decision", region.patient), "knife") == region.against


def test_the_bound_is_kept_and_said(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, TWO)
    found = Regions(rules, "knife", {}).enumerate(3)
    assert len(found.regions) == 3
    assert not found.complete
    sizes = [len(region.against) for region in found.regions]
    assert sizes == sorted(sizes)


def test_a_worked_case_stands_in_its_region_and_an_unsettled_one_in_none(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, TWO)
    unsaid = patient(rules, a={"absent": "not-asked"})
    cases = {"big": patient(rules, size=30), "plain": patient(rules), "unsaid": unsaid}
    regions = Regions(rules, "knife", cases)
    by_case = {name: region.against for region in regions.enumerate(100).regions for name in region.worked_cases}
    assert by_case == {"big": {"K-1"}, "plain": frozenset()}
    assert regions.unsettled == ("unsaid",)


def test_a_ground_somewhere_about_the_lesion_is_one_ground(tmp_path: Path) -> None:
    rule = a_rule("K-1", "against", "structure.touched").replace("for_each: lesion", "for_each: structure")
    rules = small_rules(tmp_path, rules_of(rule))
    found = Regions(rules, "knife", {}).enumerate(100)
    assert {region.against for region in found.regions} == {
        frozenset(), frozenset({"K-0"}), frozenset({"K-1"}), frozenset({"K-0", "K-1"})
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ slices


def sliced(rules: RuleSet, **cases: Case) -> Slice:
    across, up = rules.vocabulary.fact(Level.LESION, "size"), rules.vocabulary.fact(Level.PATIENT, "flagA")
    return Slice(rules, "knife", across, up, patient(rules), cases)


def test_the_ranges_of_a_number_lie_below_at_and_above_each_threshold(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, TWO)
    size = rules.vocabulary.fact(Level.LESION, "size")
    assert thresholds(rules, size, "decision") == {5, 20}
    found = list(ranges(rules, size, "decision"))
    assert [each.text for each in found] == ["< 5 mm", "5 mm", "> 5 and < 20 mm", "20 mm", "> 20 mm"]
    assert [each.is_threshold for each in found] == [False, True, False, True, False]


def test_a_cell_has_the_verdict_of_its_values(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, TWO)
    drawn = sliced(rules)
    verdicts = [[drawn.cells[column, row].verdict.value for column in range(5)] for row in range(2)]
    assert verdicts[0] == ["conditional", "eligible", "eligible", "eligible", "conditional"]
    assert verdicts[1] == ["conditional"] * 5


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return small_rules(tmp_path_factory.mktemp("two"), TWO)


@given(tenths=st.integers(0, 3000), flag=st.booleans())
def test_any_value_has_the_verdict_of_the_cell_that_it_lies_in(tenths: int, flag: bool, two: RuleSet) -> None:
    case = patient(two, a=flag, size=tenths / 10)
    (cell,) = (cell for cell in sliced(two, it=case).cells.values() if cell.alike or cell.otherwise)
    assert cell.alike == ("it",)
    assert frozenset(cell.possible) == Judgement(two, "decision", case).possible("knife")


def test_a_worked_case_that_other_facts_make_something_else_is_a_ring(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, TWO)
    cell = sliced(rules, high=patient(rules, grade="high"), plain=patient(rules)).cells[2, 0]
    assert cell.alike == ("plain",)
    assert cell.otherwise == ("high",)
    drawing = svg(sliced(rules, high=patient(rules, grade="high"), plain=patient(rules)), "<b>&")
    assert drawing.count('class="alike"') == 1
    assert drawing.count('class="otherwise"') == 1
    assert "<b>" not in drawing


def test_a_drawing_of_few_columns_is_as_wide_as_its_legend(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, TWO)
    across, up = rules.vocabulary.fact(Level.PATIENT, "flagA"), rules.vocabulary.fact(Level.LESION, "grade")
    drawing = svg(Slice(rules, "knife", across, up, patient(rules), {}), "a title")
    width = int(drawing.partition('viewBox="0 0 ')[2].partition(" ")[0])
    legend = next(line for line in drawing.splitlines() if "a worked case of this verdict" in line)
    assert width >= 6.2 * len(legend.partition(">")[2].removesuffix("</text>"))  # at 12 px a letter takes about 6


def test_a_fact_that_no_condition_reads_has_no_slice(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, TWO)
    with pytest.raises(ValueError, match="no condition"):
        list(ranges(rules, rules.vocabulary.fact(Level.LESION, "count"), "decision"))


# ----------------------------------------------------------------------------------------------------------- command


def test_the_command_prints_regions_and_fails_while_one_has_no_worked_case(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = small(tmp_path, rules_of(BOTH))
    assert main(["regions", "knife", "--rules", str(folder)]) == 1
    told = capsys.readouterr().out
    assert "ineligible: K-0, K-1" in told
    assert "4 regions, 4 without a worked case" in told
    assert "there is no other" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["knive"], "did you mean `knife`"), (["knife", "--slice", "lesion.sise", "patient.flagA"], "lesion.size"),
        (["knife", "--slice", "patient.flagA", "patient.flagA"], "stands twice"),
        (["knife", "--slice", "lesion.foundOn", "patient.flagA"], "no condition reads"),
        (["knife", "--most", "0"], "`0` is no number of regions"),
        (["knife", "--out", "x.svg"], "--out: it belongs to --slice"),
        (["knife", "--base", "x.yaml"], "--base: it belongs to --slice"),
        (["knife", "--slice", "lesion.flag", "patient.flagB", "--format", "json"], "a slice is a drawing"),
        (["knife", "--slice", "lesion.flag", "patient.flagB", "--out", "no/such/x.svg"], "no such file or directory"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["regions", *arguments, "--rules", str(small(tmp_path, rules_of(BOTH)))]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""
