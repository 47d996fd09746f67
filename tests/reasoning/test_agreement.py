"""Two engines or no answer: an engine that fails, leaves out, adds or disagrees ends the request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.case import Case
from cds.case.reading import case_from_mapping
from cds.errors import EngineDisagreement, EngineFailure, NoAdvice
from cds.reasoning.agreement import compare
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.contexts import Contexts, contexts_of
from cds.reasoning.engine import Decisions
from cds.recommendation import recommend
from cds.ruleset.program import Program
from cds.truth import Truth
from tests.ruleset.shipped import shipped_rules

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
Distortion = Callable[[dict[tuple[str, str], Truth]], Mapping[tuple[str, str], Any]]


@dataclass(frozen=True)
class Distorted:
    """The reference evaluator as a second engine that does something wrong with its result."""

    distort: Distortion
    name: str = "durable_rules"
    version: str = "0"

    def decide(self, program: Program, contexts: Contexts) -> Decisions:
        return self.distort(dict(ReferenceEngine().decide(program, contexts)))


def a_case() -> Case:
    return case_from_mapping(
        shipped_rules().vocabulary,
        {
            "as_of": "2026-11-22",
            "patient": {"inr": 1.1},
            "lesions": [{"id": "T1", "facts": {"site": "sinonasal", "side": "left"}}],
        },
    )


def raising(error: Exception) -> Distortion:
    def distort(decisions: dict[tuple[str, str], Truth]) -> Mapping[tuple[str, str], Any]:
        raise error

    return distort


def without(*keys: tuple[str, str]) -> Distortion:
    return lambda decisions: {key: truth for key, truth in decisions.items() if key not in keys}


def decided() -> Decisions:
    return ReferenceEngine().decide(shipped_rules().programs["decision"], contexts_of(a_case()))


def test_two_engines_that_agree_give_an_answer_that_names_both() -> None:
    answer = recommend(a_case(), shipped_rules(), engine=Distorted(lambda decisions: decisions, version="9.9"))
    assert answer.engines.agreement is True
    assert answer.engines.durable_rules == "9.9"


@pytest.mark.parametrize("phase", ["decision", "planning", "follow-up"])
def test_an_engine_that_raises_ends_the_request(phase: Any) -> None:
    with pytest.raises(EngineFailure, match="it died"):
        recommend(a_case(), shipped_rules(), phase=phase, engine=Distorted(raising(EngineFailure("it died"))))


@pytest.mark.parametrize("error", [RuntimeError("?"), KeyError("?"), MemoryError(), TimeoutError()])
def test_an_error_that_nobody_foresaw_is_no_answer_either(error: Exception) -> None:
    with pytest.raises((NoAdvice, type(error))):
        recommend(a_case(), shipped_rules(), engine=Distorted(raising(error)))


@pytest.mark.parametrize(
    ("distortion", "told"),
    [
        (without(("CR-6", "patient")), "left 1 of"),
        (lambda decisions: {}, "undecided"),
        (lambda decisions: {**decisions, ("XX-1", "patient"): T}, "1 of"),
        (
            lambda decisions: {(name, "T9" if at == "T1" else at): truth for (name, at), truth in decisions.items()},
            "undecided",
        ),
    ],
)
def test_an_engine_that_leaves_out_or_adds_a_criterion_has_failed(distortion: Distortion, told: str) -> None:
    with pytest.raises(EngineFailure, match=told):
        recommend(a_case(), shipped_rules(), engine=Distorted(distortion))


@pytest.mark.parametrize("value", [F, U])
def test_an_engine_that_decides_one_criterion_otherwise_disagrees(value: Truth) -> None:
    """The INR of the case is within its limit: the criterion is true."""
    with pytest.raises(EngineDisagreement) as caught:
        recommend(a_case(), shipped_rules(), engine=Distorted(lambda d: {**d, ("CR-6", "patient"): value}))
    assert f"disagree on 1 of {len(decided())} criteria (CR-6: reference true, durable_rules {value.value})" in str(
        caught.value
    )


@pytest.mark.parametrize("value", [None, True, "true", 1])
def test_what_is_no_truth_is_no_agreement(value: Any) -> None:
    with pytest.raises((NoAdvice, AttributeError)):
        recommend(a_case(), shipped_rules(), engine=Distorted(lambda d: {**d, ("CR-6", "patient"): value}))


def test_the_message_names_criteria_and_no_fact_of_the_patient() -> None:
    flip = {T: F, F: T, U: T}
    with pytest.raises(EngineDisagreement) as caught:
        recommend(a_case(), shipped_rules(), engine=Distorted(lambda d: {key: flip[t] for key, t in d.items()}))
    message = str(caught.value)
    assert "1.1" not in message
    assert "sinonasal" not in message
    assert "T1" not in message
    assert message.count("reference") <= 5


keys = st.tuples(st.sampled_from("ABC"), st.sampled_from(["patient", "T1"]))
decisions = st.dictionaries(keys, st.sampled_from(Truth), max_size=5)


@given(decisions, decisions)
def test_only_the_same_truth_of_the_same_criteria_passes(
    first: dict[tuple[str, str], Truth], second: dict[tuple[str, str], Truth]
) -> None:
    engine = ReferenceEngine()
    if first == second:
        compare(first, second, engine)
    elif first.keys() != second.keys():
        with pytest.raises(EngineFailure):
            compare(first, second, engine)
    else:
        with pytest.raises(EngineDisagreement):
            compare(first, second, engine)
