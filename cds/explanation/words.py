"""The words in which the answer's codes are said, each in one place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from cds.case import Source
from cds.recommendation.model import (
    EvidencePart,
    FactPart,
    OptionPart,
    ParameterPart,
    PlannerReason,
    ReasonPart,
    SourcePart,
    TruthWord,
)

AnySource = Source | SourcePart

STANDING: Final = {"excluded": "excluded", "not-excluded": "not excluded", "unknown": "exclusion not yet decided"}
DECLINED: Final[dict[TruthWord, str]] = {
    "true": "declined by the patient",
    "false": "not declined",
    "unknown": "patient's choice not known",
}
PLANNED: Final[dict[TruthWord, str]] = {"true": "yes", "false": "no", "unknown": "not known"}
BEFORE: Final = {
    "decision": "before the decision",
    "procedure": "before the procedure",
    "discharge": "before discharge",
}
BASIS: Final = {
    "judgement": "named judgement",
    "choice": "patient's choice",
    "definition": "by definition",
    "unverified": "unverified",
}
PARAMETER: Final = {"institution-default": "institution default", "unset": "not set"}
MEASURE: Final = {
    "advised-against": "advised against",
    "contraindicated": "contraindicated",
    "undetermined": "undetermined",
}
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def spoken(name: str) -> str:
    """A fact's or parameter's name as words, without its level.

    >>> spoken("lesion.carotidEncasement"), spoken("patient.initialStageIV")
    ('carotid encasement', 'initial stage IV')
    """
    words = _WORD.sub(" ", name.rpartition(".")[2]).split()
    return " ".join(word if word.isupper() else word.lower() for word in words)


def fact_label(fact: FactPart) -> str:
    """The vocabulary's label of a fact without what it says in brackets; its name as words where it has none."""
    return fact.label.partition(" (")[0] or spoken(fact.name)


def joined(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`.

    >>> joined(["conditional", "eligible"])
    'conditional or eligible'
    """
    *most, end = list(words) or [""]
    return f"{', '.join(most)} {last} {end}" if most else end


def counted(number: int, one: str, many: str = "") -> str:
    """`1 warning`, `2 warnings`.

    >>> counted(2, "warning"), counted(1, "criterion", "criteria")
    ('2 warnings', '1 criterion')
    """
    return f"{number} {one if number == 1 else many or one + 's'}"


def some(items: Iterable[str], most: int | None, between: str = ", ") -> str:
    """The first `most` items, and how many more there are.

    >>> some(["a", "b", "c"], 2), some(["a", "b"], None)
    ('a, b and 1 more', 'a, b')
    """
    listed = list(dict.fromkeys(items))
    if most is None or len(listed) <= most:
        return between.join(listed)
    return f"{between.join(listed[:most])} and {len(listed) - most} more"


def verdict(option: OptionPart, scope: TruthWord) -> str:
    """The verdict in words. While the scope is not known every verdict is said under that condition."""
    if scope == "false" or option.verdict == "not-assessed" or option.possible == ("not-assessed",):
        return "not assessed"
    possible = [word for word in option.possible if word != "not-assessed"]
    condition = ", if in scope" if scope == "unknown" or len(possible) < len(option.possible) else ""
    if len(possible) == 1:
        return f"{possible[0]}{condition}"
    return f"undetermined{condition} (still possible: {joined(possible)})"


def sources(reason: ReasonPart | PlannerReason) -> str:
    """What stands in brackets after a reason: rule, strength, grounds, and thresholds that are nobody's finding."""
    parts = [reason.rule, reason.strength, *grounds(reason)]
    parts += [text for text in (parameter_status(each) for each in reason.parameters) if text]
    return "; ".join(parts)


def grounds(reason: ReasonPart | PlannerReason) -> Iterable[str]:
    """What a reason rests on: its citations, or that there is no published source."""
    if reason.basis != "cited":
        yield BASIS[reason.basis]
    if reason.evidence:
        yield ", ".join(dict.fromkeys(each.cite for each in reason.evidence))
    else:
        yield "no published source"


def certainty(evidence: EvidencePart) -> str:
    """What is said of a citation where it is referenced: `very low, indirect`."""
    remarks = [evidence.certainty.replace("-", " ") if evidence.certainty else "not graded"]
    if evidence.directness and evidence.directness.lower().startswith("i"):
        remarks.append("indirect")
    return ", ".join(remarks)


def elements(sources: Iterable[AnySource], *, unfold: bool) -> str:
    """The elements of the record that something rests on: `Observation/inr valueQuantity 2026-11-18`.

    Folded, only those that carried the value, or said that there is none; what made it readable is left out.
    """
    every = list(sources)
    telling = [each for each in every if each.role != "context"]
    shown = every if unfold or not telling else telling
    return ", ".join(dict.fromkeys(map(element, shown)))


def element(source: AnySource) -> str:
    """One element of the record, without its type twice."""
    path = source.path.removeprefix(f"{source.resource.partition('/')[0]}.")
    return f"{source.resource} {path}{f' {source.date}' if source.date else ''}"


def parameter_status(parameter: ParameterPart) -> str:
    """What must be said of a threshold: that it is a default nobody confirmed, not set, or the institution's own."""
    status = "set by the institution" if parameter.overridden else PARAMETER.get(parameter.status)
    return f"{spoken(parameter.name)} {parameter.value}: {status}" if status else ""
