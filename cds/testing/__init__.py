"""Generated facts, cases and bundles for tests of rule sets and of engines; needs Hypothesis (`cds-head-neck[test]`).

Everything is generated from a vocabulary: legal values on each fact's grid, the reasons for which facts are absent,
contradictions, structures at risk as the site enumerates them. What `cases` makes can be rebuilt as a FHIR bundle
(`cds.intake.rebuild`), so each generated case is one that intake could have read; `noisy_bundles` writes it in the ways
of other senders, and it has to be read as the same case. `cases_where` and its kind are directed at one criterion of a
rule set; the assertions compare the reasons of answers.
"""

from cds.case.text import patient_text
from cds.testing.assertions import assert_reasons, assert_same_reasons, assert_truth, reasons, truths
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
from cds.testing.thresholds import thresholds

__all__ = [
    "NOISES", "Noise", "NoisyBundle", "UnknownCriterion", "Unreachable", "add_noise", "assert_reasons",
    "assert_same_reasons", "assert_truth", "bundles", "bundles_where", "cases", "cases_at_threshold", "cases_where",
    "days", "dense_cases", "facts", "facts_where", "lesions", "lesions_where", "narrowings", "noise_called", "noisy",
    "noisy_bundles", "noisy_bundles_where", "patient_text", "random_cases", "random_cases_where", "random_narrowings",
    "reasons", "said", "sample_vocabulary", "sparse_cases", "spell", "thresholds", "truths", "values",
]  # fmt: skip
