"""What the record calls a tumour: which resources are one, by which names it is known, and what is a lesion's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cds.case import Known, Source
from cds.intake.bundle import Entry
from cds.intake.coding import Concept, concept
from cds.intake.document import child, children, string, strings
from cds.intake.reconcile import Reading
from cds.intake.references import Target
from cds.intake.remarks import shown
from cds.ruleset.mapping import MappingTables
from cds.vocabulary import Level, Vocabulary

BILATERAL: Final = "bilateral"


@dataclass(frozen=True, slots=True)
class Tumour:
    """One lesion as the record names it: the resources that are it, and the elements that make it one.

    `label` is what the record calls it, for people only; empty where it gives no description.
    """

    id: str
    bodies: tuple[Entry, ...]
    conditions: tuple[Entry, ...]
    sources: tuple[Source, ...]
    readings: tuple[Reading, ...]
    label: str = ""

    def said(self, name: str) -> frozenset[str]:
        """The codes that the lesion's resources say of one of its facts (`site`, `side`)."""
        states = (reading.state for reading in self.readings if reading.name == name)
        return frozenset(str(state.value) for state in states if isinstance(state, Known))


@dataclass(slots=True)
class Lesions:
    """The lesions of a record, and the other tumours that keep a statement without focus from being about the only
    one. `unsettled` are those of them that may yet be lesions: unread, unconfirmed, or nodes of which no recurrence is
    stated. `nearby` are those in the head and neck, the first tumour among them.
    """

    tumours: list[Tumour] = field(default_factory=list)
    others: list[Entry] = field(default_factory=list)
    unsettled: list[Entry] = field(default_factory=list)
    nearby: list[Entry] = field(default_factory=list)

    def holding(self, target: Target) -> list[Tumour]:
        """The lesions that a resolved reference points to: its BodyStructure or Condition, or one with its
        identifier.
        """
        if target.contained is not None:
            wanted = identifiers(target.contained)
            return [
                t for t in self.tumours if any(wanted & identifiers(e.resource) for e in (*t.bodies, *t.conditions))
            ]
        index = target.entry.index
        return [t for t in self.tumours if any(e.index == index for e in (*t.bodies, *t.conditions))]

    def is_other(self, target: Target) -> bool:
        """Whether a resolved reference points to a diagnosis, or a tumour, that is certainly none of the lesions."""
        if target.contained is not None or self.holding(target):
            return False
        index = target.entry.index
        if any(entry.index == index for entry in self.unsettled):
            return False
        return target.entry.type == "Condition" or any(entry.index == index for entry in self.others)

    def named(self, text: str) -> list[Tumour]:
        """The lesions that a text names by the lesion's id, or by the id or an identifier of one of its resources."""
        name = lesion_name(text)
        found = [t for t in self.tumours if t.id == name]
        return found or [t for t in self.tumours if name in _names(t)]

    def nearly_named(self, text: str) -> list[Tumour]:
        """The lesions of which a text is a name but for its capitals, spaces and punctuation."""
        plain = _plain(text)
        return [t for t in self.tumours if plain and any(plain == _plain(name) for name in (t.id, *_names(t)))]

    def only(self) -> Tumour | None:
        """The lesion, where it is the only tumour of any kind that the record names."""
        return self.tumours[0] if len(self.tumours) == 1 and not self.others else None


def lesion_name(text: str) -> str:
    """The id of a lesion by an identifier of the record: on one line, and without what subjects are told apart by.

    >>> lesion_name("S23-1234/5"), lesion_name("patient")
    ('S23-1234-5', 'lesion-patient')
    """
    name = shown(text, 100).replace("/", "-")
    return f"lesion-{name}" if name == "patient" else name


def _names(tumour: Tumour) -> set[str]:
    entries = (*tumour.bodies, *tumour.conditions)
    values = (value for entry in entries for _, value in identifiers(entry.resource))
    return {lesion_name(name) for name in (*values, *(entry.id or "" for entry in entries)) if name}


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def identifiers(resource: object) -> set[tuple[str, str]]:
    """The system and value of every identifier of a resource that has a value."""
    found = ((string(i, "system") or "", string(i, "value") or "") for i in children(resource, "identifier"))
    return {(system, value) for system, value in found if value}


def is_cancer(condition: Entry, tables: MappingTables) -> bool:
    """Whether a Condition speaks of a malignant tumour, of whatever site; a history of one is none."""
    config = tables.lesions
    code = concept(condition.resource.get("code"), tables)
    profiles = {p.split("|")[0] for p in strings(child(condition.resource, "meta"), "profile")}
    return not code.any_in(tables.value_set(config.history)) and (
        any(code.any_in(tables.value_set(name)) for name in (config.malignant, config.nodes, config.recurrent))
        or any(code.mapped(tables.code_map(name)) for name in (config.condition_site, config.condition_histology))
        or bool(profiles & {*config.cancer_profiles, *config.secondary_profiles})
    )


def is_tumour(body: Entry, vocabulary: Vocabulary, tables: MappingTables) -> bool:
    """Whether a BodyStructure is a tumour, or may be by its place; an irradiated volume is none."""
    profiles = {p.split("|")[0] for p in strings(child(body.resource, "meta"), "profile")}
    location = concept(body.resource.get("location"), tables)
    return not profiles & set(tables.lesions.volume_profiles) and (
        declares_tumour(body, vocabulary, tables)
        or bool(words_of(location, "site", tables.lesions.site, vocabulary, tables))
    )


def declares_tumour(body: Entry, vocabulary: Vocabulary, tables: MappingTables) -> bool:
    """Whether a BodyStructure says itself that it is a tumour: by profile, our identifier or a malignant morphology."""
    config = tables.lesions
    profiles = {p.split("|")[0] for p in strings(child(body.resource, "meta"), "profile")}
    morphology = concept(body.resource.get("morphology"), tables)
    return (
        bool(profiles & set(config.tumour_profiles))
        or any(system in tables.local.lesion_identifiers for system, _ in identifiers(body.resource))
        or morphology.any_in(tables.value_set(config.malignant))
        or bool(words_of(morphology, "histology", config.histology, vocabulary, tables))
    )


def words_of(said: Concept, name: str, map_name: str, vocabulary: Vocabulary, tables: MappingTables) -> tuple[str, ...]:
    """The values of a lesion's Code fact that a concept means: by a map, or by the fact's own code system."""
    definition = vocabulary.facts.get((Level.LESION, name))
    values = getattr(definition.type, "values", ()) if definition else ()
    codes = said.local(f"{tables.local.value_prefix}{name}")
    local = (v for code in codes for v in values if v.replace("_", "-") == code.replace("_", "-"))
    return tuple(dict.fromkeys((*said.mapped(tables.code_map(map_name)), *local)))
