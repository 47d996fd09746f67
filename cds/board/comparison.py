"""Two evaluations of one case, side by side: what was decided otherwise, and which facts changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cds.recommendation.model import FactPart, LesionPart, OptionPart, ReasonPart, Recommendation


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """An option of a lesion before and after; `None` where the answer has no such lesion or option."""

    lesion: str
    option: str
    before: OptionPart | None
    after: OptionPart | None

    @property
    def differs(self) -> bool:
        """Whether the verdict, what is possible, or the standing differ."""
        if self.before is None or self.after is None:
            return True
        one, other = self.before, self.after
        return (one.verdict, set(one.possible), one.standing) != (other.verdict, set(other.possible), other.standing)


@dataclass(frozen=True, slots=True)
class FactChange:
    """A fact before and after; `None` where the answer does not have it."""

    label: str
    about: str
    before: FactPart | None
    after: FactPart | None


@dataclass(frozen=True, slots=True)
class CriterionChange:
    """A criterion whose truth differs; `None` where it was not considered."""

    rule: str
    option: str
    about: str
    before: ReasonPart | None
    after: ReasonPart | None


@dataclass(frozen=True, slots=True)
class ProtectionChange:
    """A structure whose need of protection, or cover by the plan, differs."""

    lesion: str
    label: str
    before: str | None
    after: str | None
    covered_before: str | None
    covered_after: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that differs between two answers; the verdicts also where they are the same."""

    before: Recommendation
    after: Recommendation
    verdicts: tuple[VerdictChange, ...]
    facts: tuple[FactChange, ...]
    criteria: tuple[CriterionChange, ...]
    protection: tuple[ProtectionChange, ...]

    @property
    def same_rules(self) -> bool:
        """Whether both were answered by the same rules."""
        return self.before.rule_set.digest == self.after.rule_set.digest


def outline(answer: Mapping[str, Any]) -> Recommendation:
    """The JSON of an answer as far as a comparison reads it, which takes an eighth of the time of reading all of it.

    Left out is what reasons and structures rest on: facts, elements, evidence, thresholds. Raises `KeyError`,
    `TypeError` or `pydantic.ValidationError` where it is of another form.
    """
    lesions = [
        {
            **_but(lesion, _OF_LESIONS),
            "options": [
                {**_but(option, _OF_OPTIONS), "reasons": [_but(reason, _OF_REASONS) for reason in option["reasons"]]}
                for option in lesion["options"]
            ],
            "order": _but(lesion["order"], _OF_ORDERS),
            "thermoprotection": [_but(part, _OF_STRUCTURES) for part in lesion["thermoprotection"]],
        }
        for lesion in answer["lesions"]
    ]
    facts = [_but(fact, _OF_FACTS) for fact in answer["facts"]]
    return Recommendation.model_validate({**_but(answer, _OF_ANSWERS), "lesions": lesions, "facts": facts})


_OF_ANSWERS: Final[Mapping[str, object]] = {"alternatives": (), "excluded": (), "references": {}}
_OF_FACTS: Final[Mapping[str, object]] = {"sources": ()}
_OF_LESIONS: Final[Mapping[str, object]] = {"obligations": (), "outcomes": (), "protection_plan": None, "sources": ()}
_OF_OPTIONS: Final[Mapping[str, object]] = {"settling_facts": (), "banner": None}
_OF_ORDERS: Final[Mapping[str, object]] = {"reasons": (), "withheld": ()}
_OF_REASONS: Final[Mapping[str, object]] = {"facts": (), "evidence": (), "parameters": (), "exception_truths": ()}
_OF_STRUCTURES: Final[Mapping[str, object]] = {"measures": (), "reasons": (), "advice": (), "evidence": ()}
"""What an outline leaves out of each part, and what stands there instead."""


def _but(part: Mapping[str, Any], left_out: Mapping[str, object]) -> dict[str, Any]:
    return {**part, **left_out}


def compare(before: Recommendation, after: Recommendation) -> Comparison:
    """What differs between two answers about one patient; lesions are matched by their ids."""
    return Comparison(
        before, after, tuple(_verdicts(before, after)), tuple(_facts(before, after)), tuple(_criteria(before, after)),
        tuple(_protection(before, after)),
    )  # fmt: skip


def _verdicts(before: Recommendation, after: Recommendation) -> Iterator[VerdictChange]:
    old = {(lesion.id, option.option): (lesion, option) for lesion in before.lesions for option in lesion.options}
    new = {(lesion.id, option.option): (lesion, option) for lesion in after.lesions for option in lesion.options}
    for key in dict.fromkeys([*old, *new]):
        lesion, option = new.get(key) or old[key]
        yield VerdictChange(
            _called(lesion), option.label, old[key][1] if key in old else None, new[key][1] if key in new else None
        )


def _called(lesion: LesionPart) -> str:
    return f"{lesion.id}: {lesion.label}"


def _facts(before: Recommendation, after: Recommendation) -> Iterator[FactChange]:
    old = {(fact.subject, fact.name): fact for fact in before.facts}
    new = {(fact.subject, fact.name): fact for fact in after.facts}
    for key in dict.fromkeys([*old, *new]):
        one, other = old.get(key), new.get(key)
        if one is None or other is None or (one.status, one.display) != (other.status, other.display):
            known = one if one is not None else new[key]
            yield FactChange(known.label or known.name, key[0], one, other)


def _criteria(before: Recommendation, after: Recommendation) -> Iterator[CriterionChange]:
    old, new = _reasons(before), _reasons(after)
    for key in dict.fromkeys([*old, *new]):
        one, other = old.get(key), new.get(key)
        if one is None or other is None or (one.truth, one.addressed) != (other.truth, other.addressed):
            lesion, option, rule, subject = key
            yield CriterionChange(rule, option, subject or lesion, one, other)


def _reasons(answer: Recommendation) -> dict[tuple[str, str, str, str], ReasonPart]:
    return {
        # What is asked of the patient is asked once, for whichever lesion.
        ("" if reason.subject == "patient" else lesion.id, option.label, reason.rule, reason.subject): reason
        for lesion in answer.lesions for option in lesion.options for reason in option.reasons
    }  # fmt: skip


def _protection(before: Recommendation, after: Recommendation) -> Iterator[ProtectionChange]:
    def parts(answer: Recommendation) -> dict[tuple[str, str, str | None], tuple[str, str, str]]:
        return {
            (lesion.id, part.structure, part.side): (part.label, part.verdict, part.covered_by_plan)
            for lesion in answer.lesions for part in lesion.thermoprotection
        }  # fmt: skip

    old, new = parts(before), parts(after)
    for key in dict.fromkeys([*old, *new]):
        one, other = old.get(key), new.get(key)
        if one != other:
            label = (other or one or ("", "", ""))[0]
            yield ProtectionChange(
                key[0], label, one[1] if one else None, other[1] if other else None,
                one[2] if one else None, other[2] if other else None,
            )  # fmt: skip
