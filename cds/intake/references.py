"""What a Reference points to: another entry, a contained resource, the patient, somebody else, or nothing to be
found.
"""

from __future__ import annotations

import enum
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
_OTHERS: Final = frozenset(
    {"Patient", "RelatedPerson", "Person", "Group", "Practitioner", "PractitionerRole", "Organization", "Location",
     "Device", "Substance", "Medication"}
)  # fmt: skip
"""What is not the patient, nor of the patient: a finding with such a focus says nothing of them."""


class References:
    """Finds what references of one record point to."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._whose: dict[int, tuple[Whose, str]] = {}
        self._persons: dict[tuple[str, str | None, str], Whose] = {}
        self._by_url: dict[str, list[Entry]] = {}
        self._by_id: dict[str, list[Entry]] = {}
        self._by_identifier: dict[tuple[str, str], list[tuple[Entry, int]]] = {}
        self.blocked: dict[Source, None] = {}
        """The addresses that kept a reference from being followed, so far."""
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
        if not isinstance(reference, dict):
            return None
        text = string(reference, "reference")
        if text:
            found = self._by_text(text, origin)
            if found is None:
                self.blocked.update(dict.fromkeys(self.obstacles(reference, origin)))
            return found
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

    def obstacles(self, reference: object, origin: Entry) -> tuple[Source, ...]:
        """The addresses that keep a reference from being followed to an entry of the type and id that it names.

        Without them, the entry would be taken for what is meant.
        """
        text = string(reference, "reference") or ""
        key = "/".join(text.split("?")[0].split("/_history/")[0].rsplit("/", 2)[-2:])
        named = [entry for entry in self._by_id.get(key, ()) if entry.full_url]
        if not named or text.startswith(("#", "urn:")):
            return ()
        return tuple(entry.outer("fullUrl") for entry in (*named, origin) if entry.full_url)

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
        known = self._whose.get(entry.index)
        if known is None:
            known = self._whose[entry.index] = self._about(entry)
        return known

    def _about(self, entry: Entry) -> tuple[Whose, str]:
        for element in _ABOUT:
            reference = entry.resource.get(element)
            if isinstance(reference, dict):
                whose = self._person_once(reference, entry)
                focuses = children(entry.resource, "focus")
                if whose is Whose.PATIENT and any(self._is_another(focus, entry) for focus in focuses):
                    return Whose.NO_PATIENT, "focus"
                return whose, element
        return Whose.UNKNOWN, ""

    def _is_another(self, focus: Json, origin: Entry) -> bool:
        """Whether the focus of a patient's record is somebody or something else: then it is not about the patient."""
        target = self.resolve(focus, origin)
        if target is not None and target.contained is None:
            return target.entry.type in _OTHERS and not self._is_patient(target.entry)
        if target is not None and target.contained is not None:
            return string(target.contained, "resourceType") in _OTHERS
        parts = (string(focus, "reference") or "").split("?")[0].split("/_history/")[0].rstrip("/").split("/")
        named = parts[-2] if len(parts) > 1 and parts[-2] in RESOURCE_TYPES else string(focus, "type")
        return named in _OTHERS - {"Patient"} or (named == "Patient" and parts[-1] != self.record.patient.id)

    def _person_once(self, reference: Json, origin: Entry) -> Whose:
        """`_person`, found once for all references that say the same and lead somewhere: in most records, those of
        every entry.
        """
        text = string(reference, "reference")
        if not text or text.startswith("#"):
            return self._person(reference, origin)
        # Only a relative reference depends on where it stands.
        relative = not text.startswith("urn:") and "://" not in text and "://" in (origin.full_url or "")
        base = (origin.full_url or "").rsplit("/", 2)[0] if relative else ""
        key = (text, string(reference, "type"), base)
        person = self._persons.get(key)
        if person is None:
            person = self._person(reference, origin)
            if self._by_text(text, origin) is not None:  # what keeps the others from leading somewhere differs
                self._persons[key] = person
        return person

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
        """The elements that show whom or what an entry is about."""
        _, element = self.whose(entry)
        said = entry.resource.get(element)
        targets = (self.resolve(one, entry) for one in (said if isinstance(said, list) else [said]))
        found = (source for target in targets if target is not None for source in target.sources)
        # A bare id, which is no reference, is compared with the patient's.
        bare = string(child(entry.resource, element), "reference") == self.record.patient.id
        own = (self.record.patient.source("id", role=Role.CONTEXT),) if bare else ()
        return (entry.source(element, role=Role.CONTEXT), *found, *own)

    def has_unknown_focus(self, entry: Entry) -> bool:
        """Whether a focus of an entry is nothing that is to be found or that says its type: it may be anybody."""
        for focus in children(entry.resource, "focus"):
            path = (string(focus, "reference") or "").split("?")[0].split("/_history/")[0]
            says = string(focus, "type") or any(part in RESOURCE_TYPES for part in path.split("/")[-2:])
            if not says and self.resolve(focus, entry) is None:
                return True
        return False
