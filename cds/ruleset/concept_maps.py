"""An institution's local codes: FHIR ConceptMap resources, read into translations of one code each.

Only what is *equal* or *equivalent* is translated. A wider, narrower or merely related target would say more, or less,
than the sender did: such an element is found and not used. A code is translated once; a target that another map would
carry further is found, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cds.errors import Finding, Position
from cds.ruleset.documents import Document, KeyPath, parse_document

Coding = tuple[str, str]
"""A code system's address, and a code of it."""

SAME: Final = frozenset({"equal", "equivalent"})


@dataclass(frozen=True, slots=True)
class Translation:
    """What a local code means: the coding that stands for it, the map that says so, and where."""

    target: Coding
    map: str
    position: Position


class _Part(BaseModel):
    """The members that are read; a ConceptMap has others, which change nothing."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Target(_Part):
    code: str | None = None
    equivalence: Literal[
        "relatedto", "equivalent", "equal", "wider", "subsumes", "narrower", "specializes", "inexact", "unmatched",
        "disjoint",
    ]  # fmt: skip
    depends_on: tuple[object, ...] = Field(default=(), alias="dependsOn")
    product: tuple[object, ...] = ()


class _Element(_Part):
    code: str
    target: tuple[_Target, ...] = ()


class _Group(_Part):
    source: str
    target: str
    element: tuple[_Element, ...]
    unmapped: object | None = None


class _ConceptMap(_Part):
    resource_type: Literal["ConceptMap"] = Field(alias="resourceType")
    id: str = ""
    url: str = ""
    version: str = ""
    status: Literal["draft", "active", "retired", "unknown"]
    group: tuple[_Group, ...]


def read_concept_maps(files: Iterable[Path]) -> tuple[dict[Coding, Translation], list[Finding]]:
    """The translations of some ConceptMap files, by local coding, and everything wrong with them."""
    found: dict[Coding, Translation] = {}
    findings: list[Finding] = []
    for file in files:
        read, document, problems = _read(file)
        findings += problems
        if read is not None:
            findings += _add(read, document, found)
    findings += _carried_further(found)
    return found, findings


def _read(file: Path) -> tuple[_ConceptMap | None, Document, list[Finding]]:
    nothing = Document(file.name, None, {}, frozenset())
    place = Position(file.name, 1, 1)
    try:
        text = file.read_text(encoding="utf-8")
        data = json.loads(text)
    except UnicodeDecodeError:
        return None, nothing, [Finding("not-text", place, "the file is not UTF-8 text; save it as UTF-8")]
    except ValueError as error:
        return None, nothing, [Finding("not-json", place, f"not JSON: {error}; mend the file's form first")]
    document = parse_document(text, file.name)  # JSON is YAML: this gives the positions, and finds repeated members
    try:
        return _ConceptMap.model_validate(data), document, list(document.findings)
    except ValidationError as error:
        wrong = [
            Finding("concept-map-shape", document.position(tuple(p["loc"])), f"{_at(p['loc'])}: {_said(p['msg'])}")
            for p in error.errors()
        ]
        return None, document, [*document.findings, *wrong]


def _at(path: KeyPath) -> str:
    """A place as FHIR writes it: `ConceptMap.group[0].element[3].code`."""
    return "ConceptMap" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _said(problem: str) -> str:
    return f"{problem[:1].lower()}{problem[1:]}; accepted is a FHIR R4 ConceptMap"


def _add(read: _ConceptMap, document: Document, found: dict[Coding, Translation]) -> Iterator[Finding]:
    name = "|".join(part for part in (read.url or read.id or document.name, read.version) if part)
    if read.status == "retired":
        message = f"`{name}` is retired; name the map that is in force"
        yield Finding("unused-mapping", document.position(("status",)), message, severity="warning")
        return
    for at, group in enumerate(read.group):
        if group.unmapped is not None:
            message = "`unmapped` would give a meaning to codes that nobody looked at; it is not used: map each code"
            place = document.position(("group", at, "unmapped"))
            yield Finding("unused-mapping", place, message, severity="warning")
        for number, element in enumerate(group.element):
            path: KeyPath = ("group", at, "element", number)
            yield from _element(group, element, document, path, name, found)


def _element(
    group: _Group, element: _Element, document: Document, path: KeyPath, name: str, found: dict[Coding, Translation]
) -> Iterator[Finding]:
    source = (trimmed(group.source), element.code.strip())
    for index, target in enumerate(element.target):
        place = document.position((*path, "target", index))
        if target.equivalence not in SAME or target.code is None or target.depends_on or target.product:
            why = "it holds under a condition only" if target.depends_on or target.product else target.equivalence
            message = f"`{element.code}` is not translated: {why}; accepted are {' and '.join(sorted(SAME))}"
            yield Finding("unused-mapping", place, message, severity="warning")
            continue
        meant = Translation((group.target, target.code.strip()), name, place)
        before = found.setdefault(source, meant)
        if before is meant:
            continue
        if before.target == meant.target:
            message = f"`{element.code}` is mapped twice, first by {before.position}; keep one of the two"
            yield Finding("duplicate-name", place, message)
        else:
            message = f"`{element.code}` means `{before.target[1]}` ({before.position}) and `{target.code}`; keep one"
            yield Finding("ambiguous-code", place, message)


def _carried_further(found: Mapping[Coding, Translation]) -> Iterator[Finding]:
    for (_, code), meant in found.items():
        system, target = meant.target
        further = found.get((trimmed(system), target))
        if further is not None:
            message = (
                f"`{code}` is mapped to `{target}`, which is mapped again ({further.position}); map it to what it means"
            )
            yield Finding("mapped-again", meant.position, message)


def trimmed(uri: str) -> str:
    """An address without spaces, closing slash, letters' case of the scheme, and a SNOMED CT edition.

    >>> trimmed("http://snomed.info/sct/900000000000207008/version/20240101")
    'http://snomed.info/sct'
    """
    text = uri.strip().rstrip("/").split("|")[0]
    if text.startswith("https://") and ("snomed.info" in text or "loinc.org" in text or "hl7.org" in text):
        text = "http://" + text.removeprefix("https://")
    return "http://snomed.info/sct" if text.startswith("http://snomed.info/sct/") else text
