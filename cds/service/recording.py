"""The record of every answer, written before the answer is given out.

`required`: what cannot be recorded is not given out (503). `when-possible`: it is, and says so in its issues. `off`:
nothing is recorded, and every answer says so, too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic import TypeAdapter

from cds.recommendation.model import IssuePart, Recommendation
from cds.records import (
    Author,
    Decision,
    Prepared,
    Pseudonyms,
    Records,
    RecordsUnavailable,
    prepared_decision,
)
from cds.service.entered import person_of
from cds.service.evaluation import Evaluated
from cds.service.requests import Asked
from cds.service.settings import Settings

LOG: Final = logging.getLogger("cds.service")
_ANSWER: Final = TypeAdapter(Recommendation)
NOT_RECORDED: Final = IssuePart(
    severity="warning",
    code="not-recorded",
    expression="",
    details="this answer stands in no decision record; keep it yourself if it is used",
)


@dataclass(frozen=True, slots=True)
class Made:
    """An answer that was made and not yet recorded: its JSON as it goes out, and what its record will hold.

    `rules` is the digest of the rule set that it was made by. `record` is `None` where nothing is recorded; the answer
    then says so. `answer` is `None` where it was made in another process: `content` is all of it. `responses` were put
    beside the bundle as its last entries.
    """

    content: bytes
    rules: str
    record: Prepared | None = None
    answer: Recommendation | None = None
    responses: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Making:
    """How answers are made ready to be recorded and given out: all that needs no database."""

    recorded: bool
    keep_bundles: bool = False
    pseudonyms: Pseudonyms | None = None

    @classmethod
    def of(cls, records: Records | None, settings: Settings) -> Making:
        """As the settings of a service say."""
        return cls(records is not None, settings.keep_bundles, records.pseudonyms if records is not None else None)

    def made(self, evaluated: Evaluated, *, door: str, author: Author | None) -> Made:
        """An answer ready to be recorded, as one that `door` was asked for by `author`."""
        start = time.perf_counter()
        answer = evaluated.answer
        if not self.recorded:
            return _unrecorded(answer)
        content = _ANSWER.dump_json(answer, by_alias=True)
        person = person_of(evaluated.asked.bundle)
        decision = Decision(
            case=evaluated.case,
            answer=content,
            phase=answer.phase,
            rule_set=answer.rule_set.model_dump(mode="json"),
            engines={"reference": answer.engines.reference, "durable-rules": answer.engines.durable_rules},
            door=door,
            author=author,
            seconds={"evaluated": evaluated.seconds, "written": time.perf_counter() - start},
            bundle=self._bundle(evaluated.asked),
            server=evaluated.asked.server,
            responses=evaluated.responses,
            patient=person.marks(self.pseudonyms) if person is not None else {},
        )
        record = prepared_decision(decision, self.pseudonyms)
        return Made(content, answer.rule_set.digest, record, answer, evaluated.responses)

    def _bundle(self, asked: Asked) -> bytes | None:
        if not self.keep_bundles:
            return None
        return asked.bundle if isinstance(asked.bundle, bytes) else orjson.dumps(asked.bundle, default=str)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An answer as it goes out, and the id of its record (`None`: it has none, and says so)."""

    made: Made
    record: str | None


@dataclass(frozen=True, slots=True)
class Recording:
    """How the answers of one service are recorded."""

    records: Records | None
    settings: Settings

    def recorded(self, made: Made) -> Recorded:
        """Record an answer. Raises `RecordsUnavailable` where it has to be recorded and cannot be."""
        if self.records is None or made.record is None:
            return Recorded(made, None)
        try:
            entry = self.records.append_prepared(made.record)
        except RecordsUnavailable as error:
            LOG.error("not recorded: %s", error)
            if self.settings.recording == "required":
                raise
            return Recorded(_unrecorded(made.answer or answer_of(made.content)), None)
        LOG.info("recorded", extra={"told": {"record": entry.id, "number": entry.number, "digest": entry.digest}})
        return Recorded(made, entry.id)


def answer_of(content: bytes) -> Recommendation:
    """The answer whose JSON this is."""
    return _ANSWER.validate_json(content)


def _unrecorded(answer: Recommendation) -> Made:
    said = answer.model_copy(update={"issues": (*answer.issues, NOT_RECORDED)})
    return Made(_ANSWER.dump_json(said, by_alias=True), answer.rule_set.digest, None, said)
