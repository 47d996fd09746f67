"""What can be wrong with the decision records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from cds.errors import CdsError


class RecordsUnavailable(CdsError):
    """The database of the records cannot be reached, written or read: nothing was recorded.

    >>> raise RecordsUnavailable("records: the disk is full; free some space, then ask again")
    Traceback (most recent call last):
    cds.records.errors.RecordsUnavailable: records: the disk is full; free some space, then ask again
    """

    code: ClassVar[str] = "records-unavailable"


class UnknownRecord(CdsError):
    """No record has this id, or its content was erased when its time was over.

    >>> raise UnknownRecord("`7`: no such record; `cds records list` shows the ids")
    Traceback (most recent call last):
    cds.records.errors.UnknownRecord: `7`: no such record; `cds records list` shows the ids
    """

    code: ClassVar[str] = "unknown-record"


class UnreadableRecord(CdsError):
    """A record whose content is not what its digest was taken of, or is of a form that is not read here.

    >>> raise UnreadableRecord("record 3: its content does not fit its digest; run `cds records verify`")
    Traceback (most recent call last):
    cds.records.errors.UnreadableRecord: record 3: its content does not fit its digest; run `cds records verify`
    """

    code: ClassVar[str] = "unreadable-record"


class DecidedMeanwhile(CdsError):
    """Another decision about the lesion was recorded after the form of this one was opened: nothing was recorded.

    `others` are the ids of the decisions that its writers have not seen.

    >>> DecidedMeanwhile(["a-b-c"]).others
    ('a-b-c',)
    """

    code: ClassVar[str] = "decided-meanwhile"

    def __init__(self, others: Iterable[str]) -> None:
        self.others = tuple(others)
        named = ", ".join(f"`{each}`" for each in self.others)
        told = "was recorded about this lesion meanwhile, and nothing was stored; read it, then confirm or withdraw"
        super().__init__(f"{named}: {told}")
