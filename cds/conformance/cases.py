"""The published cases: requests, each with what it is about. Made from a rule set's worked cases and vocabulary.

`complete`: every worked case. `missing`, `contradictory`, `wrong-unit`: the most complete worked case with one fact
taken away, contradicted, or measured in a unit of another kind. `hostile`: what no answer may be given to.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from cds.api import read_case
from cds.case import NEVER_RECORDED, subjects_of
from cds.case.reading import CaseFileError, case_from_mapping
from cds.intake.rebuild import NotRebuildable, rebuild
from cds.language.types import CodeType, NumberType, QuantityType
from cds.ruleset import RuleSet
from cds.ruleset.documents import read_document
from cds.vocabulary import FactDefinition, FactKind, Level
from cds.worked_cases import case_files

Json = Mapping[str, Any]
Kind = Literal["complete", "missing", "contradictory", "wrong-unit", "hostile"]
KINDS: Final[tuple[Kind, ...]] = ("complete", "missing", "contradictory", "wrong-unit", "hostile")
FHIR: Final = "application/fhir+json"
OTHER_UNIT: Final = ("candela", "cd")
"""A unit (UCUM) that no fact is measured in: luminous intensity."""
HOSTILE_DAY: Final = "2026-11-22"
MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class PublishedCase:
    """One request of the kit. `about` is the fact that was changed (`T1: lesion.maxDiameter`), and `base` the id of the
    case that it was changed from.
    """

    id: str
    kind: Kind
    says: str
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)
    media_type: str = FHIR
    base: str | None = None
    about: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """The cases of one rule set, and what could not be made into one, with the reason."""

    cases: tuple[PublishedCase, ...]
    left_out: tuple[str, ...]


def published_cases(folder: Path, rules: RuleSet) -> Published:
    """The cases of the rule set in a folder, in the order of their kinds.

    Raises `NotRebuildable` where the rule set would not read them: a deployment that read nothing either would pass.
    """
    made: list[PublishedCase] = []
    left_out: list[str] = []
    written: dict[str, Json] = {}
    for file in case_files(folder):
        data = read_document(file, file.name).data
        try:
            body = _bundle(data, rules)
        except (CaseFileError, NotRebuildable) as error:
            left_out.append(f"complete/{file.stem}: {error}")
            continue
        written[file.stem] = data
        says = str(data.get("name", file.stem))
        made.append(PublishedCase(f"complete/{file.stem}", "complete", says, _bytes(body), _query(data)))
    if written:
        stem = max(written, key=lambda name: (len(written[name].get("lesions", ())) == 1, _size(written[name]), name))
        if unread := _unread(written[stem], rules):
            raise NotRebuildable([f"{stem}: {unread}"])
        for changed in _changed(written[stem], f"complete/{stem}", rules):
            if isinstance(changed, str):
                left_out.append(changed)
            else:
                made.append(changed)
    made.extend(_hostile(made[0].body if made else b"{}"))
    return Published(tuple(sorted(made, key=lambda each: KINDS.index(each.kind))), tuple(left_out))


def _bundle(data: Json, rules: RuleSet) -> dict[str, object]:
    return rebuild(case_from_mapping(rules.vocabulary, data), rules.vocabulary)


def _unread(data: Json, rules: RuleSet) -> str:
    """Which known facts of a worked case the rule set does not read from the bundle that says them; empty for none."""
    case = case_from_mapping(rules.vocabulary, data)
    again = read_case(_bytes(rebuild(case, rules.vocabulary)), as_of=case.as_of, rules=rules)
    found = {(subject, name): fact for subject, _, facts in subjects_of(again) for name, fact in facts.items()}
    lost = [
        f"{subject}: {name}"
        for subject, level, facts in subjects_of(case)
        for name, fact in facts.items()
        if rules.vocabulary.fact(level, name).kind not in (FactKind.GIVEN, FactKind.DOCUMENT)
        and fact.is_known
        and found.get((subject, name), NEVER_RECORDED).value != fact.value
    ]
    if not lost:
        return ""
    named = ", ".join(lost[:MOST_NAMED]) + (f" and {len(lost) - MOST_NAMED} more" if len(lost) > MOST_NAMED else "")
    hint = "let mapping/ read the codes that `cds case-to-bundle` writes"
    return f"its bundle is not read as it was written ({named}); {hint}"


def _query(data: Json) -> dict[str, str]:
    return {"as_of": str(data["as_of"]), "phase": str(data.get("phase", "decision"))}


def _bytes(bundle: Json) -> bytes:
    return json.dumps(bundle, ensure_ascii=False, separators=(",", ":")).encode()


# ---------------------------------------------------------------------------------------------------- one fact changed


def _facts(data: Json) -> Iterator[tuple[str, Level, dict[str, Any]]]:
    """Whom a worked case writes facts of: the subject as an answer names it, its level, its facts."""
    yield "patient", Level.PATIENT, data.get("patient", {})
    for lesion in data.get("lesions", ()):
        yield str(lesion["id"]), Level.LESION, lesion.get("facts", {})
        for structure in lesion.get("structures", ()):
            key = f"{lesion['id']}/{structure['name']}/{structure.get('side', 'none')}"
            yield key, Level.STRUCTURE, structure.get("facts", {})


def _size(data: Json) -> int:
    return sum(len(facts) for _, _, facts in _facts(data))


def _changed(data: Json, base: str, rules: RuleSet) -> Iterator[PublishedCase | str]:
    """A worked case with one fact changed; a text says what cannot be written as a bundle."""
    for place, (subject, level, facts) in enumerate(_facts(data)):
        for name, value in facts.items():
            definition = rules.vocabulary.facts.get((level, name))
            if definition is None or definition.kind in (FactKind.GIVEN, FactKind.DOCUMENT):
                continue
            for kind, says, states in _changes(definition, value):
                copied = copy.deepcopy(data)
                there = [each for _, _, each in _facts(copied)][place]
                del there[name]
                if states:
                    there[name] = states[0]
                id_ = f"{kind}/{subject.replace('/', '-')}-{name}"
                try:
                    body = _bytes(_bundle(copied, rules))
                except (CaseFileError, NotRebuildable) as error:
                    yield f"{id_}: {error}"
                    continue
                told = f"{definition.label}: {says}"
                yield PublishedCase(id_, kind, told, body, _query(data), FHIR, base, subject, definition.path)
    bundle = json.loads(_bytes(_bundle(data, rules)))
    for number, entry in enumerate(bundle["entry"]):
        if "valueQuantity" in entry["resource"]:
            other_unit = copy.deepcopy(bundle)
            quantity = other_unit["entry"][number]["resource"]["valueQuantity"]
            quantity["unit"], quantity["code"] = OTHER_UNIT
            id_ = f"wrong-unit/{entry['resource'].get('id', number)}"
            says = f"Bundle.entry[{number}].resource.valueQuantity is in candelas"
            yield PublishedCase(id_, "wrong-unit", says, _bytes(other_unit), _query(data), FHIR, base)


def _changes(definition: FactDefinition, value: object) -> Iterator[tuple[Kind, str, list[object]]]:
    """What becomes of a fact that a worked case writes as `value`: nothing, or two values that disagree."""
    yield "missing", "nobody recorded it", []
    for other in _others(definition, value):
        yield "contradictory", "two values of one day", [{"conflict": [value, other]}]


def _others(definition: FactDefinition, value: object) -> Iterable[object]:
    """Another value of the fact's type, at most one; none for a date, and for a value that is an interval."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(definition.type, CodeType):
        yield from [code for code in definition.type.values if code != value][:1]
    elif isinstance(definition.type, (NumberType, QuantityType)) and isinstance(value, (int, float, Decimal)):
        yield Decimal(str(value)) + Decimal(1).scaleb(-definition.type.decimals)


# ------------------------------------------------------------------------------------------------------------- hostile


def _hostile(valid: bytes) -> Iterator[PublishedCase]:
    """What cannot be used, each for one reason."""

    def text(**members: Any) -> bytes:
        return json.dumps({"resourceType": "Bundle", "type": "collection", **members}).encode()

    patients = [{"resource": {"resourceType": "Patient", "id": id_}} for id_ in ("a", "b")]
    bodies: Mapping[str, tuple[str, bytes]] = {
        "empty": ("nothing at all", b""),
        "not-json": ("a text that is no JSON", b"{'resourceType': 'Bundle'}"),
        "cut-short": ("a bundle that ends in the middle", valid[: len(valid) // 2]),
        "two-documents": ("two documents in one body", valid + valid),
        "a-list": ("a list of bundles", b"[" + valid + b"]"),
        "not-utf-8": ("a body that is no UTF-8", valid.decode().encode("utf-16")),
        "a-duplicate-key": ("a member that stands twice", b'{"resourceType":"Bundle","type":"batch","type":"batch"}'),
        "not-a-number": ("NaN", b'{"resourceType":"Bundle","type":"collection","total":NaN}'),
        "a-lone-surrogate": ("half a character", b'{"resourceType":"Bundle","id":"\\ud800","type":"collection"}'),
        "too-deep": ("a document a thousand levels deep", b'{"a":' * 1000 + b"1" + b"}" * 1000),
        "another-resource": ("a resource that is no Bundle", b'{"resourceType":"Patient","id":"a"}'),
        "no-patient": ("a bundle without a patient", text(entry=[])),
        "two-patients": ("a bundle of two patients", text(entry=patients)),
        "entries-that-are-none": ("entries that are numbers", text(entry=[1, 2])),
    }
    query = {"as_of": HOSTILE_DAY}
    for id_, (says, body) in bodies.items():
        yield PublishedCase(f"hostile/{id_}", "hostile", says, body, query)
    queries: Mapping[str, tuple[str, Mapping[str, str]]] = {
        "no-such-day": ("a day that does not exist", {"as_of": "2026-02-30"}),
        "no-such-phase": ("a phase that does not exist", {**query, "phase": "surgery"}),
        "a-misspelt-parameter": ("a parameter that nobody reads", {"asof": HOSTILE_DAY}),
    }
    for id_, (says, asked) in queries.items():
        yield PublishedCase(f"hostile/{id_}", "hostile", says, valid, asked)
    yield PublishedCase("hostile/another-media-type", "hostile", "XML", b"<Bundle/>", query, "application/fhir+xml")


def day_of(case: PublishedCase) -> dt.date:
    """The day that a case asks for."""
    return dt.date.fromisoformat(case.query["as_of"])
