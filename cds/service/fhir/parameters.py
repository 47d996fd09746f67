"""A request to apply the plan, read out of its Parameters. Every problem of it is told at once, each with its place."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from cds.errors import Issue, UnusableInput
from cds.fhir_output import Addresses
from cds.fhir_output.operations import PARAMETERS, REFUSED, TYPE_LEVEL
from cds.fhir_output.operations import UNUSED as UNUSED_NAMES
from cds.intake.document import Limits, parse_document
from cds.ruleset import RuleSet
from cds.ruleset.model import PHASES
from cds.service.fhir.outcomes import (
    MISMATCH,
    MISSING,
    NO_PLAN,
    NOT_PARAMETERS,
    TWICE,
    UNKNOWN,
    UNUSABLE,
    UNUSED,
)
from cds.service.requests import Asked, today

_BY_NAME: Final = {each.name: each for each in PARAMETERS}
_ELEMENTS: Final = {
    "string": ("valueString",),
    "uri": ("valueUri", "valueCanonical", "valueUrl", "valueString"),
    "date": ("valueDate", "valueString"),
    "code": ("valueCode", "valueString"),
}
"""Where the value of a parameter of a type may stand."""
_PREFETCHED: Final = ("searchset", "collection")
_ADDRESS: Final = r"https?://\S{1,400}|urn:(?:uuid|oid):[A-Za-z0-9.-]{1,100}"
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ENTRY: Final = re.compile(r"Bundle\.(entry|link)\[(\d+)\](.*)")

_Found = list[tuple[str, Mapping[str, object]]]
"""The places and parameters of one name."""


@dataclass(frozen=True, slots=True)
class Record:
    """The bundle to evaluate, and where in the request it, each of its entries and each of its links came from."""

    bundle: Mapping[str, object]
    place: str
    entries: tuple[str, ...] | None = None
    links: tuple[str, ...] = ()

    def placed(self, issues: Iterable[Issue]) -> tuple[Issue, ...]:
        """Issues of the bundle, said of what the client sent.

        >>> record = Record({}, "Parameters.parameter[1].resource")
        >>> record.placed([Issue("error", "x", "Bundle.entry[0].resource.birthDate", "…")])[0].expression
        'Parameters.parameter[1].resource.entry[0].resource.birthDate'
        """
        return tuple(replace(issue, expression=self._placed(issue.expression)) for issue in issues)

    def _placed(self, expression: str) -> str:
        part = _ENTRY.fullmatch(expression)
        places = {"entry": self.entries, "link": self.links}[part[1]] if part and self.entries is not None else None
        if part and places is not None and int(part[2]) < len(places):
            place = places[int(part[2])]
            # A resource that was sent by itself is no entry of anything.
            rest = part[3].removeprefix(".resource") if place.endswith(".resource") else part[3]
            return f"{place}{rest}"
        return re.sub(r"^Bundle\b", self.place, expression)


@dataclass(frozen=True, slots=True)
class Application:
    """What a request asks for: the question, whom it is about, and what the answer copies."""

    asked: Asked
    record: Record
    subject: str
    encounter: str | None = None
    practitioner: str | None = None
    organization: str | None = None
    notes: tuple[Issue, ...] = ()


def read_application(body: bytes, limits: Limits, rules: RuleSet, plan: str | None) -> Application:
    """What a body asks for; `plan` is the id in the address, `None` at the type level.

    Raises `UnusableInput` with every problem of the request. What is wrong with the record is found when it is read.
    """
    tree = parse_document(body, limits)
    if tree.get("resourceType") != "Parameters":
        kind = str(tree.get("resourceType"))[:40]
        told = f"the body is no Parameters but `{kind}`; send subject and data as Parameters"
        raise UnusableInput([Issue("error", NOT_PARAMETERS, "", told)])
    return _Reading(tree, rules, plan).application()


@dataclass
class _Reading:
    """One Parameters resource being read."""

    tree: Mapping[str, object]
    rules: RuleSet
    plan: str | None
    issues: list[Issue] = field(default_factory=list)
    notes: list[Issue] = field(default_factory=list)
    found: dict[str, _Found] = field(default_factory=dict)

    def application(self) -> Application:
        self._sort()
        self._check_plan()
        subject = self._reference("subject", "Patient")
        copied = {name: self._reference(name, name.capitalize()) for name in ("encounter", "organization")}
        practitioner = self._reference("practitioner", "Practitioner(?:Role)?")
        _, phase = self._value("phase")
        _, lesion = self._value("lesion")
        as_of = self._day()
        if phase is not None and phase not in PHASES:
            told = f"`{phase[:40]}` is no phase; accepted are {', '.join(PHASES)}"
            self._wrong("unknown-phase", self.found["phase"][0][0], told)
        record = self._record()
        if subject is not None and record is not None:
            self._check_subject(subject, record)
        if self.issues or subject is None or record is None:
            raise UnusableInput(self.issues)
        return Application(
            Asked(record.bundle, as_of, phase or "decision", lesion),
            record,
            subject,
            copied["encounter"],
            practitioner,
            copied["organization"],
            tuple(self.notes),
        )

    def _wrong(self, code: str, place: str, details: str) -> None:
        self.issues.append(Issue("error", code, place, details))

    def _sort(self) -> None:
        """The parameters by name; what is not known, refused, misplaced or there twice is told."""
        given = self.tree.get("parameter", [])
        if not isinstance(given, list):
            self._wrong(NOT_PARAMETERS, "Parameters.parameter", "it is no list; send a list of parameters")
            given = []
        for index, node in enumerate(given):
            place = f"Parameters.parameter[{index}]"
            name = node.get("name") if isinstance(node, Mapping) else None
            if not isinstance(node, Mapping) or not isinstance(name, str):
                self._wrong(NOT_PARAMETERS, place, "it has no name; give each parameter its name")
            elif name in _BY_NAME:
                self.found.setdefault(name, []).append((place, node))
            elif name in REFUSED:
                self._wrong(UNKNOWN, place, f"`{name}` is not read here: {REFUSED[name]}")
            elif name in UNUSED_NAMES:
                told = f"`{name}` was not used: it changes no answer here"
                self.notes.append(Issue("information", UNUSED, place, told))
            else:
                self._wrong(UNKNOWN, place, f"`{name[:60]}` is not read here; accepted are {', '.join(_BY_NAME)}")
        for name, found in self.found.items():
            if _BY_NAME[name].most == "1":
                for place, _ in found[1:]:
                    self._wrong(TWICE, place, f"`{name}` stands {len(found)} times; send one")
            if _BY_NAME[name].level == TYPE_LEVEL and self.plan is not None:
                told = f"`{name}` is for the type level; the address names the plan already"
                self._wrong(UNUSABLE, found[0][0], told)

    def _value(self, name: str) -> tuple[str, str | None]:
        """The value of a simple parameter, where it stands once."""
        definition = _BY_NAME[name]
        found = self.found.get(name, [])
        if not found:
            if definition.least:
                self._wrong(MISSING, "Parameters.parameter", f"`{name}` is missing; {_lower(definition.says)}")
            return "", None
        place, node = found[0]
        for element in _ELEMENTS[definition.type]:
            value = node.get(element)
            if isinstance(value, str) and value.strip():
                return f"{place}.{element}", value.strip()
        wanted = " or ".join(_ELEMENTS[definition.type])
        self._wrong(UNUSABLE, place, f"`{name}` has no value that is read; send {wanted}")
        return place, None

    def _day(self) -> dt.date:
        """The day of the answer; today is stamped where the request names none."""
        place, value = self._value("as_of")
        if value is None:
            return today()
        try:
            if _DAY.fullmatch(value):
                return dt.date.fromisoformat(value)
        except ValueError:
            pass
        self._wrong("unreadable-day", place, f"`{value[:40]}` is not a day; write it as 2026-11-22")
        return dt.date.min

    def _reference(self, name: str, kind: str) -> str | None:
        place, value = self._value(name)
        if value is not None and re.fullmatch(rf"(?:{kind})/[A-Za-z0-9.-]{{1,64}}|{_ADDRESS}", value) is None:
            first = kind.partition("(")[0]
            self._wrong(UNUSABLE, place, f"`{value[:80]}` is no reference to a {first}; send {first}/id or its address")
            return None
        return value

    # ---------------------------------------------------------------------------------------------------- the plan

    def _check_plan(self) -> None:
        addresses = Addresses.of(self.rules)
        if self.plan is not None:
            if self.plan != self.rules.head.id:
                told = f"there is no PlanDefinition `{self.plan[:64]}`; the one here is `{self.rules.head.id}`"
                self._wrong(NO_PLAN, "", told)
            return
        named = [self._value(name) for name in ("url", "canonical") if name in self.found]
        if not named:
            told = f"`url` is missing: which plan is to be applied; the one here is {addresses.plan}"
            self._wrong(MISSING, "Parameters.parameter", told)
        version_place, version = self._value("version")
        asked = [(version_place, version)] if version else []
        for place, value in named:
            if value is None:
                continue
            url, _, its = value.partition("|")
            if url != addresses.plan:
                told = f"there is no PlanDefinition `{url[:200]}`; the one here is {addresses.plan}"
                self._wrong(NO_PLAN, place, told)
            if its:
                asked.append((place, its))
        for place, its in asked:
            if its != addresses.version:
                told = f"there is no version `{str(its)[:40]}` of the plan here; it is {addresses.version}"
                self._wrong(NO_PLAN, place, told)

    # -------------------------------------------------------------------------------------------------- the record

    def _record(self) -> Record | None:
        data, prefetched = self.found.get("data", []), self.found.get("prefetchData", [])
        if data and prefetched:
            self._wrong(TWICE, prefetched[0][0], "`data` and `prefetchData` exclude each other; send one of the two")
            return None
        if prefetched:
            return self._together(prefetched)
        if not data:
            told = "`data` is missing: the patient's record as a Bundle; nothing is kept or fetched here"
            self._wrong(MISSING, "Parameters.parameter", told)
            return None
        place, node = data[0]
        resource = node.get("resource")
        if not isinstance(resource, Mapping) or resource.get("resourceType") != "Bundle":
            self._wrong(UNUSABLE, place, "`data` holds no Bundle; put one into its `resource`")
            return None
        return Record(resource, f"{place}.resource")

    def _together(self, prefetched: _Found) -> Record | None:
        """The parts that a client prefetched as one collection; what a part says of further pages is kept."""
        entries: list[object] = []
        links: list[object] = []
        entry_places: list[str] = []
        link_places: list[str] = []
        for place, node in prefetched:
            for part_place, resource in self._parts(place, node):
                if resource.get("resourceType") != "Bundle":
                    entries.append({"resource": resource})
                    entry_places.append(part_place)
                    continue
                if resource.get("type") not in _PREFETCHED:
                    kind = str(resource.get("type"))[:40]
                    told = f"a Bundle of the type `{kind}` is no part of a record; send it as `data`"
                    self._wrong(UNUSABLE, part_place, told)
                    continue
                for name, all_, places in (("entry", entries, entry_places), ("link", links, link_places)):
                    own = resource.get(name, [])
                    if not isinstance(own, list):
                        self._wrong(UNUSABLE, f"{part_place}.{name}", "it is no list")
                        continue
                    all_ += own
                    places += [f"{part_place}.{name}[{index}]" for index in range(len(own))]
        more = {"link": links} if links else {}
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries, **more}
        return Record(bundle, prefetched[0][0], tuple(entry_places), tuple(link_places))

    def _parts(self, place: str, node: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object]]]:
        known = {part.name for part in _BY_NAME["prefetchData"].parts}
        parts = node.get("part", [])
        held = False
        for index, part in enumerate(parts if isinstance(parts, list) else ()):
            name = part.get("name") if isinstance(part, Mapping) else None
            if name not in known:
                accepted = ", ".join(sorted(known))
                told = f"`{str(name)[:40]}` is no part of prefetchData that is read; accepted are {accepted}"
                self._wrong(UNKNOWN, f"{place}.part[{index}]", told)
            elif name == "data" and isinstance(part.get("resource"), Mapping):
                held = True
                yield f"{place}.part[{index}].resource", part["resource"]
        if not held:
            self._wrong(MISSING, place, "the part `data` with a resource is missing; leave out what was not fetched")

    def _check_subject(self, subject: str, record: Record) -> None:
        """The subject is the record's patient. A record without a patient, or with two, is told when it is read."""
        patients = list(_patients(record.bundle))
        if patients and not any(_is(subject, *patient) for patient in patients):
            told = (
                "the data are about another Patient than the subject; send the data of the subject, or mend the subject"
            )
            self._wrong(MISMATCH, self.found["subject"][0][0], told)


def _patients(bundle: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The address and the id of each Patient of a bundle."""
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, Sequence) and not isinstance(entries, str) else ():
        resource = entry.get("resource") if isinstance(entry, Mapping) else None
        if isinstance(resource, Mapping) and resource.get("resourceType") == "Patient":
            yield str(entry.get("fullUrl") or ""), str(resource.get("id") or "")


def _is(subject: str, full_url: str, id_: str) -> bool:
    if subject.startswith("Patient/"):
        return subject == f"Patient/{id_}"
    return subject == full_url if full_url else bool(id_) and subject.endswith(f"/Patient/{id_}")


def _lower(says: str) -> str:
    return says[:1].lower() + says[1:].rstrip(".")
