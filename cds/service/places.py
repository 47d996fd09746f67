"""Work off the event loop: a bounded number at once, a bounded number waiting, the rest asked to come back."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TypeVar

import anyio
import anyio.to_thread

from cds.service.outcomes import Refused

T = TypeVar("T")


class Places:
    """The places of one kind of work: `at_once` of it runs, `queue` of it waits, for `seconds` in all."""

    def __init__(self, *, at_once: int, queue: int, seconds: float) -> None:
        self.seconds = seconds
        self._limiter = anyio.CapacityLimiter(at_once)
        self._most = at_once + queue
        self._present = 0
        self._counting = Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """Do work in a thread. Raises `Refused` (503) where too many wait, or it takes too long.

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
            with anyio.fail_after(self.seconds):
                return await anyio.to_thread.run_sync(counted, limiter=self._limiter, abandon_on_cancel=True)
        except TimeoutError:
            raise late(self.seconds) from None
        finally:
            present.give_up()

    def _leave(self) -> None:
        with self._counting:
            self._present -= 1


def late(seconds: float) -> Refused:
    """The refusal of what took longer than an answer may take.

    >>> late(30).status
    503
    """
    details = f"no answer within {seconds:.3g} s; this is a failure of the system, not a finding"
    return Refused(503, "timed-out", details, {"Retry-After": "5"})


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
