"""CodeableConcepts as sets of (system, code) in the mapping tables' spelling. A display is never a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cds.case import AbsenceReason
from cds.intake.document import Json, string
from cds.ruleset.mapping import Coded, MappingTables, ValueSet

DATA_ABSENT_REASON: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_NULL_FLAVOR: Final = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
# FHIR R4 data-absent-reason; what it says more finely than our reasons is kept as the note.
ABSENT: Final[Mapping[str, AbsenceReason]] = {
    "unknown": AbsenceReason.INDETERMINATE,
    "asked-unknown": AbsenceReason.ASKED_UNKNOWN,
    "temp-unknown": AbsenceReason.TEMP_UNKNOWN,
    "not-asked": AbsenceReason.NOT_ASKED,
    "asked-declined": AbsenceReason.ASKED_DECLINED,
    "masked": AbsenceReason.MASKED,
    "not-applicable": AbsenceReason.NOT_APPLICABLE,
    "unsupported": AbsenceReason.UNSUPPORTED,
    "as-text": AbsenceReason.UNREADABLE_VALUE,
    "error": AbsenceReason.ERROR,
    "not-a-number": AbsenceReason.ERROR,
    "negative-infinity": AbsenceReason.ERROR,
    "positive-infinity": AbsenceReason.ERROR,
    "not-performed": AbsenceReason.NOT_PERFORMED,
    "not-permitted": AbsenceReason.NOT_PERMITTED,
}
# HL7 v3 NullFlavor, as far as it says why a value is missing.
_FLAVOURS: Final[Mapping[str, AbsenceReason]] = {
    "UNK": AbsenceReason.INDETERMINATE,
    "NI": AbsenceReason.INDETERMINATE,
    "ASKU": AbsenceReason.ASKED_UNKNOWN,
    "NAV": AbsenceReason.TEMP_UNKNOWN,
    "NASK": AbsenceReason.NOT_ASKED,
    "MSK": AbsenceReason.MASKED,
    "NA": AbsenceReason.NOT_APPLICABLE,
    "OTH": AbsenceReason.UNREADABLE_CODE,
    "UNC": AbsenceReason.UNREADABLE_CODE,
}


@dataclass(frozen=True, slots=True)
class Concept:
    """A CodeableConcept: its codes that the tables know, its raw codings, its text; `readable` is false where its
    shape is broken or it says nothing at all.
    """

    codes: tuple[Coded, ...]
    raw: tuple[tuple[str | None, str], ...]
    text: str | None
    readable: bool

    def any_in(self, value_set: ValueSet) -> bool:
        """Whether one of the codes is in the set; with several codings any match counts."""
        return any(code in value_set for code in self.codes)

    def mapped(self, code_map: Mapping[Coded, str]) -> tuple[str, ...]:
        """What the codes mean by a map, each meaning once."""
        return tuple(dict.fromkeys(code_map[code] for code in self.codes if code in code_map))

    def local(self, system: str) -> tuple[str, ...]:
        """The codes of one system by its address, as written."""
        return tuple(dict.fromkeys(code for its, code in self.raw if its == system))

    def absence(self) -> tuple[AbsenceReason, str] | None:
        """Why there is no value, where the concept is a code that says so."""
        for system, code in self.raw:
            if system == DATA_ABSENT_REASON and code in ABSENT:
                return ABSENT[code], code
            if system == _NULL_FLAVOR and code in _FLAVOURS:
                return _FLAVOURS[code], code
        return None


NOTHING: Final = Concept((), (), None, False)


def concept(node: object, tables: MappingTables) -> Concept:
    """Read a CodeableConcept, whatever its shape."""
    if not isinstance(node, dict):
        return NOTHING
    text = string(node, "text") or None
    codings = node.get("coding", [])
    readable = isinstance(codings, list) and ("text" not in node or isinstance(node["text"], str))
    return _of(codings if isinstance(codings, list) else [], text, readable, tables)


def coding(node: object, tables: MappingTables) -> Concept:
    """Read a single Coding."""
    return _of([node], None, True, tables)


def _of(codings: list[object], text: str | None, readable: bool, tables: MappingTables) -> Concept:
    codes: dict[Coded, None] = {}
    raw: dict[tuple[str | None, str], None] = {}
    for item in codings:
        if not isinstance(item, dict):
            readable = False
            continue
        code, system = item.get("code"), item.get("system")
        if (code is not None and not isinstance(code, str)) or (system is not None and not isinstance(system, str)):
            readable = False
            continue
        if not code or not code.strip():
            continue
        if system:
            system, code = tables.translated(system, code)  # an institution's local code, by its ConceptMap
        address = system.strip().rstrip("/").split("|")[0] if system else None
        raw.setdefault((address, code.strip()))
        known = tables.coded(system, code)
        if known is not None:
            codes.setdefault(known)
    says_something = (
        bool(raw) or text is not None or any(isinstance(i, Mapping) and string(i, "display") for i in codings)
    )
    return Concept(tuple(codes), tuple(raw), text, readable and says_something)


def extension(node: Json, urls: tuple[str, ...]) -> list[tuple[int, Json]]:
    """The extensions of an element with one of these addresses, with their index."""
    found = node.get("extension")
    if not isinstance(found, list):
        return []
    return [(i, e) for i, e in enumerate(found) if isinstance(e, Mapping) and string(e, "url") in urls]
