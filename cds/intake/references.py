"""What a Reference points to: another entry, a contained resource, the patient, somebody else, or nothing to be
found.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from cds.case import Role, Source
from cds.intake.bundle import RESOURCE_TYPES, Entry, Record
from cds.intake.document import Json, child, children, string
from cds.intake.remarks import Remarks, shown


class Whose(enum.Enum):
    """Whom a record is about."""

    PATIENT = "patient"
    SOMEBODY_ELSE = "somebody-else"
    NO_PATIENT = "no-patient"
    """A device, a place, a group: not a person's record."""
    UNKNOWN = "unknown"
    """No subject, or one that nothing in the bundle answers to."""


@dataclass(frozen=True, slots=True)
class Target:
    """A resolved reference. `sources` are the elements of the target by which it was found; `contained` a resource
    inside another, with its path below `entry`.
    """

    entry: Entry
    sources: tuple[Source, ...] = ()
    contained: Json | None = None


_ABOUT: Final = ("subject", "patient")


class References:
    """Finds what references of one record point to."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._by_url: dict[str, list[Entry]] = {}
        self._by_id: dict[str, list[Entry]] = {}
        self._by_identifier: dict[tuple[str, str], list[tuple[Entry, int]]] = {}
        for entry in record.entries:
            if entry.full_url:
                self._by_url.setdefault(entry.full_url.split("/_history/")[0], []).append(entry)
            if entry.id:
                self._by_id.setdefault(f"{entry.type}/{entry.id}", []).append(entry)
            for index, identifier in enumerate(children(entry.resource, "identifier")):
                value = string(identifier, "value")
                if value:
                    key = (string(identifier, "system") or "", value)
                    self._by_identifier.setdefault(key, []).append((entry, index))

    def resolve(self, reference: object, origin: Entry) -> Target | None:
        """What a Reference object of `origin` points to; `None` where nothing, or more than one thing, answers to
        it.
        """
        if not isinstance(reference, Mapping):
            return None
        text = string(reference, "reference")
        if text:
            return self._by_text(text, origin)
        identifier = child(reference, "identifier")
        value = string(identifier, "value")
        if value:
            return self._identified(string(identifier, "system") or "", value, string(reference, "type"))
        return None

    def _by_text(self, text: str, origin: Entry) -> Target | None:
        if text.startswith("#"):
            for contained in children(origin.resource, "contained"):
                if string(contained, "id") == text[1:]:
                    return Target(origin, (origin.source("contained", role=Role.CONTEXT),), contained)
            return Target(origin) if text == "#" else None
        plain = text.split("/_history/")[0]
        if plain.startswith("urn:"):
            return self._at_url(plain)
        if "?" in plain:
            type_, _, query = plain.partition("?")
            values = parse_qs(query).get("identifier", [])
            if len(values) == 1 and type_ in RESOURCE_TYPES:
                system, bar, value = values[0].rpartition("|")
                return self._identified(system if bar else "", value, type_)
            return None
        if "://" in plain:
            found = self._at_url(plain)
            # An entry without fullUrl stands for no address; only then may type and id alone find it.
            return found or self._at_id("/".join(plain.rsplit("/", 2)[-2:]), None)
        if origin.full_url and "://" in origin.full_url:
            base = origin.full_url.rsplit("/", 2)[0]
            return self._at_url(f"{base}/{plain}") or self._at_id(plain, base)
        return self._at_id(plain, "")

    def _at_url(self, url: str) -> Target | None:
        found = self._by_url.get(url, [])
        return Target(found[0], (found[0].outer("fullUrl"),)) if len(found) == 1 else None

    def _at_id(self, key: str, base: str | None) -> Target | None:
        """By type and id. An entry of another server is another resource; `base` of "" trusts any, `None` only bare
        ones.
        """
        found = [
            entry
            for entry in self._by_id.get(key, [])
            if base == "" or entry.full_url is None or (base is not None and "://" not in entry.full_url)
        ]
        same = len(found) == 1 or all(self._is_patient(entry) for entry in found)
        return Target(found[0], (found[0].source("id", role=Role.CONTEXT),)) if found and same else None

    def _is_patient(self, entry: Entry) -> bool:
        return entry.index == self.record.patient.index or entry.index in self.record.copies

    def _identified(self, system: str, value: str, type_: str | None) -> Target | None:
        hits = self._by_identifier.get((system, value), [])
        found = {entry.index: (entry, index) for entry, index in hits if type_ is None or entry.type == type_}
        if len(found) != 1:
            return None
        ((entry, _),) = found.values()
        return Target(entry, (entry.source("identifier", role=Role.CONTEXT),))

    # -------------------------------------------------------------------------------------------------- about whom

    def whose(self, entry: Entry) -> tuple[Whose, str]:
        """Whom an entry's record is about, and the element that says so."""
        for element in _ABOUT:
            reference = entry.resource.get(element)
            if isinstance(reference, Mapping):
                return self._person(reference, entry), element
        return Whose.UNKNOWN, ""

    def _person(self, reference: Json, origin: Entry) -> Whose:
        target = self.resolve(reference, origin)
        if target is not None and target.contained is None:
            if self._is_patient(target.entry):
                return Whose.PATIENT
            return Whose.SOMEBODY_ELSE if target.entry.type == "Patient" else Whose.NO_PATIENT
        text = (string(reference, "reference") or "").split("/_history/")[0]
        named = string(reference, "type") or ""
        parts = text.split("?")[0].rstrip("/").split("/")
        type_ = parts[-2] if len(parts) > 1 and parts[-2] in RESOURCE_TYPES else named
        if type_ and type_ != "Patient":
            return Whose.NO_PATIENT
        patient = self.record.patient
        if type_ == "Patient" and len(parts) > 1:
            # Another id is another patient; the same id at another address may or may not be.
            return Whose.UNKNOWN if patient.id is None or parts[-1] == patient.id else Whose.SOMEBODY_ELSE
        if len(parts) == 1 and text and not text.startswith(("#", "urn:")) and "?" not in text:
            return Whose.PATIENT if text == patient.id else Whose.UNKNOWN
        return Whose.UNKNOWN

    def check_patients(self, remarks: Remarks) -> None:
        """Report every entry that is about another patient: such a bundle is not used at all."""
        for entry in self.record.entries:
            if entry.type == "Patient":
                continue
            whose, element = self.whose(entry)
            if whose is Whose.SOMEBODY_ELSE:
                reference = string(child(entry.resource, element), "reference")
                remarks.error(
                    "other-patient",
                    entry.at(element),
                    f"`{shown(reference)}` is not the bundle's patient, {self.record.patient.key}; "
                    "send one patient's record",
                )

    def subject_sources(self, entry: Entry) -> tuple[Source, ...]:
        """The elements that show that an entry is about the patient."""
        _, element = self.whose(entry)
        target = self.resolve(entry.resource.get(element), entry)
        return (entry.source(element, role=Role.CONTEXT), *(target.sources if target else ()))
