"""The pattern of the whole recurrence, from where its lesions are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from cds.case import Fact, Known, ReportedLesion
from cds.ruleset.mapping import Coded, MappingTables
from cds.vocabulary import Level, Vocabulary

PATTERN: Final = "recurrencePattern"
CODE_MAP: Final = "recurrence-pattern"
"""What each site says of the pattern, and what patterns that differ come to (their codes, sorted, with a space)."""


def recurrence_pattern(
    lesions: Sequence[ReportedLesion], vocabulary: Vocabulary, tables: MappingTables
) -> dict[str, Fact]:
    """The fact `patient.recurrencePattern` by the sites of all lesions; empty where one of them is not known.

    To be used only where the record itself says nothing of the pattern and every tumour of the record was read.
    """
    if (Level.PATIENT, PATTERN) not in vocabulary.facts or not lesions:
        return {}
    codes = tables.code_map(CODE_MAP)
    words: set[str] = set()
    for lesion in lesions:
        site = lesion.facts["site"].value if "site" in lesion.facts else None
        word = _meaning(tables, "site", site, codes) if isinstance(site, str) else None
        if word is None:
            return {}
        words.add(word)
    pattern = words.pop() if len(words) == 1 else _meaning(tables, CODE_MAP, " ".join(sorted(words)), codes)
    if pattern is None:
        return {}
    found = (source for lesion in lesions for source in lesion.facts["site"].sources)
    sources = (replace(s, mapping=CODE_MAP) if s.mapping else s for s in found)
    return {PATTERN: Fact(Known(pattern), tuple(dict.fromkeys(sources)), note="from the sites of the lesions")}


def _meaning(tables: MappingTables, name: str, code: str, codes: Mapping[Coded, str]) -> str | None:
    coded = tables.coded(f"{tables.local.value_prefix}{name}", code)
    return codes.get(coded) if coded is not None else None
