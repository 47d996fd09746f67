"""Which of an institution's own maps and tables a reading needed: named in its sources, for its reader to check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from cds.case.provenance import Source
from cds.intake.bundle import Entry
from cds.intake.document import Json, string
from cds.intake.reconcile import Reading
from cds.ruleset.mapping import MappingTables


def with_maps_named(readings: Iterable[Reading], entries: Iterable[Entry], tables: MappingTables) -> list[Reading]:
    """The readings, each source of a resource whose codes the institution's own maps or tables read naming these."""
    if not tables.translations and not tables.added:
        return list(readings)
    used = {entry.path: ", ".join(dict.fromkeys(_own(entry.resource, tables))) for entry in entries}

    def named(source: Source) -> Source:
        own = used.get(source.entry)
        return replace(source, mapping="; ".join(part for part in (source.mapping, own) if part)) if own else source

    return [replace(reading, sources=tuple(map(named, reading.sources))) for reading in readings]


def _own(node: Json, tables: MappingTables) -> Iterator[str]:
    """The institution's maps and tables that codings anywhere in a resource are read by."""
    waiting: list[object] = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(reversed(part))
        elif isinstance(part, Mapping):
            system, code = string(part, "system"), string(part, "code")
            own = tables.institutions_own(system, code) if system and code else None
            if own is not None:
                yield own
            waiting.extend(reversed(list(part.values())))
