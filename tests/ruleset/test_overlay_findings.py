"""An institution's overlay: it replaces parameters, in their own unit and in their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds.ruleset import load_rules
from tests.ruleset.shipped import shipped_folder
from tests.ruleset.workshop import PARAMETERS, findings_of, only_finding, small

ORDERED = PARAMETERS.replace("  mm7: {", "  mm7: {at_least: mm5, ")
PAIR = "label: ours\nparameters:\n"


def test_an_overlay_replaces_parameters_only_and_in_their_own_unit(tmp_path: Path) -> None:
    overlay = tmp_path / "ours.yaml"
    overlay.write_text(
        "label: ours\nparameters:\n  limitt: {value: 1, unit: mm}\n  limit: {value: 1, unit: cm}\n", encoding="utf-8"
    )
    found = findings_of(small(tmp_path), overlay)
    assert [(f.code, f.position.line) for f in found] == [("unknown-parameter", 3), ("overlay-unit", 4)]
    assert "did you mean `limit`?" in found[0].message
    assert "write it in `mm`" in found[1].message


@pytest.mark.parametrize(
    "overlay",
    ["  mm7: {value: 4.9, unit: mm}\n", "  mm5: {value: 7.1, unit: mm}\n"],
    ids=["the upper one too low", "the lower one too high"],
)
def test_an_overlay_does_not_turn_a_pair_of_parameters_round(tmp_path: Path, overlay: str) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(PAIR + overlay, encoding="utf-8")
    found = only_finding(small(tmp_path, parameters=ORDERED), file)
    assert (found.code, found.position.file, found.position.line) == ("parameter-order", str(file), 3)
    assert "`mm7` is at least `mm5`" in found.message


@pytest.mark.parametrize("overlay", ["  mm7: {value: 5, unit: mm}\n", "  mm5: {value: 7, unit: mm}\n"])
def test_a_pair_of_parameters_may_be_equal(tmp_path: Path, overlay: str) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(PAIR + overlay, encoding="utf-8")
    load_rules(small(tmp_path, parameters=ORDERED), file)


def test_a_parameter_is_ordered_by_one_that_is_there(tmp_path: Path) -> None:
    found = only_finding(small(tmp_path, parameters=ORDERED.replace("at_least: mm5", "at_least: mm55")))
    assert (found.code, "did you mean `mm5`?" in found.message) == ("unknown-parameter", True)


def test_the_shipped_limits_of_the_inr_keep_their_order_under_an_overlay(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(PAIR + "  inrLimit: {value: 1.4}\n", encoding="utf-8")
    assert only_finding(shipped_folder(), file).code == "parameter-order"


def test_an_overlay_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert only_finding(small(tmp_path), tmp_path / "none.yaml").code == "missing-file"
