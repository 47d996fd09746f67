"""Evaluations off the event loop: a bounded number at once, a bounded number waiting, the rest asked to come back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeVar

import anyio
import anyio.to_thread
from pydantic import TypeAdapter

from cds.recommendation.model import Recommendation
from cds.ruleset import RuleSet
from cds.service.outcomes import Refused
from cds.service.requests import Asked

T = TypeVar("T")

_ANSWER: Final = TypeAdapter(Recommendation)
PROBE: Final = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [{"resource": {"resourceType": "Patient", "id": "probe", "birthDate": "1957-04"}}],
}
"""A patient of whom nothing is known: whether both engines answer can be asked with it."""
PROBED_AS_OF: Final = dt.date(2026, 11, 22)


class Evaluate(Protocol):
    """`cds.evaluate`, or what stands in for it in a test."""

    def __call__(
        self,
        bundle: bytes | Mapping[str, object],
        *,
        as_of: dt.date,
        phase: str = "decision",
        rules: RuleSet | None = None,
        lesion: str | None = None,
    ) -> Recommendation: ...


class Evaluations:
    """The evaluations of one service."""

    def __init__(self, evaluate: Evaluate, rules: RuleSet, *, concurrency: int, queue: int) -> None:
        self._evaluate = evaluate
        self._rules = rules
        self._limiter = anyio.CapacityLimiter(concurrency)
        self._most = concurrency + queue
        self._present = 0

    async def recommendation(self, ask: Callable[[], Asked]) -> Recommendation:
        """The answer to what `ask` reads out of a request, off the event loop, too.

        Raises what `ask` and `cds.evaluate` do, and `Refused` (503) where too many wait.
        """
        return await self._run(lambda: self._answer(ask()))

    async def answer(self, ask: Callable[[], Asked]) -> bytes:
        """The answer as JSON: made into bytes once, in the thread that evaluated."""
        return await self._run(lambda: _ANSWER.dump_json(self._answer(ask()), by_alias=True))

    async def probe(self) -> None:
        """Evaluate a patient of whom nothing is known. Raises `NoAdvice` where the engines do not answer alike."""
        await self.recommendation(lambda: Asked(PROBE, PROBED_AS_OF))

    def _answer(self, asked: Asked) -> Recommendation:
        return self._evaluate(
            asked.bundle, as_of=asked.as_of, phase=asked.phase, rules=self._rules, lesion=asked.lesion
        )

    async def _run(self, work: Callable[[], T]) -> T:
        if self._present >= self._most:
            busy = f"{self._present} evaluations are running or waiting; send this one again in a moment"
            raise Refused(503, "busy", busy, {"Retry-After": "1"})
        self._present += 1
        try:
            return await anyio.to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self._present -= 1
