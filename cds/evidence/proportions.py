"""Exact confidence intervals of a proportion.

Source: Clopper CJ, Pearson ES. *The use of confidence or fiducial limits illustrated in the case of the binomial.*
Biometrika 1934;26:404-413. The limits are the proportions at which k or more (or fewer) events of n have a probability
of half the error; they are found by bisection on the exact binomial tail, so that no table and no library is trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import comb


@lru_cache(maxsize=256)
def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of k events in n, as proportions between 0 and 1.

    >>> [round(100 * limit, 2) for limit in clopper_pearson(5, 11)]
    [16.75, 76.62]
    >>> [round(100 * limit, 2) for limit in clopper_pearson(0, 9)]
    [0.0, 33.63]
    """
    if not 0 <= k <= n or n < 1 or not 0 < confidence < 1:
        raise ValueError(f"{k} of {n} at a confidence of {confidence} is no proportion")
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else _root(lambda p: _at_least(k, n, p) - tail)
    high = 1.0 if k == n else _root(lambda p: tail - (1 - _at_least(k + 1, n, p)))
    return low, high


def _at_least(k: int, n: int, p: float) -> float:
    """The probability of k or more events."""
    return sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))


def _root(rising: Callable[[float], float]) -> float:
    """Where a function that rises over [0, 1] crosses zero, to the last bit that bisection finds."""
    low, high = 0.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


def proportion_text(k: int, n: int) -> str:
    """A proportion as people read it, never without its interval.

    >>> proportion_text(5, 11), proportion_text(0, 9)
    ('5 of 11: 45 % (95 % CI 17–77 %)', '0 of 9: 0 % (95 % CI 0–34 %)')
    """
    point, low, high = proportion_percents(k, n)
    return f"{k} of {n}: {point} % (95 % CI {low}–{high} %)"


def proportion_percents(k: int, n: int) -> tuple[int, int, int]:
    """A proportion in whole percents, with the ends of its exact 95 % interval.

    >>> proportion_percents(2, 16)
    (13, 2, 38)
    """
    low, high = clopper_pearson(k, n)
    point = (200 * k + n) // (2 * n)  # half a percent goes up: 2 of 16 is 12.5 %
    return point, round(100 * low), round(100 * high)
