"""How strongly a statement may be put: capped by its weakest source, and only where it speaks in favour."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.evidence import allowed_strength, capped
from cds.ruleset.model import Effect, Reference, Strength

RANK = ["weak", "moderate", "strong"]


def source(certainty: str | None, tag: str = "V1") -> Reference:
    data = {"id": "x", "type": "book", "title": "x", "x-tag": tag, "x-verified": True, "x-certainty": certainty}
    return Reference.model_validate(data)


@pytest.mark.parametrize(
    ("certainty", "tag", "expected"),
    [
        ("high", "V1", "strong"),
        ("moderate", "V1", "strong"),
        ("low", "V1", "moderate"),
        ("very-low", "V1", "weak"),
        (None, "V1", "weak"),
        ("high", "V2", "weak"),
        ("high", "REF", "weak"),
        ("high", "U", "weak"),
    ],
)
def test_a_source_allows_what_its_certainty_and_its_tag_allow(certainty: str | None, tag: str, expected: str) -> None:
    assert allowed_strength([source(certainty, tag)]) == expected


sources = st.builds(
    source, st.sampled_from(["high", "moderate", "low", "very-low", None]), st.sampled_from(["V1", "V2", "REF", "U"])
)
strengths = st.sampled_from(get_args(Strength))


@given(st.lists(sources, min_size=1, max_size=4))
def test_the_weakest_of_several_decides(several: list[Reference]) -> None:
    assert allowed_strength(several) == min((allowed_strength([one]) for one in several), key=RANK.index)


@given(st.lists(sources, max_size=3), sources, strengths)
def test_one_more_source_never_makes_a_statement_stronger(
    several: list[Reference], more: Reference, stated: Strength
) -> None:
    if several:
        assert RANK.index(capped(stated, "for", [*several, more])) <= RANK.index(capped(stated, "for", several))


@given(strengths, st.lists(sources, max_size=3))
def test_for_and_informs_are_capped_and_never_raised(stated: Strength, several: list[Reference]) -> None:
    for effect in ("for", "informs"):
        shown = capped(stated, effect, several)
        assert RANK.index(shown) == min(RANK.index(stated), RANK.index(allowed_strength(several)))


@given(
    strengths,
    st.lists(sources, max_size=3),
    st.sampled_from([e for e in get_args(Effect) if e not in ("for", "informs")]),
)
def test_a_warning_keeps_its_strength_whatever_it_rests_on(
    stated: Strength, several: list[Reference], effect: Effect
) -> None:
    assert capped(stated, effect, several) == stated


def test_without_a_source_a_reason_in_favour_is_weak() -> None:
    assert capped("strong", "for", []) == "weak"
