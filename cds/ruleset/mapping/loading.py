"""Reads a folder `mapping/`, and what an institution adds to it, as tables; everything wrong comes as findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from pydantic import ValidationError

from cds.errors import Finding, Position
from cds.ruleset.concept_maps import read_concept_maps
from cds.ruleset.documents import Document, KeyPath, read_document
from cds.ruleset.mapping.checks import check_tables, check_translations
from cds.ruleset.mapping.merging import Merged
from cds.ruleset.mapping.model import MappingFile
from cds.ruleset.mapping.tables import MappingTables
from cds.vocabulary import Vocabulary


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
    merged = Merged({file.name for file in added})
    for part, document in parts:
        findings += merged.add(part, document)
    translations, problems = read_concept_maps(concept_maps)
    tables = merged.tables()
    tables = replace(tables, translations=translations, added=merged.codes_added(tables))
    findings += [*problems, *check_tables(merged, tables, vocabulary), *check_translations(tables, vocabulary)]
    return tables, findings


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
