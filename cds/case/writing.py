"""A case as the mapping of a worked case: what `cds.case.reading` reads, with nothing said that silence says as well.

Made for people: a witness patient of a proof, a failing example of a test, a case kept beside its rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from cds.case.case import CLOSING_STATEMENT, IMPLIED, Case, Lesion, Structure, silent, structures_at_risk
from cds.case.facts import Absent, Conflicting, Fact, Facts, Known, Value
from cds.quantities import DateSpan, Interval
from cds.quantities.interval import decimal_text
from cds.vocabulary import FactKind, Level, Vocabulary

Written = Mapping[str, object]


def case_to_mapping(case: Case, vocabulary: Vocabulary) -> dict[str, object]:
    """The case as `case_from_mapping` reads it: `as_of`, `patient` and `lesions`, in the order of the vocabulary.

    Sources, issues and how a value came about are left out: a worked case has none.

    >>> from cds.case.reading import case_from_mapping
    >>> from cds.testing import sample_vocabulary
    >>> vocabulary = sample_vocabulary()
    >>> case = case_from_mapping(vocabulary, {"as_of": "2026-11-22", "patient": {"weight": "< 70.5", "smoker": "?"}})
    >>> case_to_mapping(case, vocabulary)
    {'as_of': '2026-11-22', 'patient': {'weight': '< 70.5', 'smoker': {'absent': 'undecided'}}, 'lesions': []}
    """
    return {
        "as_of": case.as_of.isoformat(),
        "patient": _facts(case.patient, Level.PATIENT, vocabulary),
        "lesions": [_lesion(lesion, vocabulary) for lesion in case.lesions],
    }


def _lesion(lesion: Lesion, vocabulary: Vocabulary) -> Written:
    listed = structures_at_risk(vocabulary, lesion.facts)
    structures = [
        written
        for structure in lesion.structures
        if "facts" in (written := _structure(structure, vocabulary)) or (structure.name, structure.side) not in listed
    ]
    return {
        "id": lesion.id,
        **({"label": lesion.label} if lesion.label != lesion.id else {}),
        "facts": _facts(lesion.facts, Level.LESION, vocabulary),
        **({"structures": structures} if structures else {}),
    }


def _structure(structure: Structure, vocabulary: Vocabulary) -> Written:
    side = {"side": structure.side} if structure.side != "none" else {}
    facts = _facts(structure.facts, Level.STRUCTURE, vocabulary)
    return {"name": structure.name, **side, **({"facts": facts} if facts else {})}


def _facts(facts: Facts, level: Level, vocabulary: Vocabulary) -> Written:
    return {
        definition.name: _state(facts[definition.name])
        for definition in vocabulary.of(level)
        if definition.kind is not FactKind.GIVEN
        and not _follows(facts[definition.name])
        and facts[definition.name].state != silent(definition, {"any": ()}).state
    }


def _follows(fact: Fact) -> bool:
    """Whether the value follows from what else is said: the closing statement, or a code that implies a distance."""
    return fact.is_known and (fact.note == CLOSING_STATEMENT or fact.note.startswith(IMPLIED))


def _state(fact: Fact) -> object:
    match fact.state:
        case Known(value):
            return _value(value)
        case Absent(reason):
            return {"absent": reason.value}
        case Conflicting(values):
            return {"conflict": [_value(value) for value in values]}


def _value(value: Value) -> object:
    match value:
        case Interval():
            return _interval(value)
        case DateSpan():
            return str(value)
        case _:
            return value


def _interval(value: Interval) -> object:
    if value.is_point:
        return _number(value.low or Fraction(0))
    if value.low is None or value.high is None:
        return str(value)
    if not (value.low_open or value.high_open):
        return f"{decimal_text(value.low)}..{decimal_text(value.high)}"
    return str(value)


def _number(number: Fraction) -> object:
    return number.numerator if number.denominator == 1 else float(number)
