"""Generated facts, cases and bundles for tests of rule sets and of engines; needs Hypothesis (`cds-head-neck[test]`).

Everything is generated from a vocabulary: legal values on each fact's grid, the reasons for which facts are absent,
contradictions, structures at risk as the site enumerates them. What `cases` makes can be rebuilt as a FHIR bundle
(`cds.intake.rebuild`), so each generated case is one that intake could have read.
"""

from cds.testing.sample import sample_vocabulary
from cds.testing.sampling import random_cases, random_narrowings
from cds.testing.strategies import bundles, cases, dense_cases, facts, narrowings, sparse_cases, values
from cds.testing.thresholds import thresholds

__all__ = [
    "bundles", "cases", "dense_cases", "facts", "narrowings", "random_cases", "random_narrowings",
    "sample_vocabulary", "sparse_cases", "thresholds", "values",
]  # fmt: skip
