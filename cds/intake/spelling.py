"""Names of facts that a sender may have meant, where a name is none: never to read it, only to leave them unknown."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from cds.vocabulary import FactDefinition, FactKind, Vocabulary

ALIKE: Final = 0.8
"""How alike two names are that may be the same word misspelt: the ratio of `difflib`, 1 for the same letters."""


def near_facts(name: str, vocabulary: Vocabulary) -> tuple[FactDefinition, ...]:
    """The facts, of whatever level, whose names a misspelt name may stand for; none where it looks like none.

    Capitals, hyphens and what stands before a dot do not count.

    >>> from cds.testing import sample_vocabulary
    >>> [fact.path for fact in near_facts("lesion.diametre", sample_vocabulary())]
    ['lesion.diameter']
    """
    facts: dict[str, list[FactDefinition]] = {}
    for definition in vocabulary.facts.values():
        if definition.kind is not FactKind.GIVEN:
            facts.setdefault(_plain(definition.name), []).append(definition)
    wanted = _plain(name.rpartition(".")[2])
    names = [wanted] if wanted in facts else get_close_matches(wanted, facts, cutoff=ALIKE)
    return tuple(definition for found in names for definition in facts[found])


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
