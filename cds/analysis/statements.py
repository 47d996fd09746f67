"""What came of a question about every patient: proved, refuted by a patient, waived, or not decided in time."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cds.case import Case
from cds.errors import Position


class Standing(enum.Enum):
    """Whether a statement holds."""

    PROVED = "proved"
    REFUTED = "refuted"
    WAIVED = "waived"
    """Refuted, and a person has written down why that is accepted, and until when."""
    UNDECIDED = "undecided"
    """The solver gave up. This is never read as proved."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that should hold of every patient. `code` names its kind, `subject` what it is about (`SS-2`)."""

    code: str
    subject: str
    says: str
    position: Position | None = None

    @property
    def key(self) -> str:
        """`dead-rule:SS-2`: what a waiver names."""
        return f"{self.code}:{self.subject}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one statement, with the patient against it where there is one.

    `learned` is the same patient after something was learned, where the statement is about learning; `why` says what
    the patient shows, or why nothing was decided.
    """

    statement: Statement
    standing: Standing
    why: str = ""
    witness: Case | None = None
    learned: Case | None = None

    @property
    def is_fine(self) -> bool:
        """Whether nobody has to look at it."""
        return self.standing in (Standing.PROVED, Standing.WAIVED)
