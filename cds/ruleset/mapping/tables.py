"""The mapping tables of a rule set, ready to look up: what a code of a record means here.

A code is known by (system, code), never by its display.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from cds.ruleset.concept_maps import Coding, Translation, trimmed
from cds.ruleset.hooks import Hooks
from cds.ruleset.mapping.model import Extensions, LesionTables, Local, ObservationReader, Readers, System

ABSENT: Final = "absent:"
"""Before a reason of absence, as the target of a code map: the code says that the value is not known, and why."""

Coded = tuple[str, str]
"""A code of a system: the table's short name of the system, and the code as this system writes it."""


@dataclass(frozen=True, slots=True)
class ValueSet:
    """A set of codes; for classifications also by how a code begins."""

    codes: frozenset[Coded] = frozenset()
    prefixes: tuple[Coded, ...] = ()

    @property
    def systems(self) -> frozenset[str]:
        """The short names of the systems that it has codes of."""
        return frozenset(system for system, _ in (*self.codes, *self.prefixes))

    def __contains__(self, code: object) -> bool:
        if code in self.codes:
            return True
        if not self.prefixes or not isinstance(code, tuple):
            return False
        system, text = code
        return any(system == its and text.startswith(start) for its, start in self.prefixes)


_NO_CODES: Final = ValueSet()
NO_LOCAL: Final = Local(observation="", value_prefix="", structure="", questionnaire="")
NO_LESIONS: Final = LesionTables(
    tumour_profiles=(),
    volume_profiles=(),
    cancer_profiles=(),
    secondary_profiles=(),
    site="",
    side="",
    histology="",
    condition_site="",
    condition_side="",
    condition_histology="",
    unspecified="",
    malignant="",
    recurrent="",
    nodes="",
    history="",
    structure="",
    far_sites="",
    certainty="",
)


@dataclass(frozen=True)
class MappingTables:
    """The tables of one rule set, ready to look up. A name that no table has is an empty table.

    The code map `yes-no`, if there is one, gives coded answers to every Boolean fact (`true`, `false`, `absent:…`).

    >>> MappingTables().system("http://snomed.info/sct") is None
    True
    """

    local: Local = NO_LOCAL
    extensions: Extensions = Extensions()  # noqa: RUF009 - frozen, so one for all is the same
    lesions: LesionTables = NO_LESIONS
    readers: Readers = Readers()  # noqa: RUF009 - frozen, so one for all is the same
    units: Mapping[str, str] = field(default_factory=dict)
    systems: Mapping[str, System] = field(default_factory=dict)
    system_names: Mapping[str, str] = field(default_factory=dict)
    value_sets: Mapping[str, ValueSet] = field(default_factory=dict)
    code_maps: Mapping[str, Mapping[Coded, str]] = field(default_factory=dict)
    hooks: Hooks | None = None
    translations: Mapping[Coding, Translation] = field(default_factory=dict)
    """An institution's local codes, by the coding that its senders write."""
    added: Mapping[Coded, str] = field(default_factory=dict)
    """The codes that an institution's own tables add, each with the name of its table."""

    @cached_property
    def observations_by_code(self) -> Mapping[Coded, tuple[ObservationReader, ...]]:
        """The readers of Observations by each code that they read."""
        found: dict[Coded, list[ObservationReader]] = {}
        for reader in self.readers.observations:
            for code in self.value_set(reader.codes).codes:
                found.setdefault(code, []).append(reader)
        return {code: tuple(readers) for code, readers in found.items()}

    def translated(self, system: str, code: str) -> Coding:
        """What a coding means by the institution's maps; the coding itself where they have none for it."""
        if not self.translations:
            return system, code
        meant = self.translations.get((trimmed(system), code.strip()))
        return meant.target if meant is not None else (system, code)

    def institutions_own(self, system: str, code: str) -> str | None:
        """Which map or table of the institution a coding is read by; `None` where none of them is needed."""
        meant = self.translations.get((trimmed(system), code.strip()))
        if meant is not None:
            return f"ConceptMap {meant.map}"
        coded = self.coded(system, code)
        return self.added.get(coded) if coded is not None else None

    def system(self, uri: str) -> str | None:
        """The short name of a code system by any of the ways in which senders write its address."""
        name = self.system_names.get(uri)
        if name is not None:
            return name
        return self.system_names.get(trimmed(uri))

    def coded(self, system: str | None, code: str) -> Coded | None:
        """A coding in the tables' spelling, translated; `None` for a system that the tables do not know."""
        if not system:
            return None
        system, code = self.translated(system, code)
        name = self.system(system)
        return (name, self.spelled(name, code)) if name else None

    def spelled(self, system: str, code: str) -> str:
        """A code as the tables keep it: trimmed, and where a system's senders disagree about dots, without them and
        without the marks that are no part of a code (`D68.4*`, `C10.-`).
        """
        return code.strip() if self.systems[system].dots_count else code.strip().replace(".", "").rstrip("+*!-").upper()

    def value_set(self, name: str) -> ValueSet:
        """A value set by name."""
        return self.value_sets.get(name, _NO_CODES)

    def knows(self, code: Coded) -> bool:
        """Whether a code stands in any table, whatever it means there."""
        return any(code in values for values in self.value_sets.values()) or any(
            code in meanings for meanings in self.code_maps.values()
        )

    def code_map(self, name: str) -> Mapping[Coded, str]:
        """A code map by name."""
        return self.code_maps.get(name, {})
