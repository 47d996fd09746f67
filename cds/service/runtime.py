"""What every door of the service works with: the settings, the rule set in force, and the one way to a decision.

Every door (`POST /evaluate`, CDS Hooks, the FHIR operations, the board's pages) asks `Runtime.decide`. There is no
second way to an answer about a patient, so what has to hold for every one (both engines agree, the record is written
before the answer is given out) holds at one place.

`Runtime.suppose` answers what would hold if some facts were otherwise. It is the one answer that is never recorded, and
it says in itself that it is about no patient.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from cds.case import Case
from cds.errors import NoAdvice
from cds.intake.document import Limits
from cds.recommendation import recommend
from cds.recommendation.model import IssuePart, Recommendation
from cds.records import Author, Records, RecordsUnavailable, UnreadableRecord
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase
from cds.service.entered import Entered, not_read
from cds.service.evaluation import Evaluations
from cds.service.large import LargeBodies
from cds.service.metrics import Metrics
from cds.service.outcomes import Refused
from cds.service.recording import Making, Recorded, Recording, answer_of
from cds.service.requests import Asked
from cds.service.settings import Settings

HYPOTHETICAL: Final = IssuePart(
    severity="warning",
    code="hypothetical",
    expression="",
    details="this is the answer to facts that were supposed: it is about no patient, and stands in no decision record",
)


LOG: Final = logging.getLogger("cds.service")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a name within what vouches for it.

    `issuer` is the address of the CDS client or of the authorisation server whose signature was checked, and `None`
    where nobody vouches (development on the loopback interface). `patient` is the one patient (`Patient/p` of the FHIR
    server `issuer`) whose records the caller may read, `None` where it may read all.

    >>> Caller("demo").issuer is None
    True
    """

    name: str
    issuer: str | None = None
    patient: str | None = None


@dataclass(frozen=True)
class Decided:
    """One answer that may be given out: its JSON, byte for byte as it was recorded, and the id of its decision record.

    `record` is `None` where nothing was recorded; the answer's issues then say `not-recorded`. `responses` were entered
    here and put beside the bundle, as its last entries; of a large body they are not told.
    """

    content: bytes
    record: str | None = None
    made: Recommendation | None = None
    responses: tuple[Mapping[str, object], ...] = ()

    @cached_property
    def answer(self) -> Recommendation:
        """The recommendation; read out of its JSON where it was made in another process."""
        return self.made if self.made is not None else answer_of(self.content)


@dataclass(frozen=True, slots=True)
class Runtime:
    """One running service, as its doors see it. `records` is `None` where an installation records nothing.

    `metrics` counts the answers that could not be given or recorded, whatever the door. `large` evaluates large bodies
    in processes of their own; `None` where every body is evaluated in this one.
    """

    settings: Settings
    limits: Limits
    evaluations: Evaluations
    records: Records | None = None
    metrics: Metrics = field(default_factory=Metrics)
    large: LargeBodies | None = None

    @property
    def rules(self) -> RuleSet:
        """The rule set in force now. A door reads it once for each request: it can be replaced between two."""
        return self.evaluations.rules

    def is_large(self, size: int) -> bool:
        """Whether a body of so many bytes is evaluated in a process of its own."""
        return self.large is not None and size > self.settings.large_body

    async def decide(
        self, ask: Asked | Callable[[], Asked], *, door: str, caller: Caller | None = None, size: int = 0
    ) -> Decided:
        """Evaluate what is asked, or what `ask` reads out of a request, off the event loop, and record it.

        `door` is the address that was asked, `caller` who asked. `size` is the bytes of the body: where it is large,
        all is done in a process of its own, so `ask` has to be something that can be pickled. Raises what `ask` and
        `cds.evaluate` raise, `Refused` (503) where too many wait or it takes too long, and `RecordsUnavailable` where
        the answer cannot be recorded.
        """
        author = Author(caller.name, caller.issuer) if caller is not None else None
        recording, making = Recording(self.records, self.settings), Making.of(self.records, self.settings)
        issuer = caller.issuer if caller is not None else None

        def work() -> Recorded:
            asked = self._with_entered(ask, issuer)
            asked = asked if isinstance(asked, Asked) else asked()
            return recording.recorded(making.made(self.evaluations.evaluated(asked), door=door, author=author))

        try:
            if self.large is not None and self.is_large(size):
                if self.records is not None:
                    ask = await self.evaluations.run(lambda: self._with_entered(ask, issuer))
                recorded = await self.large.run(ask, door=door, author=author, keep=recording.recorded)
            else:
                recorded = await self.evaluations.run(work)
        except NoAdvice as error:
            self.metrics.no_advice.labels(error.code).inc()
            raise
        except RecordsUnavailable:
            self.metrics.unrecorded.inc()
            raise
        if recorded.record is None and self.records is not None:
            self.metrics.unrecorded.inc()
        return Decided(recorded.made.content, recorded.record, recorded.made.answer, recorded.made.responses)

    def _with_entered(self, ask: Asked | Callable[[], Asked], issuer: str | None) -> Asked | Callable[[], Asked]:
        """What is asked, with what was entered here about the patient. Where nothing ever was, it is not even read.

        Raises `RecordsUnavailable` where the answer has to be recorded; else the answer says what it had to do without.
        Raises `Refused` (500) where what was entered is not what was stored: it may be what withdraws the rest.
        """
        if self.records is None:
            return ask
        entered = Entered(self.records, self.limits)
        try:
            if not entered.is_any():
                return ask
            asked = ask if isinstance(ask, Asked) else ask()
            return replace(asked, beside=entered.beside(asked.bundle, issuer=issuer, server=asked.server))
        except RecordsUnavailable as error:
            if self.settings.recording == "required":
                LOG.error("not recorded, for what was entered cannot be read: %s", error)
                raise
            LOG.error("what was entered cannot be read: %s", error)
            asked = ask if isinstance(ask, Asked) else ask()
            return replace(asked, beside=not_read())
        except UnreadableRecord as error:
            LOG.error("what was entered was changed: %s", error)
            told = "what was entered about this patient is not what was stored, so there is no answer"
            raise Refused(500, "unreadable-record", f"{told}; whoever runs the service has to look: {error}") from error

    async def suppose(self, case: Case, rules: RuleSet, phase: Phase) -> Recommendation:
        """What both engines answer to a case of which something is only supposed, off the event loop; never recorded.

        The first of the answer's issues says that it is hypothetical. Raises `NoAdvice`, and `Refused` (503) where too
        many wait or it takes too long.
        """

        def work() -> Recommendation:
            answer = recommend(case, rules, phase=phase)
            return answer.model_copy(update={"issues": (HYPOTHETICAL, *answer.issues)})

        try:
            answer = await self.evaluations.run(work)
        except NoAdvice as error:
            self.metrics.no_advice.labels(error.code).inc()
            raise
        self.metrics.supposed.inc()
        return answer
