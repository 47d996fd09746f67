"""Evaluations off the event loop: a bounded number at once, a bounded number waiting, the rest asked to come back."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final, Protocol, TypeVar

import anyio
import anyio.to_thread

from cds.case import Case
from cds.recommendation.model import Recommendation
from cds.ruleset import RuleSet
from cds.service.outcomes import Refused
from cds.service.requests import Asked

T = TypeVar("T")

PROBE: Final = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [{"resource": {"resourceType": "Patient", "id": "probe", "birthDate": "1957-04"}}],
}
"""A patient of whom nothing is known: whether both engines answer can be asked with it."""
PROBED_AS_OF: Final = dt.date(2026, 11, 22)


class Evaluate(Protocol):
    """`cds.api.answered`, or what stands in for it in a test."""

    def __call__(
        self,
        bundle: bytes | Mapping[str, object],
        *,
        as_of: dt.date,
        phase: str = "decision",
        rules: RuleSet | None = None,
        lesion: str | None = None,
    ) -> tuple[Case, Recommendation]: ...


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An answer that was made and not yet recorded: with its facts, and the seconds that it took."""

    asked: Asked
    case: Case
    answer: Recommendation
    seconds: float


class Evaluations:
    """The evaluations of one service. The rule set in force can be replaced between two of them."""

    def __init__(
        self, evaluate: Evaluate, rules: RuleSet, *, concurrency: int, queue: int, seconds: float = 30.0
    ) -> None:
        self._evaluate = evaluate
        self._rules = rules
        self._limiter = anyio.CapacityLimiter(concurrency)
        self._most = concurrency + queue
        self._seconds = seconds
        self._present = 0
        self._counting = Lock()

    @property
    def rules(self) -> RuleSet:
        """The rule set in force."""
        return self._rules

    def replace(self, rules: RuleSet) -> None:
        """Put another rule set in force, at once: what runs goes on with the old one."""
        self._rules = rules

    def try_out(self, rules: RuleSet) -> None:
        """Answer with a rule set that is not in force. Raises `NoAdvice` where the engines do not answer alike."""
        self._evaluate(PROBE, as_of=PROBED_AS_OF, rules=rules)

    def evaluated(self, asked: Asked) -> Evaluated:
        """The answer to a question, in this thread. Raises what `cds.evaluate` does."""
        start = time.perf_counter()
        case, answer = self._evaluate(
            asked.bundle, as_of=asked.as_of, phase=asked.phase, rules=self._rules, lesion=asked.lesion
        )
        return Evaluated(asked, case, answer, time.perf_counter() - start)

    async def probe(self) -> None:
        """Evaluate a patient of whom nothing is known. Raises `NoAdvice` where the engines do not answer alike."""
        await self.run(lambda: self.evaluated(Asked(PROBE, PROBED_AS_OF)))

    async def run(self, work: Callable[[], T]) -> T:
        """Do work in a thread, one of a bounded number. Raises `Refused` (503) where too many wait, or it takes too
        long.

        A thread cannot be stopped: what took too long goes on, still counts as present, and nobody gets its result.
        """
        with self._counting:
            if self._present >= self._most:
                busy = f"{self._present} evaluations are running or waiting; send this one again in a moment"
                raise Refused(503, "busy", busy, {"Retry-After": "1"})
            self._present += 1
        present = _Present(self._leave)

        def counted() -> T:
            present.begin()
            try:
                return work()
            finally:
                self._leave()

        try:
            with anyio.fail_after(self._seconds):
                return await anyio.to_thread.run_sync(counted, limiter=self._limiter, abandon_on_cancel=True)
        except TimeoutError:
            late = f"no answer within {self._seconds:g} s; this is a failure of the system, not a finding"
            raise Refused(503, "timed-out", late, {"Retry-After": "5"}) from None
        finally:
            present.give_up()

    def _leave(self) -> None:
        with self._counting:
            self._present -= 1


class _Present:
    """The place of one piece of work: given back by whoever ends it, the thread that began it or the caller who gave
    up.
    """

    def __init__(self, leave: Callable[[], None]) -> None:
        self._leave = leave
        self._lock = Lock()
        self._begun = self._given_up = False

    def begin(self) -> None:
        with self._lock:
            if self._given_up:
                raise Refused(503, "timed-out", "nobody waits for this any more")
            self._begun = True

    def give_up(self) -> None:
        with self._lock:
            if self._begun or self._given_up:
                return
            self._given_up = True
        self._leave()
