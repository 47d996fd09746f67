"""The rule set that ships with the package, where it is installed and where it is only checked out."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from cds.ruleset import RuleSet, default_folder, load_rules
from cds.testing import thresholds


@cache
def shipped_folder() -> Path:
    """Its folder: that of the installed package, else the one beside the tests."""
    if find_spec("cds_rules") is not None:
        return default_folder()
    return Path(__file__).resolve().parents[2] / "rules" / "recurrent-head-and-neck"


@cache
def shipped_rules() -> RuleSet:
    """The rule set, loaded once for all tests; it is frozen."""
    return load_rules(shipped_folder())


@cache
def shipped_thresholds() -> dict[str, tuple[Fraction, ...]]:
    """Every number that a condition of any phase compares a fact with."""
    programs = shipped_rules().programs.values()
    trees = [criterion.condition for program in programs for criterion in program.criteria]
    trees += [tree for program in programs for tree in program.derived.values()]
    return thresholds(trees)
