"""Why one may believe a statement: exact intervals of proportions, and the strength that evidence allows."""

from cds.evidence.proportions import clopper_pearson, proportion_percents, proportion_text
from cds.evidence.strength import allowed_strength, capped

__all__ = ["allowed_strength", "capped", "clopper_pearson", "proportion_percents", "proportion_text"]
