"""What every door of the service works with: the settings, the rule set in force, and the one way to a decision.

Every door (`POST /evaluate`, CDS Hooks, the FHIR operations, the board's pages) asks `Runtime.decide`. There is no
second way to an answer, so what has to hold for every answer (both engines agree, the record is written before the
answer is given out) holds at one place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cds.errors import NoAdvice
from cds.intake.document import Limits
from cds.recommendation.model import Recommendation
from cds.records import Author, Records, RecordsUnavailable
from cds.ruleset import RuleSet
from cds.service.evaluation import Evaluations
from cds.service.metrics import Metrics
from cds.service.recording import Recorded, Recording
from cds.service.requests import Asked
from cds.service.settings import Settings


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a name within what vouches for it.

    `issuer` is the address of the CDS client or of the authorisation server whose signature was checked, and `None`
    where nobody vouches (development on the loopback interface).

    >>> Caller("demo").issuer is None
    True
    """

    name: str
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """One answer that may be given out: the recommendation, the id of its decision record, and its JSON.

    `record` is `None` where nothing was recorded; the answer's issues then say `not-recorded`. `content` is the
    answer as it was recorded, byte for byte.
    """

    answer: Recommendation
    record: str | None = None
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Runtime:
    """One running service, as its doors see it. `records` is `None` where an installation records nothing.

    `metrics` counts the answers that could not be given or recorded, whatever the door.
    """

    settings: Settings
    limits: Limits
    evaluations: Evaluations
    records: Records | None = None
    metrics: Metrics = field(default_factory=Metrics)

    @property
    def rules(self) -> RuleSet:
        """The rule set in force now. A door reads it once for each request: it can be replaced between two."""
        return self.evaluations.rules

    async def decide(self, ask: Callable[[], Asked], *, door: str, caller: Caller | None = None) -> Decided:
        """Evaluate what `ask` reads out of a request, off the event loop, and record it.

        `door` is the address that was asked, `caller` who asked. Raises what `ask` and `cds.evaluate` raise, `Refused`
        (503) where too many wait or it takes too long, and `RecordsUnavailable` where the answer cannot be recorded.
        """
        author = Author(caller.name, caller.issuer) if caller is not None else None
        recording = Recording(self.records, self.settings)

        def work() -> Recorded:
            return recording.recorded(self.evaluations.evaluated(ask()), door=door, author=author)

        try:
            recorded = await self.evaluations.run(work)
        except NoAdvice as error:
            self.metrics.no_advice.labels(error.code).inc()
            raise
        except RecordsUnavailable:
            self.metrics.unrecorded.inc()
            raise
        if recorded.record is None and self.records is not None:
            self.metrics.unrecorded.inc()
        return Decided(recorded.answer, recorded.record, recorded.content)
