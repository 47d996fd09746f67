"""The files of a rule set as they stand in its folder: each read and validated by itself, everything wrong kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, Field, ValidationError

from cds.errors import Finding, Position
from cds.language.suggestion import did_you_mean
from cds.ruleset.documents import Document, KeyPath, read_document
from cds.ruleset.model import (
    ClaimFile,
    DatedValue,
    Day,
    DefinitionFile,
    Model,
    Number,
    Parameter,
    ParameterFile,
    PlannerFile,
    PreferenceFile,
    Reference,
    RuleFile,
    RuleSetFile,
    StructureFile,
    VocabularyFile,
)

M = TypeVar("M", bound=BaseModel)


class OverlayParameter(Model):
    """An institution's value of one parameter, in the parameter's unit; with `from`, from that day on."""

    value: Number
    unit: str | None = None
    cite: str | None = None
    note: str = ""
    since: Day | None = Field(default=None, alias="from")


class Overlay(Model):
    """What an institution adds: values of parameters, and maps of its local codes.

    `label` is shown wherever a value was used. `concept_maps` are FHIR ConceptMap resources (JSON), `mapping` tables of
    the same sections as the rule set's own, both as paths from the overlay's folder.
    """

    label: str
    parameters: Mapping[str, OverlayParameter] = Field(default_factory=dict)
    concept_maps: tuple[str, ...] = ()
    mapping: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """Something of a file (a rule, a preference, a planner entry), with the file and its key path there."""

    item: Any
    document: Document
    path: KeyPath

    def position(self, key: str | None = None) -> Position:
        """Where it stands, or one of its members."""
        return self.document.position((*self.path, key) if key is not None else self.path)


@dataclass(slots=True)
class Files:
    """Reads one folder; `findings` grows with every file. Used by one load, then thrown away."""

    folder: Path
    overlay: Path | None
    findings: list[Finding] = field(default_factory=list)
    _overlay: tuple[Overlay | None, Document] | None = None

    def file(self, name: str, model: type[M], *, file: Path | None = None) -> tuple[M | None, Document]:
        """One YAML file as its model, or `None` with findings."""
        file = file or self.folder / name
        shown = self._shown(file)
        if not file.is_file():
            message = f"`{name}` is missing; a rule set is a folder that holds it"
            self.findings.append(Finding("missing-file", Position(shown, 1, 1), message))
            return None, Document(shown, None, {}, frozenset())
        try:
            document = read_document(file, shown)
        except UnicodeDecodeError:
            message = "the file is not UTF-8 text; save it as UTF-8"
            self.findings.append(Finding("not-text", Position(shown, 1, 1), message))
            return None, Document(shown, None, {}, frozenset())
        return self._validated(document, model), document

    def _shown(self, file: Path) -> str:
        inside = file.is_relative_to(self.folder)
        return f"{self.folder.name}/{file.relative_to(self.folder).as_posix()}" if inside else str(file)

    def _validated(self, document: Document, model: type[M]) -> M | None:
        self.findings += document.findings
        if document.findings:
            return None
        try:
            return model.model_validate(document.data if document.data is not None else {})
        except ValidationError as error:
            self.findings += [shape_finding(document, problem, model) for problem in error.errors()]
            return None

    def rules(self) -> tuple[list[Placed], list[Placed]]:
        """Every rule and every exception of `rules/*.yaml`."""
        rules: list[Placed] = []
        exceptions: list[Placed] = []
        for file in sorted(path for path in (self.folder / "rules").glob("*") if path.is_file()):
            if file.suffix == ".md":
                continue
            if file.suffix != ".yaml":
                message = f"`{file.name}` would not be read; give it the ending `.yaml`, or take it out of the folder"
                self.findings.append(Finding("unread-file", Position(self._shown(file), 1, 1), message))
                continue
            read, document = self.file(f"rules/{file.name}", RuleFile)
            if read is not None:
                rules += placed(read.rules, document, "rules")
                exceptions += placed(read.exceptions, document, "exceptions")
        if not rules and not self.findings:
            place = Position(f"{self.folder.name}/rules", 1, 1)
            self.findings.append(Finding("missing-file", place, "no rule in `rules/*.yaml`; write at least one"))
        return rules, exceptions

    def references(self) -> dict[str, Reference]:
        """The references by id."""
        file = self.folder / "references.json"
        place = Position(self._shown(file), 1, 1)
        if not file.is_file():
            self.findings.append(Finding("missing-file", place, "`references.json` is missing; it holds CSL-JSON"))
            return {}
        try:
            entries = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            self.findings.append(Finding("not-json", place, f"not JSON: {error}; mend the file's form first"))
            return {}
        if not isinstance(entries, list):
            message = "the references are a list of CSL-JSON entries; write `[…]`"
            self.findings.append(Finding("file-shape", place, message))
            return {}
        result: dict[str, Reference] = {}
        for index, entry in enumerate(entries):
            try:
                reference = Reference.model_validate(entry)
            except ValidationError as error:
                for problem in error.errors():
                    where = ".".join(str(part) for part in problem["loc"])
                    message = f"entry {index + 1}, `{where}`: {problem['msg'].lower()}"
                    self.findings.append(Finding("unreadable-reference", place, message))
                continue
            if reference.id in result:
                message = f"the reference `{reference.id}` stands twice; keep one"
                self.findings.append(Finding("duplicate-id", place, message))
            result[reference.id] = reference
        return result

    def claims(self) -> tuple[Placed, ...]:
        """The claims of `claims.yaml`; none where there is no such file."""
        if not (self.folder / "claims.yaml").is_file():
            return ()
        read, document = self.file("claims.yaml", ClaimFile)
        return tuple(placed(read.claims, document, "claims")) if read is not None else ()

    def institution(self) -> tuple[Overlay | None, Document]:
        """The institution's overlay, read once; none without one."""
        if self.overlay is None:
            return None, Document("", None, {}, frozenset())
        if self._overlay is None:
            self._overlay = self.file(self.overlay.name, Overlay, file=self.overlay)
        return self._overlay

    def beside_overlay(self, key: str) -> list[tuple[Path, Position]]:
        """The files that the overlay names under `key`, each with the place that names it; one not there is found."""
        overlay, document = self.institution()
        named: tuple[str, ...] = getattr(overlay, key) if overlay is not None else ()
        found: list[tuple[Path, Position]] = []
        for index, name in enumerate(named):
            place = document.position((key, index))
            assert self.overlay is not None, "an overlay that names files was read from one"
            file = self.overlay.parent / name
            if file.is_file():
                found.append((file, place))
            else:
                message = f"`{name}` is missing; name a file beside the overlay"
                self.findings.append(Finding("missing-file", place, message))
        return found

    def parameters(self) -> Parameters | None:
        """The parameters under the institution's overlay, with the place of each."""
        read, document = self.file("parameters.yaml", ParameterFile)
        if read is None:
            return None
        values = dict(read.parameters)
        places: dict[str, Place] = {name: (document, ("parameters", name)) for name in values}
        overlay, its_document = self.institution()
        replaced: list[str] = []
        for name, entry in (overlay.parameters if overlay is not None else {}).items():
            known = values.get(name)
            place = its_document.position(("parameters", name))
            if known is None:
                message = f"no parameter `{name}`{hint(name, values)}; an overlay replaces parameters only"
                self.findings.append(Finding("unknown-parameter", place, message))
                continue
            if entry.unit != known.unit:
                message = f"`{name}` is given in `{entry.unit}`; write it in `{known.unit}`, the parameter's own unit"
                self.findings.append(Finding("overlay-unit", place, message))
                continue
            replaced.append(name)
            places[name] = (its_document, ("parameters", name))
            note = ": ".join(text for text in (overlay.label if overlay else "", entry.note) if text)
            values[name] = replaced_by(known, entry, note)
        return Parameters(values, places, tuple(sorted(replaced)))

    def digest(self) -> str:
        """SHA-256 over every file of the folder but its worked cases, and the overlay, by name, in a fixed order."""
        total = hashlib.sha256()
        files = sorted(file for file in self.folder.rglob("*") if file.is_file() and file.suffix in (".yaml", ".json"))
        named = [(file.relative_to(self.folder), file) for file in files]
        content = [(name.as_posix(), file) for name, file in named if name.parts[0] != "cases"]
        if self.overlay is not None:
            added = [file for key in ("concept_maps", "mapping") for file, _ in self.beside_overlay(key)]
            content += [("overlay", self.overlay), *((f"overlay/{file.name}", file) for file in added)]
        for name, file in content:
            data = file.read_bytes()
            total.update(f"{len(name)}:{name}:{len(data)}:".encode() + data)
        return f"sha256:{total.hexdigest()}"


Place = tuple[Document, KeyPath]
"""A file, and the key path of something in it."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """All parameters, where each stands, and which an overlay replaced."""

    values: Mapping[str, Parameter]
    places: Mapping[str, Place]
    overridden: tuple[str, ...]

    def position(self, name: str, *within: str | int) -> Position:
        """Where a parameter stands, or one of its members."""
        document, path = self.places[name]
        return document.position((*path, *within))

    def dated(self) -> Iterator[tuple[str, DatedValue, tuple[str | int, ...]]]:
        """Every value of every parameter, with its name and its key path within the parameter."""
        for name, parameter in self.values.items():
            yield name, parameter, ()
            yield from ((name, earlier, ("history", index)) for index, earlier in enumerate(parameter.history))


def replaced_by(known: Parameter, entry: OverlayParameter, note: str) -> Parameter:
    """A parameter with an institution's value: from the day it names, or on every day that the parameter has one."""
    since = entry.since or known.first_day
    own = (*known.history, DatedValue(**{name: getattr(known, name) for name in _OF_A_DAY}))
    return known.model_copy(
        update={
            "value": entry.value,
            "status": "institution-default",
            "cite": entry.cite,
            "locator": "",
            "claim": None,
            "note": note,
            "since": since,
            "history": tuple(value for value in own if value.since < since),
            "overridden": True,
        }
    )


_OF_A_DAY: Final = tuple(DatedValue.model_fields)


@dataclass(frozen=True, slots=True)
class Parts:
    """Every part of a rule set, each valid by itself, with the documents that findings about them point into."""

    head: RuleSetFile
    head_document: Document
    facts: VocabularyFile
    facts_document: Document
    table: StructureFile
    table_document: Document
    parameters: Parameters
    definitions: DefinitionFile
    definitions_document: Document
    planner: PlannerFile
    planner_document: Document
    references: Mapping[str, Reference]
    claims: tuple[Placed, ...]
    rules: tuple[Placed, ...]
    exceptions: tuple[Placed, ...]
    preferences: tuple[Placed, ...]

    @property
    def planner_entries(self) -> tuple[Placed, ...]:
        """The planner's needs, measure rules and monitoring rules."""
        document = self.planner_document
        return (
            *placed(self.planner.need, document, "need"),
            *placed(self.planner.measures, document, "measures"),
            *placed(self.planner.monitoring, document, "monitoring"),
        )

    @property
    def combinations(self) -> tuple[Placed, ...]:
        """What the planner knows of measures side by side; they have no condition."""
        return tuple(placed(self.planner.combinations, self.planner_document, "combinations"))

    @property
    def grounded(self) -> tuple[Placed, ...]:
        """Everything that has an id, a condition and evidence."""
        return (*self.rules, *self.exceptions, *self.preferences, *self.planner_entries)


def read_parts(files: Files) -> Parts | None:
    """All parts of a folder, or `None` if one of them is not valid by itself (then `files.findings` says why)."""
    head, head_document = files.file("ruleset.yaml", RuleSetFile)
    facts, facts_document = files.file("vocabulary.yaml", VocabularyFile)
    table, table_document = files.file("structures.yaml", StructureFile)
    parameters = files.parameters()
    definitions, definitions_document = files.file("definitions.yaml", DefinitionFile)
    preferences, preferences_document = files.file("preferences.yaml", PreferenceFile)
    planner, planner_document = files.file("thermoprotection.yaml", PlannerFile)
    references = files.references()
    claims = files.claims()
    rules, exceptions = files.rules()
    if not (head and facts and table and parameters and definitions and preferences and planner) or files.findings:
        return None
    return Parts(
        head, head_document, facts, facts_document, table, table_document, parameters, definitions,
        definitions_document, planner, planner_document, references, claims, tuple(rules), tuple(exceptions),
        tuple(placed(preferences.preferences, preferences_document, "preferences")),
    )  # fmt: skip


def placed(items: Iterable[object], document: Document, key: str) -> Iterator[Placed]:
    """The items of a list of a file, each with its place."""
    return (Placed(item, document, (key, index)) for index, item in enumerate(items))


def shape_finding(document: Document, problem: Any, model: type[BaseModel]) -> Finding:
    """One pydantic error as a finding at its place in the file."""
    path = tuple(part for part in problem["loc"] if isinstance(part, (str, int)))
    while path and path not in document.positions and problem["type"] not in ("missing", "extra_forbidden"):
        path = path[:-1]  # the names of a union's members are no keys of the file
    key = ".".join(str(part) for part in path) or model.__name__
    kind, given = problem["type"], problem.get("input")
    if kind == "extra_forbidden":
        message = f"`{path[-1]}` is not a word of this place{_suggested(model, path)}; remove it"
    elif kind == "missing":
        message = f"`{key}` is missing; write it"
    else:
        text = problem["msg"].removeprefix("Value error, ")
        shown = f" with `{str(given)[:60]}`" if isinstance(given, (str, int)) else ""
        message = f"`{key}`{shown}: {text[:1].lower()}{text[1:]}"
    return Finding("file-shape", document.position(path), message)


def _suggested(model: type[BaseModel], path: KeyPath) -> str:
    """A question to the author: one of the words that a file of this kind knows, somewhere in it."""
    schema = model.model_json_schema()
    words = {word for part in (schema, *schema.get("$defs", {}).values()) for word in part.get("properties", {})}
    return hint(str(path[-1]), words - {path[-1]}) if path else ""


def hint(word: str, candidates: Iterable[str]) -> str:
    """`; did you mean …?`, or nothing."""
    question = did_you_mean(word, candidates)
    return f"; {question}" if question else ""
