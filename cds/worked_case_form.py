"""What the file of a worked case may hold: its form, for `cds check` and for editors.

What a case says of facts is read as `cds test` reads it. What it expects is looked at here without an answer: a word
that no answer has is found before any case is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from cds.case.facts import AbsenceReason
from cds.case.reading import NUMBER_TEXTS, CaseFileError, case_from_mapping
from cds.errors import Finding, Position
from cds.language.types import BooleanType, CodeType, DateType, ValueType
from cds.ruleset.documents import Document, read_document
from cds.ruleset.files import hint, shape_finding
from cds.ruleset.model import Day, Model, Phase
from cds.vocabulary import FactDefinition, FactKind, Level, Vocabulary
from cds.worked_cases import case_files, key_path

Schema = dict[str, Any]
_DATE = r"\d{4}(-\d{2}(-\d{2})?)?"
_ID = r"^(?!patient$)[^/\s]([^/]*[^/\s])?$"
_TEXT = r"^\S(.*\S)?$"


def _no_default(schema: Schema) -> None:
    schema.pop("default", None)


_LEFT_OUT: Any = Field(None, json_schema_extra=_no_default)
"""What may be left out, and is something where it is there: `null` is no value of it."""


def _word(value: object) -> object:
    """`true` as an answer writes it."""
    return str(value).lower() if isinstance(value, bool) else value


def _several(value: object) -> object:
    """One word stands for a list of it."""
    return [value] if isinstance(value, str) else value


Truth = Annotated[
    Literal["true", "false", "unknown"],
    BeforeValidator(_word, json_schema_input_type=Literal[True, False, "true", "false", "unknown"]),
]
RuleTruth = Annotated[
    Literal["true", "false", "unknown", "not-considered"],
    BeforeValidator(_word, json_schema_input_type=Literal[True, False, "true", "false", "unknown", "not-considered"]),
]
Verdict = Literal["eligible", "conditional", "ineligible", "undetermined", "not-assessed"]
MeasureStatus = Literal["available", "advised-against", "contraindicated", "undetermined"]
Words = Annotated[tuple[str, ...], BeforeValidator(_several, json_schema_input_type=str | tuple[str, ...])]
Verdicts = Annotated[
    tuple[Verdict, ...], BeforeValidator(_several, json_schema_input_type=Verdict | tuple[Verdict, ...])
]
ByRule = dict[str, RuleTruth]


class OfOption(Model):
    """What is expected of one option for one lesion."""

    verdict: Verdict = _LEFT_OUT
    possible: Verdicts = _LEFT_OUT
    standing: Literal["excluded", "not-excluded", "unknown"] = _LEFT_OUT
    declined: Truth = _LEFT_OUT
    reasons: ByRule = _LEFT_OUT
    addressed: dict[str, Truth | Literal["nothing to address"]] = _LEFT_OUT
    settling: Words = _LEFT_OUT


class OfOrder(Model):
    """What is expected of the order of the options for one lesion."""

    possible: tuple[tuple[tuple[str, ...], ...], ...] = _LEFT_OUT
    withheld: Words = _LEFT_OUT
    reasons: ByRule = _LEFT_OUT


class OfStructure(Model):
    """What is expected of the protection of one structure."""

    verdict: Literal["required", "not-required", "undetermined"] = _LEFT_OUT
    measures: dict[str, MeasureStatus] = _LEFT_OUT
    monitoring: Words = _LEFT_OUT
    covered_by_plan: Truth = _LEFT_OUT
    reasons: ByRule = _LEFT_OUT


class OfPlan(Model):
    """What is expected of the protection of all structures together."""

    sufficient: tuple[Words, ...] = _LEFT_OUT
    with_: Words = Field((), alias="with", json_schema_extra=_no_default)
    together: Words = _LEFT_OUT
    excludes: Words = _LEFT_OUT
    without_measure: Words = _LEFT_OUT
    covered_by_plan: Truth = _LEFT_OUT


class Expected(Model):
    """What is expected of an answer; what stands below a lesion's id is about that lesion."""

    scope: Truth = _LEFT_OUT
    options: dict[str, dict[str, OfOption]] = _LEFT_OUT
    order: dict[str, OfOrder] = _LEFT_OUT
    thermoprotection: dict[str, dict[str, OfStructure]] = _LEFT_OUT
    plan: dict[str, OfPlan] = _LEFT_OUT
    obligations: dict[str, dict[str, Truth | Literal["not considered"]]] = _LEFT_OUT
    alternatives: Words = _LEFT_OUT


class CaseFile(Model):
    """The file of a worked case. What it says of facts is for the vocabulary to read."""

    name: str = _LEFT_OUT
    says: str = _LEFT_OUT
    as_of: Day
    phase: Phase = _LEFT_OUT
    patient: Any = _LEFT_OUT
    lesions: Any = _LEFT_OUT
    expect: Expected


def case_findings(folder: Path, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Everything that is wrong with the form of a rule set's worked cases; none is run."""
    for file in case_files(folder):
        name = f"{folder.resolve().name}/cases/{file.name}"
        try:
            yield from _findings(read_document(file, name), vocabulary)
        except (OSError, UnicodeDecodeError) as error:
            yield Finding("file-shape", Position(name, 1, 1), f"it cannot be read: {error}; save it as UTF-8")


def _findings(document: Document, vocabulary: Vocabulary) -> Iterator[Finding]:
    if document.findings:
        yield from document.findings
        return
    if not isinstance(document.data, Mapping):
        told = "a worked case is one mapping; write `as_of: …` and its facts"
        yield Finding("file-shape", document.position(()), told)
        return
    said: set[Position] = set()
    try:
        case_from_mapping(vocabulary, document.data)
    except CaseFileError as error:
        for issue in error.issues:
            place = document.position(key_path(issue))
            said.add(place)
            yield Finding("file-shape", place, f"`{issue.expression}`: {issue.details}")
    try:
        CaseFile.model_validate(document.data, by_alias=True, by_name=False)
    except ValidationError as error:
        for problem in error.errors():
            finding = shape_finding(document, problem, CaseFile)
            if problem["type"] == "literal_error":
                accepted = re.findall("'([^']+)'", str(problem.get("ctx", {}).get("expected")))
                finding = replace(finding, message=finding.message + hint(str(problem["input"]), accepted))
            if finding.position not in said:  # the first is what the reader of facts, or the first way to read it, says
                said.add(finding.position)
                yield finding
    if document.data.get("expect") == {}:
        place = document.position(("expect",))
        yield Finding("file-shape", place, "the case expects nothing; write what the answer should say")


# -------------------------------------------------------------------------------------------------------- for editors


def case_schema(vocabulary: Vocabulary) -> Schema:
    """The JSON schema (draft 2020-12) of the files of worked cases that speak of a vocabulary's facts."""
    schema: Schema = CaseFile.model_json_schema(mode="validation")
    facts = {level: _facts(vocabulary, level) for level in (Level.PATIENT, Level.LESION, Level.STRUCTURE)}
    structure = _closed(
        {"name": {"enum": [*vocabulary.structures]}, "side": {"enum": ["left", "right", "none"]},
         "facts": facts[Level.STRUCTURE]}, "name",
    )  # fmt: skip
    lesion = _closed(
        {"id": {"type": "string", "pattern": _ID}, "label": {"type": "string", "pattern": _TEXT},
         "facts": facts[Level.LESION], "structures": {"type": "array", "items": structure}}, "id",
    )  # fmt: skip
    schema["properties"] |= {"patient": facts[Level.PATIENT], "lesions": {"type": "array", "items": lesion}}
    schema["$defs"]["Expected"]["minProperties"] = 1
    return schema


def _closed(properties: Schema, *required: str) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False, "required": [*required]}


def _facts(vocabulary: Vocabulary, level: Level) -> Schema:
    stated = (each for each in vocabulary.of(level) if each.kind is not FactKind.GIVEN)
    return _closed({each.name: {"description": each.label, "anyOf": [*_states(each)]} for each in stated})


def _states(definition: FactDefinition) -> Iterator[Schema]:
    """A fact as a case may write it: a value, a word for not known, absent with a reason, or a conflict."""
    values = [*_values(definition.type)]
    yield from values
    if definition.absences:
        yield {"enum": [*definition.absences]}
    yield _closed({"absent": {"enum": [reason.value for reason in AbsenceReason]}}, "absent")
    several = {"type": "array", "items": {"anyOf": values}, "minItems": 2, "uniqueItems": True}
    yield _closed({"conflict": several}, "conflict")


def _values(kind: ValueType) -> Iterator[Schema]:
    match kind:
        case BooleanType():
            yield {"type": "boolean"}
        case CodeType(codes):
            yield {"enum": [*codes]}
        case DateType():
            yield {"type": "string", "pattern": f"^{_DATE}(/{_DATE})?$"}
            yield {"type": "integer", "minimum": 1000, "maximum": 9999}
        case _:
            yield {"type": "number"}
            yield {"type": "string", "pattern": f"^\\s*({'|'.join(NUMBER_TEXTS)})\\s*$"}
