"""The occasion of an answer: who asked about whom, and when. What the answer itself does not hold."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Occasion:
    """One request as its resources tell of it.

    `id` is the request's; every id of a resource follows from it. `moment` (with its zone) is when it was answered,
    stamped once by the service. `subject` and the rest are references as the client wrote them; `record` is the id of
    the decision record, if one is kept.

    >>> at = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    >>> Occasion(uuid.UUID(int=1), at, "Patient/1").identity("guidance") == uuid.uuid5(uuid.UUID(int=1), "guidance")
    True
    """

    id: uuid.UUID
    moment: dt.datetime
    subject: str
    encounter: str | None = None
    practitioner: str | None = None
    organization: str | None = None
    record: str | None = None

    @property
    def instant(self) -> str:
        """The moment as FHIR's `instant`."""
        return self.moment.isoformat(timespec="milliseconds")

    def identity(self, name: str) -> uuid.UUID:
        """The id of one resource of this answer."""
        return uuid.uuid5(self.id, name)
