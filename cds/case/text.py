"""A case in a few lines that a person can read: what the record says, and nothing of what silence says as well."""

from __future__ import annotations

from collections.abc import Iterator

from cds.case.case import CLOSING_STATEMENT, IMPLIED, Case
from cds.case.facts import NEVER_RECORDED, Absent, Conflicting, Fact, Facts, Known, Value

_GIVEN = ("name", "kind", "side")  # of a structure: the table of structures states them
_OF_SILENCE = ("silence:", "not documented", CLOSING_STATEMENT, IMPLIED)


def patient_text(case: Case) -> str:
    """The case for people: one line for each subject of whom something is said.

    >>> from cds.case.reading import case_from_mapping
    >>> from cds.testing import sample_vocabulary
    >>> written = {"as_of": "2026-11-22", "patient": {"weight": "< 70.5", "smoker": {"absent": "asked-declined"}},
    ...            "lesions": [{"id": "T1", "facts": {"site": "tongue"}}]}
    >>> print(patient_text(case_from_mapping(sample_vocabulary(), written)))
    as of 2026-11-22
    patient: weight < 70.5, smoker absent (asked-declined)
    T1: site tongue
    """
    return "\n".join([f"as of {case.as_of.isoformat()}", *_subjects(case)])


def fact_text(fact: Fact) -> str:
    """One fact's state in a few words.

    >>> fact_text(Fact(Known(True))), fact_text(NEVER_RECORDED)
    ('true', 'absent (never-recorded)')
    """
    match fact.state:
        case Known(value):
            return _value(value)
        case Absent(reason):
            return f"absent ({reason.value})"
        case Conflicting(values):
            return f"conflicting ({' / '.join(_value(value) for value in values)})"


def _value(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _subjects(case: Case) -> Iterator[str]:
    if said := _said(case.patient):
        yield f"patient: {said}"
    for lesion in case.lesions:
        yield f"{lesion.id}: {_said(lesion.facts) or 'nothing is said'}"
        for structure in lesion.structures:
            if said := _said({name: fact for name, fact in structure.facts.items() if name not in _GIVEN}):
                yield f"{lesion.id}/{structure.key}: {said}"


def _said(facts: Facts) -> str:
    told = {n: f for n, f in facts.items() if f != NEVER_RECORDED and not f.note.startswith(_OF_SILENCE)}
    return ", ".join(f"{name} {fact_text(fact)}" for name, fact in told.items())
