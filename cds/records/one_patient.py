"""The records of one patient: what a session that was opened for this patient may read, and write beside.

The ids of patients are those of a FHIR server, and two servers may use the same. So a record counts as the patient's
where it names the patient and the server; of a record that names no server nobody can say whose it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds.records.entries import Author, Entry, Kind
from cds.records.errors import UnknownRecord
from cds.records.ledger import Records


class PatientRecords(Records):
    """The part of all records that is about one patient of one FHIR server. Every other record is unknown here.

    `patient` is the reference `Patient/p`, `server` the base address as records keep it (`None`: no record is).
    """

    def __init__(self, whole: Records, *, patient: str, server: str | None) -> None:
        # Not the parent's: the connections are those of `whole`, which also lets go of them.
        self._engine, self._pseudonyms, self._clock = whole._engine, whole._pseudonyms, whole._clock
        self._whole = whole
        self._patient = patient
        self._server = server
        self._named = self._pseudonyms.of(patient) if self._pseudonyms is not None else patient

    def close(self) -> None:
        """Nothing: the connections belong to all records."""

    def entry(self, id_: str) -> Entry:
        """As of all records. Raises `UnknownRecord` for another patient's, too, in the same words."""
        found = self._whole.entry(id_)
        if not self._is_ours(found):
            raise UnknownRecord(f"`{id_[:64]}`: no such record; `cds records list` shows the ids")
        return found

    def has_content(self, id_: str) -> bool:
        """As of all records, and never of another patient's."""
        return self._whole.has_content(id_) and self._is_known(id_)

    def content(self, id_: str) -> dict[str, Any]:
        """As of all records. Raises `UnknownRecord` for another patient's, too."""
        self.entry(id_)
        return self._whole.content(id_)

    def entries(
        self,
        kind: Kind | None = None,
        *,
        about: str | None = None,
        subject: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> tuple[Entry, ...]:
        """As of all records: those that name the patient."""
        if subject not in (None, self._patient):
            return ()
        found = self._whole.entries(kind, about=about, subject=self._patient, after=after, limit=limit)
        return tuple(each for each in found if self._is_ours(each))

    def of_same_patient(self, id_: str, *, kind: Kind = "decision", limit: int = 100) -> tuple[Entry, ...]:
        """As of all records. Raises `UnknownRecord` for another patient's."""
        self.entry(id_)
        return tuple(each for each in self._whole.of_same_patient(id_, kind=kind, limit=limit) if self._is_ours(each))

    def board_decisions(self, id_: str) -> tuple[Entry, ...]:
        """As of all records. Raises `UnknownRecord` for another patient's."""
        self.entry(id_)
        return tuple(each for each in self._whole.board_decisions(id_) if self._is_ours(each))

    def append_entry(
        self,
        kind: Kind,
        told: Mapping[str, Any],
        *,
        about: str | None = None,
        subject: str | None = None,
        author: Author | None = None,
    ) -> Entry:
        """As of all records. Raises `UnknownRecord` where it would not be the patient's."""
        if about is None or subject not in (None, self._patient):
            raise UnknownRecord("what is written here belongs to a record of the patient whose session this is")
        self.entry(about)
        return self._whole.append_entry(kind, told, about=about, subject=subject, author=author)

    def _is_known(self, id_: str) -> bool:
        try:
            return self._is_ours(self._whole.entry(id_))
        except UnknownRecord:
            return False

    def _is_ours(self, entry: Entry) -> bool:
        """Whether an answer names the patient and the server, or an entry belongs to such an answer."""
        if entry.kind == "decision":
            named = self._server is not None and entry.body.get("server") == self._server
            return named and self._subject(entry.id) == self._named
        return entry.about is not None and entry.about != entry.id and self._is_known(entry.about)
