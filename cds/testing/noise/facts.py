"""What a case says of each fact: the same, whatever noise its bundle had."""

from __future__ import annotations

from cds.case import Absent, Case, Conflicting, Fact, Known, subjects_of

Said = tuple[str, object]


def said(case: Case) -> dict[str, Said]:
    """What a case says of each fact, by `patient.inr`, `T1.site`, `T1/skin/none.relation`; without notes and sources.

    >>> import datetime as dt
    >>> from cds.case import assemble
    >>> from cds.testing import sample_vocabulary
    >>> case = assemble(sample_vocabulary(), as_of=dt.date(2026, 11, 22), patient={}, lesions=[])
    >>> said(case)["patient.booked"]
    ('known', False)
    """
    return {f"{subject}.{name}": _said(fact) for subject, _, facts in subjects_of(case) for name, fact in facts.items()}


def _said(fact: Fact) -> Said:
    match fact.state:
        case Known(value):
            return "known", value
        case Absent(reason):
            return "absent", reason
        case Conflicting(values):
            return "conflicting", frozenset(values)
