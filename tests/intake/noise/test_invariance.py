"""Noise invariance: however a sender writes a record, the same facts are read from it.

For a generated case: written as the smallest bundle, with noise over it, read again, every fact is as it was. For the
records of `tests/intake/goldens`, which nobody here generated: with noise over them, every fact is as it was without.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from cds.case import Case
from cds.intake import read_bundle
from cds.intake.rebuild import rebuild
from cds.ruleset.loader import load_rules
from cds.testing import (
    NOISES,
    Noise,
    NoisyBundle,
    noise_called,
    noisy_bundles,
    random_cases,
    said,
    thresholds,
)
from cds.testing.sampling import SeededChoices
from tests.intake.goldens.records import GOLDENS, Golden

RULES = load_rules(Path(__file__).resolve().parents[3] / "rules" / "recurrent-head-and-neck")
CONSTANTS = thresholds(c.condition for program in RULES.programs.values() for c in program.criteria)
by_noise = pytest.mark.parametrize("noise", NOISES, ids=lambda noise: noise.name)


def read(made: NoisyBundle, case: Case) -> Case:
    return read_bundle(made.source, vocabulary=RULES.vocabulary, mapping=RULES.mapping, as_of=case.as_of)


def assert_same(made: NoisyBundle, before: Case) -> None:
    after = read(made, before)
    was, now = said(before), said(after)
    assert {key: (was.get(key), now.get(key)) for key in was | now if was.get(key) != now.get(key)} == {}, made.noises
    assert sorted(lesion.id for lesion in after.lesions) == sorted(lesion.id for lesion in before.lesions)


@by_noise
def test_one_noise_leaves_every_fact_of_a_generated_case_as_it_was(noise: Noise) -> None:
    cases = random_cases(RULES.vocabulary, CONSTANTS, seed=31, n=4, known=0.4, lesions=(0, 2))
    for number, case in enumerate(cases):
        choices = SeededChoices(random.Random(f"{noise.name}/{number}"))
        assert_same(NoisyBundle.made(rebuild(case, RULES.vocabulary), choices, case=case, noises=[noise]), case)


@given(noisy_bundles(RULES.vocabulary, constants=CONSTANTS, lesions=(0, 2)))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_noise_leaves_every_fact_of_a_generated_case_as_it_was(made: NoisyBundle) -> None:
    assert made.case is not None
    assert_same(made, made.case)


@pytest.mark.slow
@pytest.mark.parametrize("known", [0.15, 0.5, 0.95])
def test_any_noise_leaves_every_fact_of_a_full_record_as_it_was(known: float) -> None:
    cases = random_cases(RULES.vocabulary, CONSTANTS, seed=2026, n=25, known=known, lesions=(0, 3))
    for number, case in enumerate(cases):
        choices = SeededChoices(random.Random(f"{known}/{number}"))
        assert_same(NoisyBundle.made(rebuild(case, RULES.vocabulary), choices, case=case), case)


# --- records that nobody here generated ----------------------------------------------------------------------------


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)
def test_any_noise_leaves_every_fact_of_a_record_of_another_sender_as_it_was(golden: Golden) -> None:
    source = golden.bundle()
    plain = golden.read(json.dumps(source).encode(), RULES)
    for number in range(12):
        choices = SeededChoices(random.Random(f"{golden.name}/{number}"))
        noises = [noise for noise in NOISES if noise.name not in golden.never and choices.chance(0.4)]
        made = NoisyBundle.made(source, choices, noises=noises or [noise_called("codings")])
        was, now = said(plain), said(golden.read(made.source, RULES))
        differing: dict[str, Any] = {k: (was.get(k), now.get(k)) for k in was | now if was.get(k) != now.get(k)}
        assert differing == {}, (number, made.noises)
