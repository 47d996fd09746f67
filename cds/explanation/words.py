"""The words in which the answer's codes are said, each in one place."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from cds.case import Source
from cds.recommendation.model import (
    ClaimPart,
    CombinationPart,
    EvidencePart,
    ExceptionPart,
    FactPart,
    OptionPart,
    ParameterPart,
    PlannerReason,
    ReasonPart,
    SourcePart,
    SupportWord,
    TruthWord,
)
from cds.recommendation.words import spoken as spoken

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
SUPPORT: Final[dict[SupportWord, str]] = {
    "second-hand": "seen second-hand only",
    "listing-only": "only its listing seen",
    "unverified": "source unverified",
}
"""What is said of a reason none of whose sources was itself seen."""


def standing(option: OptionPart, scope: TruthWord) -> str:
    """Whether the option is excluded; while the scope is not known, under that condition."""
    if scope != "unknown":
        return STANDING[option.standing]
    possible = {word for word in option.possible if word != "not-assessed"}
    if possible == {"ineligible"}:
        return "excluded, if in scope"
    return STANDING["unknown"] if "ineligible" in possible else "not excluded, if in scope"


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


def sources(
    reason: ReasonPart | PlannerReason | ExceptionPart, said: Collection[str] = (), most: int | None = None
) -> str:
    """What stands in brackets after a reason: rule, strength, grounds, and thresholds that are nobody's finding.

    `said` names the parameters of which that is said elsewhere; `most` is how many citations are named.
    """
    parts = [reason.rule, reason.strength, *grounds(reason, most)]
    parts += [text for each in reason.parameters if each.name not in said and (text := parameter_status(each))]
    return "; ".join(parts)


def grounds(
    reason: ReasonPart | PlannerReason | ExceptionPart | CombinationPart, most: int | None = None
) -> Iterable[str]:
    """What a reason rests on: its citations, or that there is no published source."""
    if reason.basis != "cited":
        yield BASIS[reason.basis]
    if reason.evidence:
        yield some((each.cite for each in reason.evidence), most)
        if reason.support in SUPPORT:
            yield SUPPORT[reason.support]
    else:
        yield "no published source"


def graded(certainty: str | None) -> str:
    """The certainty of evidence in words.

    >>> graded("very-low"), graded(None)
    ('very low', 'not graded')
    """
    return certainty.replace("-", " ") if certainty else "not graded"


def certainty(evidence: EvidencePart) -> str:
    """What is said of a citation where it is referenced: `very low, indirect`."""
    remarks = [graded(evidence.certainty)]
    if evidence.directness and evidence.directness.lower().startswith("i"):
        remarks.append("indirect")
    return ", ".join(remarks)


def claim(stated: ClaimPart) -> str:
    """What a source says, and its own words for it."""
    quoted = f" “{stated.quote}”" if stated.quote and stated.quote != stated.says else ""
    return f"{stated.says}{quoted}"


def elements(sources: Iterable[AnySource], *, unfold: bool) -> str:
    """The elements of the record that something rests on: `Observation/inr valueQuantity 2026-11-18`.

    Folded, only those that carried the value, or said that there is none; what made it readable is left out.
    """
    every = list(sources)
    telling = [each for each in every if each.role != "context"]
    shown = every if unfold or not telling else telling
    return ", ".join(dict.fromkeys(map(element, shown)))


def element(source: AnySource) -> str:
    """One element of the record, without its type twice, and the institution's map that read it, if it took one."""
    path = source.path.removeprefix(f"{source.resource.partition('/')[0]}.")
    own = (source.mapping or "").partition("; ")[2]
    return f"{source.resource} {path}{f' {source.date}' if source.date else ''}{f' by {own}' if own else ''}"


def parameter_status(parameter: ParameterPart) -> str:
    """What must be said of a threshold: that it is a default nobody confirmed, not set, or the institution's own."""
    status = "set by the institution" if parameter.overridden else PARAMETER.get(parameter.status)
    return f"{spoken(parameter.name)} {parameter.value}: {status}" if status else ""
