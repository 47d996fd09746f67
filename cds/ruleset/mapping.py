"""Mapping tables: which codes of a record speak of which fact. Data of the rule set, compiled for the intake.

A folder `mapping/` holds YAML files; each may have any of the sections of `MappingFile`, and a name stands once in all
of them together. Every group of codes names its source. A code is known by (system, code), never by its display.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cds.case.facts import AbsenceReason
from cds.errors import Finding, Position, UnitError
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType, ValueType
from cds.quantities import parse_unit
from cds.ruleset.concept_maps import Coding, Translation, read_concept_maps, trimmed
from cds.ruleset.documents import Document, KeyPath, read_document
from cds.ruleset.files import hint
from cds.ruleset.hooks import Hooks
from cds.vocabulary import Level, Vocabulary

ABSENT: Final = "absent:"
"""Before a reason of absence, as the target of a code map: the code says that the value is not known, and why."""

Coded = tuple[str, str]
"""A code of a system: the table's short name of the system, and the code as this system writes it."""


class Model(BaseModel):
    """Frozen, and closed to words that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class System(Model):
    """A code system: its address, the other ways in which senders write it, and whether dots in codes count."""

    uri: str
    aliases: tuple[str, ...] = ()
    dots_count: bool = True


class CodeGroup(Model):
    """Codes of one system from one source; `codes` and `prefixes` map a code to words for people, never to a
    meaning.
    """

    system: str
    source: str
    codes: dict[str, str] = Field(default_factory=dict)
    prefixes: dict[str, str] = Field(default_factory=dict)

    def every_code(self) -> Iterable[str]:
        """The codes that it lists."""
        return self.codes


class CodeMapGroup(Model):
    """Codes of one system from one source, by what they mean here."""

    system: str
    source: str
    to: dict[str, dict[str, str]]

    def every_code(self) -> Iterable[str]:
        """The codes that it lists, whatever each means."""
        return (code for codes in self.to.values() for code in codes)


class Local(Model):
    """The addresses of what this rule set defines itself: code systems, a form, identifiers."""

    observation: str
    value_prefix: str
    structure: str
    questionnaire: str
    after: str = ""
    """The extension by which a statement says that it follows an event: the path of a fact of type Date."""
    lesion_identifiers: tuple[str, ...] = ()


class Extensions(Model):
    """Addresses of the extensions that are read, by what they say."""

    laterality: tuple[str, ...] = ()
    histology: tuple[str, ...] = ()
    related_condition: tuple[str, ...] = ()
    body_structure: tuple[str, ...] = ()
    status_reason: tuple[str, ...] = ()
    recurrence: tuple[str, ...] = ()
    dose_to_volume: tuple[str, ...] = ()
    certainty: tuple[str, ...] = ()
    harmless_modifiers: tuple[str, ...] = ()


class LesionTables(Model):
    """Names of the value sets and code maps that find tumours and describe them.

    `unspecified` is a target of the site maps: head and neck, which site not said.
    """

    tumour_profiles: tuple[str, ...]
    volume_profiles: tuple[str, ...]
    cancer_profiles: tuple[str, ...]
    secondary_profiles: tuple[str, ...]
    site: str
    side: str
    histology: str
    condition_site: str
    condition_side: str
    condition_histology: str
    unspecified: str
    malignant: str
    recurrent: str
    nodes: str
    history: str
    structure: str
    far_sites: str
    certainty: str


class ObservationReader(Model):
    """An Observation code of a published system that gives a fact.

    `map` names a code map for coded values; `component` the value set of the component that holds the value;
    `structure` is `bodySite`, or the name of the structure that the code implies; `unless` names elements whose
    presence, and `unless_method` a value set of methods, which mean that the value is about something else; `since`
    names a Date fact: an older Observation speaks of an earlier time; `before` one that it has to be older than. With
    `of_tumour` it speaks of one cancer, and of no fact of the patient where that is not the head and neck tumour.
    """

    id: str
    fact: str
    codes: str
    map: str | None = None
    component: str | None = None
    structure: str | None = None
    unless: tuple[str, ...] = ()
    unless_method: str | None = None
    since: str | None = None
    before: str | None = None
    of_tumour: bool = False


class ConditionReader(Model):
    """A Condition code that makes a Boolean fact true; with `unclear`, one that only shows that the fact is open.

    `may_be` names a value set of diagnoses among which there are such: one of them, unless it is listed in `codes`,
    keeps the silence about the fact from being an answer.
    """

    id: str
    fact: str
    codes: str
    unclear: bool = False
    may_be: str | None = None


class NoticeReader(Model):
    """A Condition code that gives no fact but that a person should see; `id` is the code of the issue."""

    id: str
    codes: str
    says: str


class MedicationReader(Model):
    """A drug that, being taken, makes a Boolean fact true."""

    id: str
    fact: str
    codes: str


class DoneReader(Model):
    """A Procedure, or an ImagingStudy with all these modalities, that makes a Boolean fact true when completed."""

    id: str
    fact: str
    codes: str
    modalities: tuple[str, ...] = ()


class ImagingReader(Model):
    """An ImagingStudy with one of these modalities, as the newest imaging of a lesion: a Date fact of the lesion."""

    id: str
    fact: str
    modalities: tuple[str, ...]


class TreatmentReader(Model):
    """An earlier local treatment. `sites` maps procedure codes that imply their site.

    `here` names the Boolean fact that a treatment of the lesion's site makes true; `since` a Quantity fact of the time
    from its end; `date` a Date fact of its end. With `this_lesion` the site is not enough: the record must say that the
    treatment was of this lesion.
    """

    id: str
    codes: str
    sites: str | None = None
    here: tuple[str, ...] = ()
    since: str | None = None
    date: str | None = None
    this_lesion: bool = False


class RefusalReader(Model):
    """A treatment that the patient declined: `codes` what, `reasons` that it was the patient."""

    id: str
    fact: str
    codes: str
    reasons: str


class AgeReader(Model):
    """The fact that the date of birth gives."""

    id: str
    fact: str


class Readers(Model):
    """Every reader, by the kind of resource."""

    age: tuple[AgeReader, ...] = ()
    observations: tuple[ObservationReader, ...] = ()
    conditions: tuple[ConditionReader, ...] = ()
    notices: tuple[NoticeReader, ...] = ()
    medications: tuple[MedicationReader, ...] = ()
    done: tuple[DoneReader, ...] = ()
    imaging: tuple[ImagingReader, ...] = ()
    treatments: tuple[TreatmentReader, ...] = ()
    refusals: tuple[RefusalReader, ...] = ()


class MappingFile(Model):
    """One file of the folder."""

    systems: dict[str, System] = Field(default_factory=dict)
    local: Local | None = None
    extensions: Extensions | None = None
    lesions: LesionTables | None = None
    units: dict[str, str] = Field(default_factory=dict)
    value_sets: dict[str, tuple[CodeGroup, ...]] = Field(default_factory=dict)
    code_maps: dict[str, tuple[CodeMapGroup, ...]] = Field(default_factory=dict)
    readers: Readers | None = None
    hooks: Hooks | None = None


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


_NO_LOCAL: Final = Local(observation="", value_prefix="", structure="", questionnaire="")
_NO_LESIONS: Final = LesionTables(
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

    local: Local = _NO_LOCAL
    extensions: Extensions = Extensions()  # noqa: RUF009 - frozen, so one for all is the same
    lesions: LesionTables = _NO_LESIONS
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
        return self.value_sets.get(name, _EMPTY)

    def knows(self, code: Coded) -> bool:
        """Whether a code stands in any table, whatever it means there."""
        return any(code in values for values in self.value_sets.values()) or any(
            code in meanings for meanings in self.code_maps.values()
        )

    def code_map(self, name: str) -> Mapping[Coded, str]:
        """A code map by name."""
        return self.code_maps.get(name, {})


_EMPTY: Final = ValueSet()


def load_mapping(
    folder: Path, vocabulary: Vocabulary, *, added: Sequence[Path] = (), concept_maps: Sequence[Path] = ()
) -> tuple[MappingTables, list[Finding]]:
    """Read the folder `mapping/` of a rule set, with the tables and the ConceptMaps that an institution adds.

    Everything wrong in them is in the findings, some of it as warnings; none is raised.
    """
    findings: list[Finding] = []
    parts: list[tuple[MappingFile, Document]] = []
    own = [(file, f"{folder.parent.name}/{folder.name}/{file.name}") for file in sorted(folder.glob("*.yaml"))]
    for file, name in [*own, *((file, file.name) for file in added)]:
        try:
            document = read_document(file, name)
        except UnicodeDecodeError:
            place = Position(name, 1, 1)
            findings.append(Finding("not-text", place, "the file is not UTF-8 text; save it as UTF-8"))
            continue
        findings += document.findings
        try:
            parts.append((MappingFile.model_validate(_plain(document.data or {})), document))
        except ValidationError as error:
            findings += [_shape(document, str(p["msg"]), tuple(p["loc"]), str(p["type"])) for p in error.errors()]
    merged = _Merged({file.name for file in added})
    for part, document in parts:
        findings += merged.add(part, document)
    translations, problems = read_concept_maps(concept_maps)
    tables = merged.tables()
    tables = replace(tables, translations=translations, added=merged.codes_added(tables))
    return tables, [*findings, *problems, *_check(merged, tables, vocabulary), *_odd_translations(tables, vocabulary)]


def _odd_translations(tables: MappingTables, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Translations of what the tables read already, and into what no table reads.

    The first would change what a published code means here; the second change nothing, and look as if they did.
    """
    for (address, code), meant in tables.translations.items():
        own = tables.system(address)
        if own is not None and tables.knows((own, tables.spelled(own, code))):
            message = f"`{code}` of `{address}` is read by the rule set's own tables; map codes that no table reads"
            yield Finding("ambiguous-code", meant.position, message)
        system, target = meant.target
        name = tables.system(system)
        if name is not None and tables.knows((name, tables.spelled(name, target))):
            continue
        if _is_local(system, target, tables.local, vocabulary):
            continue
        what = f"no system `{system}`" if name is None and not _is_ours(system, tables.local) else f"no code `{target}`"
        message = f"`{code}` is translated into what is not read: {what} in any table; correct it, or leave it out"
        yield Finding("unknown-target", meant.position, message, severity="warning")


def _is_ours(system: str, local: Local) -> bool:
    ours = (local.observation, local.structure)
    return system in ours or bool(local.value_prefix and system.startswith(local.value_prefix))


def _is_local(system: str, code: str, local: Local, vocabulary: Vocabulary) -> bool:
    """Whether a coding is one that this rule set defines itself: a fact, a structure, or a value of a fact."""
    if not _is_ours(system, local):
        return False
    if system == local.observation:
        return any(_folded(name) == _folded(code) for _, name in vocabulary.facts)
    if system == local.structure:
        return _folded(code) in map(_folded, vocabulary.structures)
    wanted = _folded(system.removeprefix(local.value_prefix))
    return any(
        _folded(name) == wanted
        and isinstance(definition.type, CodeType)
        and _folded(code) in map(_folded, definition.type.values)
        for (_, name), definition in vocabulary.facts.items()
    )


def _folded(name: str) -> str:
    """A name in any of its spellings: `carotidEncasement`, `carotid-encasement`, `carotid_encasement`."""
    return name.replace("-", "").replace("_", "").lower()


def _plain(node: object) -> object:
    """The data with numbers as text: a code that looks like a number is a code."""
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    return str(node) if isinstance(node, (int, Decimal)) and not isinstance(node, bool) else node


def _shape(document: Document, message: str, path: KeyPath, kind: str) -> Finding:
    key = ".".join(str(part) for part in path)
    if kind == "extra_forbidden":
        message = "is not a word of this place; remove it"
    elif kind == "missing":
        message = "is missing; write it"
    return Finding("file-shape", document.position(path), f"`{key}`: {message[:1].lower()}{message[1:]}")


class _Merged:
    """The sections of all files together, with the place of each name."""

    def __init__(self, added: Collection[str]) -> None:
        """`added`: the names of an institution's files, which may add codes to what is there."""
        self._added = added
        self.groups: dict[KeyPath, list[tuple[Document, KeyPath]]] = {}
        self.systems: dict[str, System] = {}
        self.units: dict[str, str] = {}
        self.value_sets: dict[str, tuple[CodeGroup, ...]] = {}
        self.code_maps: dict[str, tuple[CodeMapGroup, ...]] = {}
        self.local: Local | None = None
        self.extensions: Extensions | None = None
        self.lesions: LesionTables | None = None
        self.hooks: Hooks | None = None
        self.readers: list[Readers] = []
        self.places: dict[KeyPath, tuple[Document, KeyPath]] = {}

    def add(self, part: MappingFile, document: Document) -> Iterator[Finding]:
        for section in ("value_sets", "code_maps"):
            yield from self._add_groups(part, document, section)
        for section in ("systems", "units"):
            own: dict[str, object] = getattr(self, section)
            for name, value in getattr(part, section).items():
                if name in own:
                    message = f"`{name}` stands twice among the {section.replace('_', ' ')}; keep one of the two"
                    yield Finding("duplicate-name", document.position((section, name)), message)
                own[name] = value
                self.places[section, name] = (document, (section, name))
        for section in ("local", "extensions", "lesions", "hooks"):
            value = getattr(part, section)
            if value is not None:
                if getattr(self, section) is not None:
                    message = f"`{section}` stands in two files; keep one of the two"
                    yield Finding("duplicate-name", document.position((section,)), message)
                setattr(self, section, value)
                self.places[(section,)] = (document, (section,))
        if part.readers is not None:
            for kind in Readers.model_fields:
                for index, reader in enumerate(getattr(part.readers, kind)):
                    if ("reader", reader.id) in self.places:
                        message = f"`{reader.id}` is the id of two readers; give each its own"
                        yield Finding("duplicate-name", document.position(("readers", kind, index, "id")), message)
                    self.places["reader", reader.id] = (document, ("readers", kind, index))
            self.readers.append(part.readers)

    def _add_groups(self, part: MappingFile, document: Document, section: str) -> Iterator[Finding]:
        """The groups of value sets, or of code maps; an institution's are added to those of the same name."""
        own: dict[str, tuple[CodeGroup | CodeMapGroup, ...]] = getattr(self, section)
        for name, groups in getattr(part, section).items():
            if name in own and document.name not in self._added:
                message = f"`{name}` stands twice among the {section.replace('_', ' ')}; keep one of the two"
                yield Finding("duplicate-name", document.position((section, name)), message)
                continue
            if document.name in self._added and name not in own:
                message = f"`{name}` is none of the {section.replace('_', ' ')}{hint(name, own)}; name one that is"
                yield Finding("unknown-name", document.position((section, name)), message)
            own[name] = (*own.get(name, ()), *groups)
            self.places.setdefault((section, name), (document, (section, name)))
            places = [(document, (section, name, index)) for index in range(len(groups))]
            self.groups.setdefault((section, name), []).extend(places)

    def place(self, key: KeyPath, *within: str | int) -> Position:
        document, path = self.places[key]
        return document.position((*path, *within))

    def group_place(self, key: KeyPath, index: int, *within: str | int) -> Position:
        """Where a group of a value set or a code map stands, or something in it."""
        document, path = self.groups[key][index]
        return document.position((*path, *within))

    def codes_added(self, tables: MappingTables) -> dict[Coded, str]:
        """The codes that an institution's groups hold, each with the name of its file and the source it gives."""
        found: dict[Coded, str] = {}
        for section in ("value_sets", "code_maps"):
            named: dict[str, tuple[CodeGroup | CodeMapGroup, ...]] = getattr(self, section)
            for name, groups in named.items():
                for (document, _), group in zip(self.groups[section, name], groups, strict=True):
                    if document.name in self._added and group.system in self.systems:
                        for code in group.every_code():
                            coded = (group.system, tables.spelled(group.system, code))
                            found.setdefault(coded, f"{document.name} ({group.source})")
        return found

    def tables(self) -> MappingTables:
        names = {trimmed(uri): name for name, system in self.systems.items() for uri in (system.uri, *system.aliases)}
        bare = MappingTables(systems=self.systems, system_names=names)
        known = set(self.systems)
        sets = {
            name: ValueSet(
                frozenset((g.system, bare.spelled(g.system, c)) for g in groups if g.system in known for c in g.codes),
                tuple((g.system, bare.spelled(g.system, c)) for g in groups if g.system in known for c in g.prefixes),
            )
            for name, groups in self.value_sets.items()
        }
        maps = {
            name: {
                (g.system, bare.spelled(g.system, code)): target
                for g in groups
                if g.system in known
                for target, codes in g.to.items()
                for code in codes
            }
            for name, groups in self.code_maps.items()
        }
        readers = Readers(
            **{kind: tuple(r for part in self.readers for r in getattr(part, kind)) for kind in Readers.model_fields}
        )
        return MappingTables(
            self.local or _NO_LOCAL,
            self.extensions or Extensions(),
            self.lesions or _NO_LESIONS,
            readers,
            self.units,
            self.systems,
            names,
            sets,
            maps,
            self.hooks,
        )


def _check(merged: _Merged, tables: MappingTables, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Names that resolve, facts of the right type, targets that the vocabulary has."""
    yield from _check_codes(merged)
    for unit, code in merged.units.items():
        try:
            parse_unit(code)
        except UnitError as error:
            yield Finding("unknown-unit", merged.place(("units", unit)), f"`{unit}`: {error}")
    if merged.lesions is not None:
        for key, value in merged.lesions.model_dump().items():
            section = {
                "malignant": "value_sets",
                "recurrent": "value_sets",
                "nodes": "value_sets",
                "history": "value_sets",
                "far_sites": "value_sets",
            }.get(key, "code_maps")
            if isinstance(value, str) and key != "unspecified" and value not in getattr(merged, section):
                message = f"`{value}` is none of the {section.replace('_', ' ')}; name one that is"
                yield Finding("unknown-name", merged.place(("lesions",), key), message)
    yield from _check_hooks(merged)
    for kind in Readers.model_fields:
        for reader in getattr(tables.readers, kind):
            yield from _check_reader(merged, tables, vocabulary, reader)


def _check_hooks(merged: _Merged) -> Iterator[Finding]:
    if merged.hooks is None:
        return
    named = [(("orders", str(number), "codes"), each.codes) for number, each in enumerate(merged.hooks.orders)]
    named += [(("prefetch", key, "codes"), name) for key, each in merged.hooks.prefetch.items() for name in each.codes]
    for path, name in named:
        if name not in merged.value_sets:
            place = merged.place(("hooks",), path[0])
            yield Finding("unknown-name", place, f"hooks: `{name}` is none of the value sets; name one that is")


def _check_codes(merged: _Merged) -> Iterator[Finding]:
    groups: Iterable[tuple[KeyPath, int, CodeGroup | CodeMapGroup]] = (
        *((("value_sets", name), at, g) for name, all_ in merged.value_sets.items() for at, g in enumerate(all_)),
        *((("code_maps", name), at, g) for name, all_ in merged.code_maps.items() for at, g in enumerate(all_)),
    )
    for key, at, group in groups:
        if group.system not in merged.systems:
            message = f"`{group.system}` is none of the systems; accepted are {', '.join(sorted(merged.systems))}"
            yield Finding("unknown-system", merged.group_place(key, at, "system"), message)
        if not group.source.strip():
            message = f"`{key[-1]}` names no source; say where its codes are from"
            yield Finding("missing-source", merged.group_place(key, at, "source"), message)
    for name, maps in merged.code_maps.items():
        seen: dict[Coded, str] = {}
        for at, group in enumerate(maps):
            for target, codes in group.to.items():
                for code in codes:
                    before = seen.setdefault((group.system, code), target)
                    if before != target:
                        place = merged.group_place(("code_maps", name), at, "to", target, code)
                        message = f"`{code}` of `{group.system}` means both `{before}` and `{target}`; keep one"
                        yield Finding("ambiguous-code", place, message)


_READS: Final[Mapping[str, tuple[type, ...]]] = {
    "here": (BooleanType,),
    "since": (QuantityType,),
    "date": (DateType,),
}


def _check_reader(merged: _Merged, tables: MappingTables, vocabulary: Vocabulary, reader: Model) -> Iterator[Finding]:
    identity = str(getattr(reader, "id", ""))

    def finding(key: str, message: str) -> Finding:
        return Finding("unknown-name", merged.place(("reader", identity), key), f"reader `{identity}`: {message}")

    for key, section in (
        ("codes", "value_sets"),
        ("component", "value_sets"),
        ("reasons", "value_sets"),
        ("unless_method", "value_sets"),
        ("may_be", "value_sets"),
        ("map", "code_maps"),
        ("sites", "code_maps"),
    ):
        name = getattr(reader, key, None)
        if name is not None and name not in getattr(merged, section):
            yield finding(key, f"`{name}` is none of the {section.replace('_', ' ')}; name one that is")
    wanted: list[tuple[str, str, tuple[type, ...]]] = []
    if isinstance(reader, (ConditionReader, MedicationReader, DoneReader, RefusalReader)):
        wanted.append(("fact", reader.fact, (BooleanType,)))
    elif isinstance(reader, ObservationReader):
        wanted.append(("fact", reader.fact, (BooleanType, NumberType, QuantityType, CodeType, DateType)))
        wanted += [(k, f, (DateType,)) for k, f in (("since", reader.since), ("before", reader.before)) if f]
    elif isinstance(reader, ImagingReader):
        wanted.append(("fact", reader.fact, (DateType,)))
    elif isinstance(reader, AgeReader):
        wanted.append(("fact", reader.fact, (NumberType, QuantityType)))
    elif isinstance(reader, TreatmentReader):
        wanted += [("here", fact, _READS["here"]) for fact in reader.here]
        wanted += [(k, fact, _READS[k]) for k, fact in (("since", reader.since), ("date", reader.date)) if fact]
    for key, path, types in wanted:
        value_type = _fact_type(vocabulary, path)
        if value_type is None:
            yield finding(key, f"`{path}` is no fact of the vocabulary; name one that is")
        elif not isinstance(value_type, types):
            yield finding(key, f"`{path}` is a {value_type}, which this reader does not give")
        elif (
            isinstance(reader, ObservationReader) and key == "fact" and isinstance(value_type, CodeType) and reader.map
        ):
            definition = vocabulary.facts[fact_key(path)]
            for target in dict.fromkeys(tables.code_map(reader.map).values()):
                if not (target in value_type.values or target in definition.absences or _is_absence(target)):
                    yield finding("map", f"`{target}` is neither a value nor an absence of `{path}`; name one that is")


def _is_absence(target: str) -> bool:
    reason = target.removeprefix(ABSENT)
    return reason != target and reason in {one.value for one in AbsenceReason}


def fact_key(path: str) -> tuple[Level, str]:
    """`lesion.site` as the vocabulary's key."""
    level, _, name = path.partition(".")
    return Level(level), name


def _fact_type(vocabulary: Vocabulary, path: str) -> ValueType | None:
    level, _, name = path.partition(".")
    if level not in {one.value for one in Level}:
        return None
    definition = vocabulary.facts.get((Level(level), name))
    return definition.type if definition else None
