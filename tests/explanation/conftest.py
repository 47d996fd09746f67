"""Answers made by hand, so that what is said of them can be checked without a rule set."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from cds.recommendation.model import Recommendation

Json = dict[str, Any]


def a_fact(name: str, **changes: Any) -> Json:
    return {
        "name": name,
        "subject": "T1",
        "status": "absent",
        "display": "not known",
        "reason": "never-recorded",
        **changes,
    }


def a_reason(rule: str, effect: str, truth: str, says: str = "", **changes: Any) -> Json:
    moves = effect in ("requires", "excludes", "against")
    return {
        "rule": rule,
        "effect": effect,
        "truth": truth,
        "subject": "T1",
        "says": says or f"What {rule} says.",
        "strength": "moderate",
        "stated_strength": "moderate",
        "basis": "cited",
        "condition": f"lesion.fact{rule}",
        "asks": "weigh" if moves else None,
        "fidelity": {"kind": "exact"},
        "facts": [a_fact(f"lesion.factOf{rule.replace('-', '')}")] if truth == "unknown" else [],
        "evidence": [
            {
                "cite": "yousem1995",
                "locator": "abstract",
                "supports": "threshold",
                "certainty": "low",
                "tag": "V1",
                "directness": "indirect",
                "url": "https://doi.org/10.1/x",
            }
        ],
        **changes,
    }


def an_option(option: str, label: str, **changes: Any) -> Json:
    return {
        "option": option,
        "label": label,
        "verdict": "undetermined",
        "possible": ["conditional", "eligible"],
        "standing": "not-excluded",
        "declined": "unknown",
        "reasons": [],
        **changes,
    }


def a_lesion(**changes: Any) -> Json:
    surgery = an_option(
        "salvage-surgery",
        "Salvage surgery",
        reasons=[
            a_reason(
                "SS-2",
                "against",
                "true",
                "Tumour encasing 280 deg of the carotid.",
                parameters=[
                    {
                        "name": "carotidEncasementLimit",
                        "value": "270 deg",
                        "status": "institution-default",
                        "cite": None,
                        "overridden": False,
                        "valid_from": "2026-11-22",
                    }
                ],
            ),
            a_reason("SS-4", "against", "unknown"),
            a_reason("SS-0", "excludes", "false", basis="judgement", evidence=[]),
            a_reason("SS-1", "for", "true", "A reason for surgery."),
            a_reason("SS-8", "informs", "true", topic="prognosis"),
            a_reason("SS-9", "informs", "unknown", topic="prognosis"),
        ],
        settling_facts=[
            {
                "name": "lesion.prevertebralFixation",
                "subject": "T1",
                "label": "tumour fixed to the spine",
                "status": "absent",
                "reason": "not-examined",
                "burden": "examine",
                "modifiable": False,
                "outcomes": [{"if": "fixed", "possible": ["conditional"]}, {"if": "mobile", "possible": ["eligible"]}],
            }
        ],
    )
    near = [
        a_reason(
            "TP-1",
            "against",
            "true",
            f"The {side} vagus nerve is near the ice.",
            asks="plan",
            addressed="false",
            subject=f"T1/vagus-nerve/{side}",
        )
        for side in ("left", "right")
    ]
    cryoablation = an_option(
        "cryoablation",
        "Percutaneous cryoablation",
        verdict="conditional",
        possible=["conditional"],
        declined="false",
        banner={"says": "11 patients.", "evidence": [], "known_inconsistencies": ["5 of 11 is not 45.4 %."]},
        reasons=[
            *near,
            a_reason(
                "CR-6",
                "requires",
                "false",
                "INR 2.1 is above the limit.",
                asks="correct",
                addressed="false",
                remedy="Correct the INR.",
                subject="patient",
            ),
            a_reason("CR-3", "against", "true", "No named source.", basis="unverified", evidence=[]),
        ],
    )
    return {
        "id": "T1",
        "label": "local recurrence, base of tongue, left",
        "scope": {"truth": "true"},
        "options": [surgery, cryoablation],
        "order": {
            "possible": [
                {
                    "groups": [["salvage-surgery"], ["cryoablation"]],
                    "if": "unless the patient declines surgery",
                    "because": ["PREF-1"],
                }
            ]
        },
        "thermoprotection": [
            {
                "structure": "vagus-nerve",
                "side": "left",
                "label": "left vagus nerve",
                "distance": "4 mm",
                "verdict": "required",
                "measures": [
                    {
                        "measure": "hydrodissection",
                        "label": "hydrodissection",
                        "status": "available",
                        "planned": "false",
                    }
                ],
                "covered_by_plan": "false",
            },
            {
                "structure": "vagus-nerve",
                "side": "right",
                "label": "right vagus nerve",
                "distance": "9 mm",
                "verdict": "required",
                "covered_by_plan": "unknown",
            },
            {
                "structure": "skin",
                "side": None,
                "label": "skin",
                "distance": "not known",
                "verdict": "undetermined",
                "covered_by_plan": "unknown",
            },
            {
                "structure": "spinal-cord",
                "side": None,
                "label": "spinal cord",
                "distance": "60 mm",
                "verdict": "not-required",
                "covered_by_plan": "unknown",
            },
        ],
        "obligations": [
            {
                "rule": "DQ-5",
                "subject": "T1",
                "option": "any",
                "says": "Discuss in the meeting.",
                "due": "true",
                "before": "decision",
                "who": "tumour board",
                "strength": "strong",
            },
            {
                "rule": "PL-3",
                "subject": "patient",
                "option": "cryoablation",
                "says": "Airway plan.",
                "due": "true",
                "before": "procedure",
                "who": "anaesthetist",
                "strength": "strong",
            },
            {
                "rule": "CR-8",
                "subject": "patient",
                "option": "cryoablation",
                "says": "Drug plan.",
                "due": "unknown",
                "before": "procedure",
                "who": "radiologist",
                "strength": "strong",
            },
        ],
        "outcomes": [
            {
                "says": "local control",
                "k": 5,
                "n": 11,
                "per": "patient",
                "percent": 45.45,
                "ci95": [16.75, 76.62],
                "cite": "schwartz2022",
                "display": "5 of 11: 45 % (95 % CI 17–77 %)",
            }
        ],
        **changes,
    }


def an_answer(**changes: Any) -> Recommendation:
    content: Json = {
        "as_of": dt.date(2026, 11, 22),
        "phase": "decision",
        "rule_set": {
            "id": "a-rule-set",
            "version": "1.0.0",
            "digest": "sha256:00",
            "overrides": [],
            "approved": None,
            "title": "A title",
        },
        "engines": {"reference": "1", "durable_rules": "2.0.28", "agreement": True},
        "scope": {"truth": "true"},
        "facts": [a_fact("lesion.prevertebralFixation", reason="not-examined")],
        "lesions": [a_lesion()],
        "alternatives": [{"id": "ALT-3", "says": "Supportive care.", "strength": "strong"}],
        "references": {
            "yousem1995": {"author": [{"family": "Yousem"}], "issued": {"date-parts": [[1995]]}, "DOI": "10.1/x"},
            "schwartz2022": {"author": [{"family": "Schwartz"}], "issued": {"date-parts": [[2022]]}, "DOI": "10.1/y"},
            "never2000": {"title": "Cited nowhere"},
        },
        **changes,
    }
    return Recommendation.model_validate(content)


@pytest.fixture
def answer() -> Callable[..., Recommendation]:
    """Makes an answer; keyword arguments replace its members."""
    return an_answer


@pytest.fixture
def lesion() -> Callable[..., Json]:
    """Makes the JSON of a lesion; keyword arguments replace its members."""
    return a_lesion


@pytest.fixture
def option() -> Callable[..., Json]:
    """Makes the JSON of an option; keyword arguments replace its members."""
    return an_option


@pytest.fixture
def reason() -> Callable[..., Json]:
    """Makes the JSON of a reason; keyword arguments replace its members."""
    return a_reason
