"""What is said of the distances by which structures are called threatened: whose they are, and what they flag."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import cds
from tests.ruleset.shipped import shipped_rules

RULES = shipped_rules()
DISTANCES = {name: each for name, each in RULES.parameters.items() if each.measured_from is not None}
AS_OF = dt.date(2026, 11, 22)


def test_every_distance_says_where_it_starts_and_none_is_called_verified_for_the_head_and_neck() -> None:
    assert set(DISTANCES) == {
        "carotidAblationDistance", "iceMargin", "nerveMonitoringDistance", "skinDistance", "threatDistance"
    }  # fmt: skip
    assert {each.status for each in DISTANCES.values()} == {"institution-default", "verified-indirect"}
    assert all(each.note for each in DISTANCES.values())


def test_the_distances_that_nobody_found_ship_as_defaults_that_the_institution_must_set() -> None:
    defaults = {name for name, each in DISTANCES.items() if each.status == "institution-default"}
    assert defaults == {"carotidAblationDistance", "threatDistance"}
    assert "not a proven safe distance" in DISTANCES["threatDistance"].note
    assert "the institution must" in DISTANCES["threatDistance"].note


def test_the_default_says_in_how_many_of_the_example_patients_it_flags_a_structure(repository: Path) -> None:
    said = re.search(r"in (\d+) of the (\d+) example patients", DISTANCES["threatDistance"].note)
    assert said is not None
    bundles = sorted((repository / "fhir_examples").glob("[0-9][0-9]-*/bundle.json"))
    answers = [cds.evaluate(file.read_bytes(), as_of=AS_OF, rules=RULES) for file in bundles]
    flagged = [
        any(
            reason.rule == "TN-1" and reason.truth == "true"
            for lesion in answer.lesions
            for structure in lesion.thermoprotection
            for reason in structure.reasons
        )
        for answer in answers
    ]
    assert (int(said[1]), int(said[2])) == (sum(flagged), len(bundles))


def test_beyond_the_limit_is_never_called_safe() -> None:
    for rule in RULES.rules:
        for text in (rule.says, rule.otherwise or "", rule.remedy or ""):
            assert not re.search(r"\bsafe\b", re.sub(r"not a proven safe distance|safe path|safe to freeze", "", text))


def test_structures_for_which_nothing_is_known_are_those_that_argue_with_that_reason() -> None:
    unprotected = {name for name, each in RULES.vocabulary.structures.items() if not each.measures}
    assert unprotected == {"brain-dura", "eye-optic-nerve"}
    kinds = {RULES.vocabulary.structures[name].kind for name in unprotected}
    assert kinds == {"brain", "eye"}
    rule = next(rule for rule in RULES.rules if rule.id == "TP-N")
    assert all(f"'{kind}'" in str(rule.when) for kind in kinds)
    assert rule.effect == "against"
    assert rule.basis == "unverified"
