"""What the tables name is there: systems, value sets, facts of the type that a reader gives, targets that are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from cds.case.facts import AbsenceReason
from cds.errors import Finding, UnitError
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType, ValueType
from cds.quantities import parse_unit
from cds.ruleset.documents import KeyPath
from cds.ruleset.mapping.merging import Merged
from cds.ruleset.mapping.model import (
    AgeReader,
    CodeGroup,
    CodeMapGroup,
    ConditionReader,
    DoneReader,
    ImagingReader,
    Local,
    MedicationReader,
    ObservationReader,
    Readers,
    RefusalReader,
    TreatmentReader,
)
from cds.ruleset.mapping.tables import ABSENT, Coded, MappingTables
from cds.ruleset.model import Model
from cds.vocabulary import Level, Vocabulary, fact_key

_LESION_VALUE_SETS: Final = frozenset({"malignant", "recurrent", "nodes", "history", "far_sites"})
"""The keys of `LesionTables` that name a value set; the others name a code map."""


def check_tables(merged: Merged, tables: MappingTables, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Names that resolve, facts of the right type, targets that the vocabulary has."""
    yield from _check_codes(merged)
    yield from _check_units(merged)
    yield from _check_lesions(merged)
    yield from _check_hooks(merged)
    for kind in Readers.model_fields:
        for reader in getattr(tables.readers, kind):
            yield from _check_reader(merged, tables, vocabulary, reader)


def _check_units(merged: Merged) -> Iterator[Finding]:
    for unit, code in merged.units.items():
        try:
            parse_unit(code)
        except UnitError as error:
            yield Finding("unknown-unit", merged.place(("units", unit)), f"`{unit}`: {error}")


def _check_lesions(merged: Merged) -> Iterator[Finding]:
    if merged.lesions is None:
        return
    for key, value in merged.lesions.model_dump().items():
        section = "value_sets" if key in _LESION_VALUE_SETS else "code_maps"
        if isinstance(value, str) and key != "unspecified" and value not in getattr(merged, section):
            message = f"`{value}` is none of the {section.replace('_', ' ')}; name one that is"
            yield Finding("unknown-name", merged.place(("lesions",), key), message)


def _check_hooks(merged: Merged) -> Iterator[Finding]:
    if merged.hooks is None:
        return
    named = [(("orders", str(number), "codes"), each.codes) for number, each in enumerate(merged.hooks.orders)]
    named += [(("prefetch", key, "codes"), name) for key, each in merged.hooks.prefetch.items() for name in each.codes]
    for path, name in named:
        if name not in merged.value_sets:
            place = merged.place(("hooks",), path[0])
            yield Finding("unknown-name", place, f"hooks: `{name}` is none of the value sets; name one that is")


def _check_codes(merged: Merged) -> Iterator[Finding]:
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


def _check_reader(merged: Merged, tables: MappingTables, vocabulary: Vocabulary, reader: Model) -> Iterator[Finding]:
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
    for key, path, types in _facts_given(reader):
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


def _facts_given(reader: Model) -> Iterator[tuple[str, str, tuple[type, ...]]]:
    """The facts that a reader names: under which key, their paths, and the types that it can give or read there."""
    match reader:
        case ConditionReader() | MedicationReader() | DoneReader() | RefusalReader():
            yield "fact", reader.fact, (BooleanType,)
        case ObservationReader():
            yield "fact", reader.fact, (BooleanType, NumberType, QuantityType, CodeType, DateType)
            if reader.since:
                yield "since", reader.since, (DateType,)
            if reader.before:
                yield "before", reader.before, (DateType,)
        case ImagingReader():
            yield "fact", reader.fact, (DateType,)
        case AgeReader():
            yield "fact", reader.fact, (NumberType, QuantityType)
        case TreatmentReader():
            for fact in reader.here:
                yield "here", fact, (BooleanType,)
            if reader.since:
                yield "since", reader.since, (QuantityType,)
            if reader.date:
                yield "date", reader.date, (DateType,)
        case _:
            return  # a notice gives no fact


def _is_absence(target: str) -> bool:
    reason = target.removeprefix(ABSENT)
    return reason != target and reason in {one.value for one in AbsenceReason}


def _fact_type(vocabulary: Vocabulary, path: str) -> ValueType | None:
    level, _, name = path.partition(".")
    if level not in {one.value for one in Level}:
        return None
    definition = vocabulary.facts.get((Level(level), name))
    return definition.type if definition else None


def check_translations(tables: MappingTables, vocabulary: Vocabulary) -> Iterator[Finding]:
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
