"""The form for facts that no standard code carries: a Questionnaire made from the vocabulary, and responses to it.

The link ids are those that intake reads (`docs/reference/fhir-input.md`): the facts' names, in a group `lesion` for
each lesion and a group `structure` in it for each structure at risk. What is not answered is not said.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import ClassVar, Final

from cds.case import Absent, Case, Facts, Known, Value
from cds.errors import CdsError
from cds.fhir_output.datatypes import Json, coding, present
from cds.intake import read_bundle
from cds.intake.forms import DAY
from cds.intake.values import UCUM, kebab
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType
from cds.quantities import DateSpan, Interval
from cds.ruleset import RuleSet
from cds.ruleset.mapping import Local
from cds.vocabulary import FactDefinition, FactKind, Level, Vocabulary

Said = Mapping[tuple[Level, str, tuple[str, ...]], Known | Absent]
"""What a form says: for a fact of the patient `()`, a lesion `(id,)`, a structure at risk `(id, structure, side)`."""

UNIT: Final = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"
SIDES: Final = ("left", "right")


class Unsayable(CdsError):
    """A value that no answer of the form can say, or that is read otherwise than it was said.

    >>> raise Unsayable("`1/3` has more digits than a JSON number keeps")
    Traceback (most recent call last):
    cds.fhir_output.questionnaire.Unsayable: `1/3` has more digits than a JSON number keeps
    """

    code: ClassVar[str] = "not-read-back"


def questionnaire(rules: RuleSet) -> Json:
    """The form of a rule set as a Questionnaire: every fact that a record may state, by level.

    >>> from cds.ruleset import load_rules
    >>> [each["linkId"] for each in questionnaire(load_rules())["item"]]
    ['day', 'patient', 'lesion']
    """
    local = rules.mapping.local
    structures = {name: each.label for name, each in rules.vocabulary.structures.items()}
    structure = [
        _choice("structure.name", "structure at risk", local.structure, structures, required=True),
        _choice("structure.side", "side", f"{local.value_prefix}side", {each: each for each in SIDES}),
        *_questions(rules, Level.STRUCTURE),
    ]
    lesion = [
        {"linkId": "lesion.id", "text": "the lesion's id in the record", "type": "string", "required": True},
        *_questions(rules, Level.LESION),
        {"linkId": "structure", "text": "structure at risk", "type": "group", "repeats": True, "item": structure},
    ]
    return {
        "resourceType": "Questionnaire",
        "id": local.questionnaire.rpartition("/")[2],
        "url": local.questionnaire,
        "version": rules.head.version,
        "name": "FactsOfTheCase",
        "title": "Facts of the case",
        "status": "active" if rules.head.approved else "draft",
        "experimental": rules.head.approved is None,
        "subjectType": ["Patient"],
        "description": "Facts for which a record has no standard code. An answer that is left out says nothing.",
        "item": [
            {"linkId": DAY, "text": "day of the findings", "type": "date", "required": True},
            {"linkId": "patient", "text": "the patient", "type": "group", "item": _questions(rules, Level.PATIENT)},
            {"linkId": "lesion", "text": "lesion", "type": "group", "repeats": True, "item": lesion},
        ],
    }


def _questions(rules: RuleSet, level: Level) -> list[Json]:
    local = rules.mapping.local
    return [_question(each, local) for each in rules.vocabulary.of(level) if each.kind is not FactKind.GIVEN]


def _question(definition: FactDefinition, local: Local) -> Json:
    kind, text = definition.type, definition.label or definition.name
    asked: Json = {"linkId": definition.path, "text": text}
    if isinstance(kind, CodeType) or (isinstance(kind, BooleanType) and definition.absences):
        return _choice(definition.path, text, _system(definition, local), options(definition))
    if isinstance(kind, QuantityType):
        unit = coding(UCUM, kind.unit, kind.unit)
        return {"extension": [{"url": UNIT, "valueCoding": unit}], **asked, "type": "quantity"}
    if isinstance(kind, NumberType):
        return {**asked, "type": "decimal" if kind.decimals else "integer"}
    return {**asked, "type": "date" if isinstance(kind, DateType) else "boolean"}


def _choice(link: str, text: str, system: str, words: Mapping[str, str], *, required: bool = False) -> Json:
    chosen = [{"valueCoding": coding(system, code, label)} for code, label in words.items()]
    return {"linkId": link, "text": text, "type": "choice", **({"required": True} if required else {}),
            "answerOption": chosen}  # fmt: skip


def _system(definition: FactDefinition, local: Local) -> str:
    return f"{local.value_prefix}{kebab(definition.name)}"


def options(definition: FactDefinition) -> Mapping[str, str]:
    """The codes by which a yes/no question or a Code is answered, with what each is called; the last ones say that it
    is not known, and why.
    """
    if isinstance(definition.type, CodeType):
        known = {code: definition.value_labels.get(code, code) for code in definition.type.values}
    elif isinstance(definition.type, BooleanType):
        known = {"true": "yes", "false": "no"}
    else:
        return {}
    return {**known, **{code: reason.replace("-", " ") for code, reason in definition.absences.items()}}


# --------------------------------------------------------------------------------------------------------- responses


def questionnaire_response(
    rules: RuleSet, said: Said, *, day: dt.date, authored: dt.datetime, author: str, subject: str | None = None
) -> Json:
    """A completed response that says these facts and nothing else. Raises `Unsayable`.

    `day` is the clinical day of the findings, `authored` when the form was filled in, `author` the name of who did.
    Without `subject` (`Patient/p`) whoever puts it into a record adds it.
    """
    local, moment = rules.mapping.local, authored.isoformat(timespec="milliseconds")
    items: list[Json] = [{"linkId": DAY, "answer": [{"valueDate": day.isoformat()}]}]
    lesions: dict[str, tuple[list[Json], dict[tuple[str, str], list[Json]]]] = {}
    patient: list[Json] = []
    for (level, name, about), state in said.items():
        item = _item(rules.vocabulary.fact(level, name), state, local)
        if not about:
            patient.append(item)
            continue
        own, structures = lesions.setdefault(about[0], ([], {}))
        if level is Level.STRUCTURE:
            structures.setdefault((about[1], about[2]), []).append(item)
        else:
            own.append(item)
    if patient:
        items.append({"linkId": "patient", "item": patient})
    for lesion, (own, structures) in lesions.items():
        named: list[Json] = [{"linkId": "lesion.id", "answer": [{"valueString": lesion}]}, *own]
        named += [_structure(*place, answers, local) for place, answers in structures.items()]
        items.append({"linkId": "lesion", "item": named})
    return {
        "resourceType": "QuestionnaireResponse",
        "meta": {"lastUpdated": moment},
        "questionnaire": f"{local.questionnaire}|{rules.head.version}",
        "status": "completed",
        **present(subject={"reference": subject} if subject is not None else None),
        "authored": moment,
        "author": {"display": author},
        "item": items,
    }


def check_read_back(rules: RuleSet, response: Json, said: Said, as_of: dt.date) -> None:
    """Raises `Unsayable` unless intake reads from a response exactly what it was to say, and finds nothing wrong."""
    patient = {"resourceType": "Patient", "id": "patient"}
    told = {**response, "id": "response", "subject": {"reference": "Patient/patient"}}
    record = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}, {"resource": told}]}
    case = read_bundle(record, vocabulary=_bare(rules.vocabulary), mapping=rules.mapping, as_of=as_of)
    found = dict(_answered(case))
    for key in {**said, **found}:
        if said.get(key) != found.get(key):
            raise Unsayable(f"`{key[0].value}.{key[1]}`: `{found.get(key)}` was read where `{said.get(key)}` was said")
    for issue in case.issues:
        raise Unsayable(f"{issue.expression}: {issue.details}")


def _bare(vocabulary: Vocabulary) -> Vocabulary:
    """The same facts, of which none follows from silence, from time or from another: what is read was said."""
    facts = {
        key: replace(each, silence=None, fresh=None, bounded_below_by=None, implied_by={})
        for key, each in vocabulary.facts.items()
    }
    return replace(vocabulary, facts=facts)


def _answered(case: Case) -> Iterator[tuple[tuple[Level, str, tuple[str, ...]], object]]:
    """Every fact of a case that an answer of a form states, with its state."""
    holders: list[tuple[Level, tuple[str, ...], Facts]] = [(Level.PATIENT, (), case.patient)]
    for lesion in case.lesions:
        holders.append((Level.LESION, (lesion.id,), lesion.facts))
        holders += [(Level.STRUCTURE, (lesion.id, s.name, s.side), s.facts) for s in lesion.structures]
    for level, about, facts in holders:
        for name, fact in facts.items():
            if any(source.mapping == f"form:{level.value}.{name}" for source in fact.sources):
                yield (level, name, about), fact.state


def _structure(name: str, side: str, answers: list[Json], local: Local) -> Json:
    named: list[Json] = [{"linkId": "structure.name", "answer": [{"valueCoding": coding(local.structure, name)}]}]
    if side in SIDES:
        said = coding(f"{local.value_prefix}side", side)
        named.append({"linkId": "structure.side", "answer": [{"valueCoding": said}]})
    return {"linkId": "structure", "item": [*named, *answers]}


def _item(definition: FactDefinition, state: Known | Absent, local: Local) -> Json:
    said = _absence(definition, state, local) if isinstance(state, Absent) else _answer(definition, state.value, local)
    return {"linkId": definition.path, "text": definition.label or definition.name, "answer": [said]}


def _absence(definition: FactDefinition, state: Absent, local: Local) -> Json:
    for code, reason in definition.absences.items():
        if reason == state.reason.value:
            return {"valueCoding": coding(_system(definition, local), code, options(definition).get(code, ""))}
    raise Unsayable(f"`{definition.path}`: no answer says `{state.reason.value}`; leave it out")


def _answer(definition: FactDefinition, value: Value, local: Local) -> Json:
    kind = definition.type
    if isinstance(kind, BooleanType) and isinstance(value, bool) and not definition.absences:
        return {"valueBoolean": value}
    if isinstance(kind, CodeType | BooleanType):
        code = str(value).lower() if isinstance(value, bool) else str(value)
        if code in options(definition):
            return {"valueCoding": coding(_system(definition, local), code, options(definition)[code])}
    if isinstance(kind, DateType) and isinstance(value, DateSpan) and "/" not in str(value):
        return {"valueDate": str(value)}
    if isinstance(kind, QuantityType) and isinstance(value, Interval):
        return {"valueQuantity": _quantity(value, kind.unit)}
    if isinstance(kind, NumberType) and isinstance(value, Interval) and value.is_point and value.low is not None:
        return {"valueDecimal" if kind.decimals else "valueInteger": _number(value.low)}
    raise Unsayable(f"`{definition.path}`: no answer says `{value}`; leave it out")


def _quantity(value: Interval, unit: str) -> Json:
    sign: Json = {}
    if value.low is None and value.high is not None:
        number, sign = value.high, {"comparator": "<" if value.high_open else "<="}
    elif value.high is None and value.low is not None:
        number, sign = value.low, {"comparator": ">" if value.low_open else ">="}
    elif value.is_point and value.low is not None:
        number = value.low
    else:
        raise Unsayable(f"`{value}`: an answer has no two ends; give one number, or one end")
    return {"value": _number(number), **sign, "unit": unit, "system": UCUM, "code": unit}


def _number(value: Fraction) -> int | float:
    number: int | float = int(value) if value.denominator == 1 else float(value)
    if Fraction(repr(number)) != value:
        raise Unsayable(f"`{value}` has more digits than a JSON number keeps; give at most 15")
    return number
