"""Did you mean …: the accepted word that a wrong one was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

_LONGEST: Final = 80  # a longer word is no slip of the pen, and comparing it would take long


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `word`, upper and lower case alike, or `None` if none is near.

    >>> nearest("AND", ["and", "or"]), nearest("carotid_arc", ["carotidArc", "side"]), nearest("q", ["and"])
    ('and', 'carotidArc', None)
    """
    if len(word) > _LONGEST:
        return None
    folded = {_folded(candidate): candidate for candidate in sorted(candidates, reverse=True)}
    close = difflib.get_close_matches(_folded(word), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def did_you_mean(word: str, candidates: Iterable[str], prefix: str = "") -> str:
    """The question to put to the author, or an empty text if nothing is near.

    >>> did_you_mean("sight", ["site", "side"], "lesion.")
    'did you mean `lesion.site`?'
    """
    found = nearest(word, candidates)
    return f"did you mean `{prefix}{found}`?" if found is not None else ""


def _folded(word: str) -> str:
    return word.casefold().replace("_", "").replace("-", "")
