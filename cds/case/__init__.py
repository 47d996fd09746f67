"""What is known about one patient: facts, each known, absent with a reason, or conflicting, each with its sources."""

from cds.case.case import (
    CLOSING_STATEMENT,
    IMPLIED,
    Case,
    Lesion,
    Structure,
    assemble,
    bounded,
    narrowed,
    structures_at_risk,
    subjects_of,
)
from cds.case.facts import (
    NEVER_RECORDED,
    AbsenceReason,
    Absent,
    Conflicting,
    Fact,
    Facts,
    Known,
    ReportedLesion,
    ReportedStructure,
    Value,
)
from cds.case.provenance import Role, Source

__all__ = [
    "CLOSING_STATEMENT", "IMPLIED",
    "NEVER_RECORDED", "AbsenceReason", "Absent", "Case", "Conflicting", "Fact", "Facts", "Known", "Lesion",
    "ReportedLesion", "ReportedStructure", "Role", "Source", "Structure", "Value", "assemble", "bounded",
    "narrowed", "structures_at_risk", "subjects_of",
]  # fmt: skip
