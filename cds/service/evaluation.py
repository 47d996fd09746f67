"""Evaluations off the event loop, by the rule set in force, which can be replaced between two of them."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from cds.case import Case
from cds.recommendation.model import Recommendation
from cds.ruleset import RuleSet
from cds.service.entered import joined, with_issues
from cds.service.places import Places
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
    """An answer that was made and not yet recorded: with its facts, the seconds that it took, and the responses that
    were put beside the bundle as its last entries.
    """

    asked: Asked
    case: Case
    answer: Recommendation
    seconds: float
    responses: tuple[Mapping[str, object], ...] = ()


class Elsewhere(Protocol):
    """What else evaluates by the rule set in force, and is told when there is another one."""

    def replace(self, rules: RuleSet) -> None: ...


class Evaluations:
    """The evaluations of one service. The rule set in force can be replaced between two of them.

    `elsewhere` is told of every rule set that is put in force.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        rules: RuleSet,
        *,
        concurrency: int,
        queue: int,
        seconds: float = 30.0,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._evaluate = evaluate
        self._rules = rules
        self._places = Places(at_once=concurrency, queue=queue, seconds=seconds)
        self._elsewhere = elsewhere

    @property
    def rules(self) -> RuleSet:
        """The rule set in force."""
        return self._rules

    def replace(self, rules: RuleSet) -> None:
        """Put another rule set in force, at once: what runs goes on with the old one."""
        self._rules = rules
        if self._elsewhere is not None:
            self._elsewhere.replace(rules)

    def try_out(self, rules: RuleSet) -> None:
        """Answer with a rule set that is not in force. Raises `NoAdvice` where the engines do not answer alike."""
        self._evaluate(PROBE, as_of=PROBED_AS_OF, rules=rules)

    def evaluated(self, asked: Asked) -> Evaluated:
        """The answer to a question, in this thread. Raises what `cds.evaluate` does."""
        start, rules = time.perf_counter(), self._rules
        with_it = joined(asked.bundle, asked.beside, as_of=asked.as_of, rules=rules)
        case, answer = self._evaluate(
            with_it.bundle, as_of=asked.as_of, phase=asked.phase, rules=rules, lesion=asked.lesion
        )
        case, answer = with_issues(case, answer, with_it.issues)
        return Evaluated(asked, case, answer, time.perf_counter() - start, with_it.responses)

    async def probe(self) -> None:
        """Evaluate a patient of whom nothing is known. Raises `NoAdvice` where the engines do not answer alike."""
        await self.run(lambda: self.evaluated(Asked(PROBE, PROBED_AS_OF)))

    async def run(self, work: Callable[[], T]) -> T:
        """Do work in a thread, one of a bounded number. Raises `Refused` (503) as `Places` does."""
        return await self._places.run(work)
