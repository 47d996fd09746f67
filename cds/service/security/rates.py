"""How often one caller may ask: a bucket of tokens each, filled at a steady rate, in the memory of one worker."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MOST_CALLERS: Final = 10_000


class Rates:
    """The buckets of one worker. The caller who was not seen for the longest time is forgotten first.

    >>> rates = Rates(rate=1, burst=2, clock=lambda: 0.0)
    >>> [rates.wait("ehr") for _ in range(3)]
    [0.0, 0.0, 1.0]
    """

    def __init__(self, *, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str) -> float:
        """Seconds until the caller may ask; 0 takes one token and means: now."""
        now = self._clock()
        level, at = self._buckets.pop(caller, (float(self._burst), now))
        level = min(float(self._burst), level + (now - at) * self._rate)
        allowed = level >= 1
        self._buckets[caller] = (level - 1 if allowed else level, now)
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - level) / self._rate
