"""The processes for the large bodies of one service: a few of them, asked in turn, replaced when they fail."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

from cds.errors import EngineFailure, NoAdvice, UnusableInput
from cds.records import Author
from cds.ruleset import RuleSet
from cds.service.guard import record_incident
from cds.service.large.evaluator import Evaluator
from cds.service.large.messages import Answered, Broken, NotAdvised, NotUsable, Question, Reply, Start
from cds.service.logs import REQUEST
from cds.service.places import Places, late
from cds.service.recording import Made
from cds.service.requests import Asked

WORN_AFTER: Final = 500
"""Requests after which a process is replaced, whatever it has kept of them."""

T = TypeVar("T")


class LargeBodies:
    """The processes for large bodies. Safe to use from several threads.

    None is started before the first request, unless `begin` is called. `queue` requests may wait for them; each has
    `seconds` in all.
    """

    def __init__(self, start: Start, *, processes: int, queue: int, seconds: float) -> None:
        self._start = start
        self._places = Places(at_once=processes, queue=queue, seconds=seconds)
        self._is_closed = False
        # `None` is the place of a process that is not there.
        self._idle: SimpleQueue[Evaluator | None] = SimpleQueue()
        for _ in range(processes):
            self._idle.put(None)

    def begin(self) -> None:
        """Start every process that is not there, without waiting until it is ready."""
        for evaluator in self._all_idle():
            self._put(evaluator if evaluator is not None else self._started())

    def replace(self, rules: RuleSet) -> None:
        """Answer by another rule set from now on: what runs goes on with the old one, and its process ends then."""
        self._start = replace(self._start, rules=rules)
        for evaluator in self._all_idle():
            self._put(self._successor(evaluator))

    def close(self) -> None:
        """End every process."""
        self._is_closed = True
        self._end_idle()

    async def run(
        self, ask: Asked | Callable[[], Asked], *, door: str, author: Author | None, keep: Callable[[Made], T]
    ) -> T:
        """What `keep` makes of the answer in this process, as soon as it is there.

        Raises what `ask` and `cds.evaluate` raise, `EngineFailure` where the process fails, and `Refused` (503) where
        too many wait or it takes too long.
        """
        end = time.monotonic() + self._places.seconds

        def work() -> T:
            left = end - time.monotonic()
            return keep(self._made(Question(ask, door, author, REQUEST.get(), left), end))

        return await self._places.run(work)

    def _made(self, question: Question, end: float) -> Made:
        try:
            evaluator = self._idle.get(timeout=max(question.seconds, 0.001))
        except Empty:
            raise late(self._places.seconds) from None
        try:
            evaluator = self._fitting(evaluator)
            reply = evaluator.ask(replace(question, seconds=max(end - time.monotonic(), 0.001)))
        finally:
            self._give_back(evaluator)
        return _made(reply, evaluator.start.rules.digest)

    def _fitting(self, evaluator: Evaluator | None) -> Evaluator:
        """The process, if it answers by the rule set in force; else another one."""
        if self._is_closed:
            raise EngineFailure("the service ends; no other process for large bodies is started")
        if evaluator is not None and evaluator.start is self._start:
            return evaluator
        if evaluator is not None:
            evaluator.end()
        return Evaluator(self._start)

    def _give_back(self, evaluator: Evaluator | None) -> None:
        if evaluator is None or not (evaluator.asked or evaluator.is_alive):
            # It could not even start: another is tried for the next request, and not over and over.
            self._put(None)
        elif evaluator.is_alive and evaluator.asked < WORN_AFTER and evaluator.start is self._start:
            self._put(evaluator)
        else:
            threading.Thread(target=lambda: self._put(self._successor(evaluator)), daemon=True).start()

    def _put(self, evaluator: Evaluator | None) -> None:
        self._idle.put(evaluator)
        if self._is_closed:
            self._end_idle()

    def _successor(self, evaluator: Evaluator | None) -> Evaluator | None:
        if evaluator is None:
            return None
        evaluator.end()
        return self._started()

    def _started(self) -> Evaluator | None:
        if self._is_closed:
            return None
        try:
            return Evaluator(self._start)
        except EngineFailure as error:
            record_incident(error)
            return None

    def _end_idle(self) -> None:
        for evaluator in self._all_idle():
            if evaluator is not None:
                evaluator.end()
            self._idle.put(None)

    def _all_idle(self) -> list[Evaluator | None]:
        idle: list[Evaluator | None] = []
        while True:
            try:
                idle.append(self._idle.get_nowait())
            except Empty:
                return idle


def _made(reply: Reply, digest: str) -> Made:
    match reply:
        case Answered(content, rules, record):
            if rules != digest:
                raise EngineFailure("the process for large bodies answered by other rules; repeat the request")
            return Made(content, rules, record)
        case NotUsable(issues):
            raise UnusableInput(issues)
        case NotAdvised(code, message):
            raise _kind_of(NoAdvice, code)(message)
        case Broken():
            raise RuntimeError("a defect in the process for large bodies, which has logged it")


def _kind_of(error: type[NoAdvice], code: str) -> type[NoAdvice]:
    """The kind of error that has a code; the general one where nobody knows the code."""
    below = (_kind_of(each, code) for each in error.__subclasses__())
    return error if error.code == code else next((each for each in below if each.code == code), NoAdvice)
