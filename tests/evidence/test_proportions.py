"""Exact intervals of proportions: the definition, published values, and no percentage without its interval."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.evidence import clopper_pearson, proportion_text

counts = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def at_least(k: int, n: int, p: float) -> float:
    """The probability of k or more of n, in exact fractions."""
    exact = Fraction(p)
    return float(sum((comb(n, i) * exact**i * (1 - exact) ** (n - i) for i in range(k, n + 1)), Fraction(0)))


@given(counts)
def test_the_limits_are_where_each_tail_has_half_the_error(count: tuple[int, int]) -> None:
    k, n = count
    low, high = clopper_pearson(k, n)
    assert low == 0 if k == 0 else at_least(k, n, low) == pytest.approx(0.025, abs=1e-9)
    assert high == 1 if k == n else 1 - at_least(k + 1, n, high) == pytest.approx(0.025, abs=1e-9)
    assert low <= k / n <= high


@given(counts)
def test_what_happens_and_what_does_not_are_mirror_images(count: tuple[int, int]) -> None:
    k, n = count
    low, high = clopper_pearson(k, n)
    assert clopper_pearson(n - k, n) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@given(counts)
def test_less_confidence_is_a_narrower_interval(count: tuple[int, int]) -> None:
    wide, narrow = clopper_pearson(*count, 0.95), clopper_pearson(*count, 0.8)
    assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (0, 9, 0.0, 33.63),
        (5, 11, 16.75, 76.62),
        (4, 16, 7.27, 52.38),
        (2, 16, 1.55, 38.35),
        (10, 16, 35.43, 84.80),
        (0, 10, 0.0, 30.85),
        (10, 10, 69.15, 100.0),
        (1, 1, 2.5, 100.0),
    ],
)
def test_the_limits_are_those_of_the_tables(k: int, n: int, low: float, high: float) -> None:
    assert [round(100 * limit, 2) for limit in clopper_pearson(k, n)] == [low, high]


@pytest.mark.parametrize(
    ("k", "n", "confidence"), [(-1, 5, 0.95), (6, 5, 0.95), (0, 0, 0.95), (1, 2, 0.0), (1, 2, 1.0)]
)
def test_what_is_no_proportion_has_no_interval(k: int, n: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        clopper_pearson(k, n, confidence)


def test_nothing_seen_is_not_no_risk() -> None:
    assert proportion_text(0, 9) == "0 of 9: 0 % (95 % CI 0–34 %)"


def test_half_a_percent_is_rounded_up_and_never_to_the_even_number() -> None:
    assert proportion_text(2, 16).startswith("2 of 16: 13 % ")
    assert proportion_text(10, 16).startswith("10 of 16: 63 % ")
