"""How strongly a statement may be put, given the certainty of what it cites (GRADE keeps the two apart).

For `for` and `informs` the strength is capped by the weakest citation. Safety rules keep theirs and show the certainty:
a strong warning may rest on weak evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cds.ruleset.model import Effect, Reference, Strength

_CAP: Final[dict[str | None, Strength]] = {
    "high": "strong",
    "moderate": "strong",
    "low": "moderate",
    "very-low": "weak",
    None: "weak",  # nobody graded it: nothing is claimed for it
}
_RANK: Final[dict[Strength, int]] = {"weak": 0, "moderate": 1, "strong": 2}
CAPPED_EFFECTS: Final[frozenset[Effect]] = frozenset({"for", "informs"})


def allowed_strength(references: Iterable[Reference]) -> Strength:
    """The strongest that these citations allow together: that of the weakest; `weak` without any.

    A source of which only a summary or a listing was seen (tags V2, REF, U) allows `weak`.

    >>> allowed_strength([])
    'weak'
    """
    caps = [_CAP[reference.certainty] if reference.tag == "V1" else "weak" for reference in references]
    return min(caps, key=_RANK.__getitem__, default="weak")


def capped(stated: Strength, effect: Effect, references: Iterable[Reference]) -> Strength:
    """The strength that is shown for a rule.

    >>> capped("strong", "against", []), capped("strong", "for", [])
    ('strong', 'weak')
    """
    if effect not in CAPPED_EFFECTS:
        return stated
    return min(stated, allowed_strength(references), key=_RANK.__getitem__)
