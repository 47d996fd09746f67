"""Generated facts, cases and bundles for tests of rule sets and of engines; needs Hypothesis (`cds-head-neck[test]`).

Everything is generated from a vocabulary: legal values on each fact's grid, the reasons for which facts are absent,
contradictions, structures at risk as the site enumerates them. What `cases` makes can be rebuilt as a FHIR bundle
(`cds.intake.rebuild`), so each generated case is one that intake could have read; `noisy_bundles` writes it in the ways
of other senders, and it has to be read as the same case. `cases_where` and its kind are directed at one criterion of a
rule set; the assertions compare the reasons of answers.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cds.case.text import patient_text
    from cds.testing.assertions import assert_reasons, assert_same_reasons, assert_truth, reasons, truths
    from cds.testing.attempt import rules_with
    from cds.testing.constants import thresholds
    from cds.testing.directed import UnknownCriterion, Unreachable, random_cases_where
    from cds.testing.noise import NOISES, Noise, NoisyBundle, add_noise, noise_called, said, spell
    from cds.testing.sample import sample_vocabulary
    from cds.testing.sampling import random_cases, random_narrowings
    from cds.testing.strategies import (
        bundles,
        bundles_where,
        cases,
        cases_at_threshold,
        cases_where,
        days,
        dense_cases,
        facts,
        facts_where,
        lesions,
        lesions_where,
        narrowings,
        noisy,
        noisy_bundles,
        noisy_bundles_where,
        sparse_cases,
        values,
    )  # fmt: skip

# Where each name lives. They are imported on first use, so that pytest can load the plugin of this package where no
# test needs Hypothesis, or where it is not installed.
_HOMES = {
    "cds.case.text": ("patient_text",),
    "cds.testing.assertions": ("assert_reasons", "assert_same_reasons", "assert_truth", "reasons", "truths"),
    "cds.testing.constants": ("thresholds",),
    "cds.testing.attempt": ("rules_with",),
    "cds.testing.directed": ("UnknownCriterion", "Unreachable", "random_cases_where"),
    "cds.testing.noise": ("NOISES", "Noise", "NoisyBundle", "add_noise", "noise_called", "said", "spell"),
    "cds.testing.sample": ("sample_vocabulary",),
    "cds.testing.sampling": ("random_cases", "random_narrowings"),
    "cds.testing.strategies": (
        "bundles", "bundles_where", "cases", "cases_at_threshold", "cases_where", "days", "dense_cases",
        "facts", "facts_where", "lesions", "lesions_where", "narrowings", "noisy", "noisy_bundles",
        "noisy_bundles_where", "sparse_cases", "values",
    ),
}  # fmt: skip

__all__ = [
    "NOISES", "Noise", "NoisyBundle", "UnknownCriterion", "Unreachable", "add_noise", "assert_reasons",
    "assert_same_reasons", "assert_truth", "bundles", "bundles_where", "cases", "cases_at_threshold", "cases_where",
    "days", "dense_cases", "facts", "facts_where", "lesions", "lesions_where", "narrowings", "noise_called",
    "noisy", "noisy_bundles", "noisy_bundles_where", "patient_text", "random_cases", "random_cases_where",
    "random_narrowings", "reasons", "rules_with", "said", "sample_vocabulary", "sparse_cases", "spell", "thresholds",
    "truths",
    "values",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module 'cds.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
