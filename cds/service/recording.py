"""The record of every answer, written before the answer is given out.

`required`: what cannot be recorded is not given out (503). `when-possible`: it is, and says so in its issues. `off`:
nothing is recorded, and every answer says so, too.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic import TypeAdapter

from cds.recommendation.model import IssuePart, Recommendation
from cds.records import Author, Decision, Records, RecordsUnavailable
from cds.service.evaluation import Evaluated
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
class Recorded:
    """An answer, its JSON as it goes out, and the id of its record (`None`: it has none, and says so)."""

    answer: Recommendation
    content: bytes
    record: str | None


@dataclass(frozen=True, slots=True)
class Recording:
    """How the answers of one service are recorded."""

    records: Records | None
    settings: Settings

    def recorded(self, evaluated: Evaluated, *, door: str, author: Author | None) -> Recorded:
        """Record an answer. Raises `RecordsUnavailable` where it has to be recorded and cannot be."""
        start = time.perf_counter()
        content = _ANSWER.dump_json(evaluated.answer, by_alias=True)
        if self.records is None:
            return _unrecorded(evaluated.answer)
        answer = evaluated.answer
        decision = Decision(
            case=evaluated.case,
            answer=content,
            phase=answer.phase,
            rule_set=answer.rule_set.model_dump(mode="json"),
            engines={"reference": answer.engines.reference, "durable-rules": answer.engines.durable_rules},
            door=door,
            author=author,
            seconds={"evaluated": evaluated.seconds, "written": time.perf_counter() - start},
            bundle=self._bundle(evaluated),
        )
        try:
            entry = self.records.append_decision(decision)
        except RecordsUnavailable as error:
            LOG.error("not recorded: %s", error)
            if self.settings.recording == "required":
                raise
            return _unrecorded(answer)
        LOG.info("recorded", extra={"told": {"record": entry.id, "number": entry.number, "digest": entry.digest}})
        return Recorded(answer, content, entry.id)

    def _bundle(self, evaluated: Evaluated) -> bytes | None:
        if not self.settings.keep_bundles:
            return None
        bundle = evaluated.asked.bundle
        return bundle if isinstance(bundle, bytes) else orjson.dumps(bundle, default=str)


def _unrecorded(answer: Recommendation) -> Recorded:
    said = answer.model_copy(update={"issues": (*answer.issues, NOT_RECORDED)})
    return Recorded(said, _ANSWER.dump_json(said, by_alias=True), None)
