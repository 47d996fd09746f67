"""The files of a folder `mapping/` put together, an institution's own among them; each name keeps its place."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from cds.errors import Finding, Position
from cds.ruleset.concept_maps import trimmed
from cds.ruleset.documents import Document, KeyPath
from cds.ruleset.files import hint
from cds.ruleset.hooks import Hooks
from cds.ruleset.mapping.model import (
    CodeGroup,
    CodeMapGroup,
    Extensions,
    LesionTables,
    Local,
    MappingFile,
    Readers,
    System,
)
from cds.ruleset.mapping.tables import NO_LESIONS, NO_LOCAL, Coded, MappingTables, ValueSet


class Merged:
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
        """Put one more file to the others; what stands twice is found."""
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
        """Where a section, a name of one, or a reader stands, or something in it."""
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
        """The tables that these files make, every code in its system's spelling; an unknown system has none."""
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
            self.local or NO_LOCAL,
            self.extensions or Extensions(),
            self.lesions or NO_LESIONS,
            readers,
            self.units,
            self.systems,
            names,
            sets,
            maps,
            self.hooks,
        )
