"""A case as the parameters of the exported library: tuples of values, by subject, and who is who in each context.

An unknown fact is left out of its tuple; so is a measured value that is known as an interval only, which CQL's
comparisons of Integer, Decimal and Quantity cannot take. `without_intervals` is the case that remains.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from cds.case import AbsenceReason, Absent, Case, Fact, Facts
from cds.language.types import NumberType, QuantityType
from cds.quantities import DateSpan, Interval
from cds.reasoning.contexts import OVER_OTHER_STRUCTURES, OVER_STRUCTURES, contexts_of
from cds.vocabulary import FactDefinition, Level, Vocabulary

LIST_PARAMETERS: Final = {OVER_STRUCTURES: "structures", OVER_OTHER_STRUCTURES: "otherStructures"}
"""The library's list parameter for what *any structure* ranges over."""

Json = dict[str, object]


def case_parameters(case: Case, vocabulary: Vocabulary) -> Json:
    """A case for CQL engines: `subjects`, the tuple of each, and `contexts`, with the parameters to set in each.

    A parameter of a context names its subject, a list parameter several. A Quantity is `{"value": 5.5, "unit": "mm"}`.

    >>> import datetime as dt
    >>> from cds.case.reading import case_from_mapping
    >>> from cds.testing import sample_vocabulary
    >>> vocabulary = sample_vocabulary()
    >>> case = case_from_mapping(vocabulary, {"as_of": dt.date(2026, 11, 22), "patient": {"ratio": 1.5}})
    >>> case_parameters(case, vocabulary)["subjects"]["patient"]["ratio"]
    1.5
    """
    subjects: Json = {"patient": _tuple(vocabulary.of(Level.PATIENT), case.patient)}
    for lesion in case.lesions:
        subjects[lesion.id] = _tuple(vocabulary.of(Level.LESION), lesion.facts)
        for structure in lesion.structures:
            subjects[f"{lesion.id}/{structure.key}"] = _tuple(vocabulary.of(Level.STRUCTURE), structure.facts)
    contexts: list[Json] = []
    for context in contexts_of(case):
        parameters: Json = dict(context.subjects)
        parameters |= {LIST_PARAMETERS[over]: [m.id for m in members] for over, members in context.members.items()}
        contexts.append({"id": context.id, "level": context.level.value, "parameters": parameters})
    return {"as_of": case.as_of.isoformat(), "subjects": subjects, "contexts": contexts}


def without_intervals(case: Case) -> Case:
    """The case as the exported parameters tell it: a value that is an interval and no point is not known.

    Our own truth of a condition in this case is what an engine makes of the export. In the whole case it can be settled
    where there it is unknown, and is never the opposite.
    """
    return replace(
        case,
        patient=_points(case.patient),
        lesions=tuple(
            replace(
                lesion,
                facts=_points(lesion.facts),
                structures=tuple(replace(structure, facts=_points(structure.facts)) for structure in lesion.structures),
            )
            for lesion in case.lesions
        ),
    )


def _points(facts: Facts) -> dict[str, Fact]:
    unsupported = Absent(AbsenceReason.UNSUPPORTED, "known as an interval only")
    return {
        name: Fact(unsupported, fact.sources) if isinstance(fact.value, Interval) and not fact.value.is_point else fact
        for name, fact in facts.items()
    }


def _tuple(definitions: Iterable[FactDefinition], facts: Facts) -> Json:
    values = {definition.name: _value(definition, facts[definition.name]) for definition in definitions}
    return {name: value for name, value in values.items() if value is not None}


def _value(definition: FactDefinition, fact: Fact) -> object:
    """A value as JSON; `None` where there is none to give. Conditions hold no dates."""
    value = fact.value
    if value is None or isinstance(value, DateSpan):
        return None
    if not isinstance(value, Interval):
        return value
    if not value.is_point or value.low is None:
        return None
    match definition.type:
        case NumberType(decimals=0):
            return int(value.low)
        case QuantityType(unit):
            return {"value": float(value.low), "unit": unit}
        case _:
            return float(value.low)
