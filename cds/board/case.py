"""The case page: one answer, in the order in which a board reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cds.board.arguments import OptionView, option_view
from cds.board.bars import Bar, bars
from cds.board.elements import Elements, elements_of, telling
from cds.board.missing import Missing, missing_of
from cds.board.protection import Checklist, checklist
from cds.board.schematic import Schematic, schematic
from cds.explanation.reasons import holds_back, subjects
from cds.recommendation.model import (
    EvidencePart,
    FactPart,
    LesionPart,
    ObligationPart,
    ReasonPart,
    Recommendation,
)
from cds.ruleset.model import Before

MOST_IDENTITY: Final = 8
"""Facts in the case's head."""
_DUE: Final = {"true": 0, "unknown": 1, "false": 2}


@dataclass(frozen=True, slots=True)
class Duty:
    """Something that somebody owes, once for all that it is owed for; `times` counts them.

    `lesions` are the ids of those that it is owed for, none where it is owed for the patient; `reasons` the criteria
    behind it, the first of each: whether it applies, by which facts, and who says so.
    """

    part: ObligationPart
    times: int
    lesions: tuple[str, ...]
    reasons: tuple[ReasonPart, ...]


@dataclass(frozen=True, slots=True)
class LesionView:
    """One lesion. `orders` are those still possible, with labels for the options."""

    part: LesionPart
    anchor: str
    options: tuple[OptionView, ...]
    missing: tuple[Missing, ...]
    protection: Checklist
    drawing: Schematic | None
    order_reasons: tuple[ReasonPart, ...]

    def option_label(self, option: str) -> str:
        """What an option is called."""
        return next((each.part.label for each in self.options if each.part.option == option), option)


@dataclass(frozen=True, slots=True)
class FactRow:
    """A fact with its anchor on the page; `structure` is the label of the structure at risk that it is of, if any."""

    fact: FactPart
    anchor: str
    structure: str


@dataclass(frozen=True, slots=True)
class FactGroup:
    """The facts of the patient (`subject` is empty), or of one lesion with its structures.

    Each fact is in one of three: `told` by an element of the record or following from one; `undocumented`, which the
    vocabulary reads as not done; `silent`, of which the record never says anything.
    """

    subject: str
    label: str
    told: tuple[FactRow, ...]
    undocumented: tuple[FactRow, ...]
    silent: tuple[FactRow, ...]


@dataclass(frozen=True, slots=True)
class CitedReference:
    """A reference, with the certainty that it was cited with."""

    cite: str
    csl: Mapping[str, Any]
    url: str | None
    certainties: tuple[str, ...]
    tag: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """One answer as a page. `identity` are the facts of the head: whom it is about, and what decides most."""

    answer: Recommendation
    identity: tuple[FactPart, ...]
    lesions: tuple[LesionView, ...]
    facts: tuple[FactGroup, ...]
    duties: tuple[Duty, ...]
    outcomes: tuple[Bar, ...]
    references: tuple[CitedReference, ...]
    elements: Elements
    anchors: Mapping[tuple[str, str], str]
    names: Mapping[str, str]
    """What a subject is called; with several lesions, a structure with its lesion."""

    @property
    def unseen(self) -> tuple[str, ...]:
        """The options of which no outcome is shown: what is shown of the others is compared with none of them."""
        options = (option.part for lesion in self.lesions for option in lesion.options)
        return tuple(dict.fromkeys(option.label.lower() for option in options if option.banner is None))

    @property
    def banners(self) -> tuple[str, ...]:
        """What is always said of the evidence of the options whose outcomes are shown."""
        options = (option.part for lesion in self.lesions for option in lesion.options)
        return tuple(dict.fromkeys(option.banner.says for option in options if option.banner is not None))

    def duties_before(self, before: Before) -> tuple[Duty, ...]:
        """What is owed before something, what is due first."""
        return tuple(duty for duty in self.duties if duty.part.before == before)

    def whose(self, fact: FactPart, reason: ReasonPart) -> str:
        """What a fact is of where the criterion beside it does not say so: another lesion, or one structure of many."""
        lesion = reason.subject.partition("+")[0].partition("/")[0]
        if fact.subject in ("patient", reason.subject, lesion):
            return ""
        return self.names.get(fact.subject, fact.subject) if "/" in fact.subject else fact.subject

    def fact_anchor(self, fact: FactPart) -> str | None:
        """Where the page has a fact with its sources; nowhere where the record says nothing of it."""
        return self.anchors.get((fact.subject, fact.name))


def case_view(answer: Recommendation, bundle: Mapping[str, object] | None = None) -> CaseView:
    """An answer as a page; with the bundle that it was made of, the page shows the elements, else their paths."""
    shown = [lesion for lesion in answer.lesions if lesion.scope.truth != "false"]
    names = _names(answer)
    rows = tuple(
        FactRow(fact, f"f{number}", names.get(fact.subject, fact.subject) if "/" in fact.subject else "")
        for number, fact in enumerate(answer.facts, 1)
    )
    groups = tuple(_groups(rows, names))
    sources = [source for fact in answer.facts for source in telling(fact.sources)]
    return CaseView(
        answer=answer,
        identity=tuple(_identity(answer)),
        lesions=tuple(_lesion(lesion, f"lesion-{n}", answer, names) for n, lesion in enumerate(answer.lesions, 1)),
        facts=groups,
        duties=_duties(answer.lesions),
        outcomes=bars(outcome for lesion in shown for outcome in lesion.outcomes),
        references=tuple(_references(answer)),
        elements=elements_of(bundle, [*sources, *answer.excluded]),
        anchors={(row.fact.subject, row.fact.name): row.anchor for group in groups for row in group.told},
        names=names,
    )


def patient_of(answer: Recommendation) -> str:
    """The reference (`Patient/p`) under which an answer's record names its patient; empty where it names nobody."""
    sources = (source.resource for fact in answer.facts for source in fact.sources)
    excluded = (source.resource for source in answer.excluded)
    return next((each for each in (*sources, *excluded) if each.startswith("Patient/")), "")


def _groups(rows: Iterable[FactRow], names: Mapping[str, str]) -> Iterator[FactGroup]:
    by_subject: dict[str, list[FactRow]] = {}
    for row in rows:
        by_subject.setdefault(row.fact.subject.partition("/")[0], []).append(row)
    for subject, its in by_subject.items():
        silent = tuple(row for row in its if row.fact.reason == "never-recorded")
        undocumented = tuple(row for row in its if row.fact.note == "not documented" and not row.fact.sources)
        told = tuple(row for row in its if row not in silent and row not in undocumented)
        own = "" if subject == "patient" else subject
        yield FactGroup(own, names.get(subject, subject), told, undocumented, silent)


def _names(answer: Recommendation) -> dict[str, str]:
    """What subjects are called; with several lesions, a structure with its lesion."""
    several = len(answer.lesions) > 1
    names: dict[str, str] = {}
    for lesion in answer.lesions:
        for subject, label in subjects(lesion).items():
            is_structure = several and "/" in subject
            names[subject] = f"{lesion.id}: {label}" if is_structure else label
    return names


def _identity(answer: Recommendation) -> Iterator[FactPart]:
    """The known facts that make the patient one whom the rules are about, then those that hold an option back."""
    scopes = [answer.scope, *(lesion.scope for lesion in answer.lesions)]
    facts = [fact for scope in scopes for reason in scope.reasons for fact in reason.facts]
    facts += [
        fact for lesion in answer.lesions for option in lesion.options for reason in option.reasons
        if holds_back(reason) for fact in reason.facts
    ]  # fmt: skip
    seen: dict[tuple[str, str], FactPart] = {}
    for fact in facts:
        if fact.status == "known" and "/" not in fact.subject:
            seen.setdefault((fact.subject, fact.name), fact)
    yield from list(seen.values())[:MOST_IDENTITY]


def _lesion(lesion: LesionPart, anchor: str, answer: Recommendation, names: dict[str, str]) -> LesionView:
    return LesionView(
        part=lesion,
        anchor=anchor,
        options=tuple(option_view(option, lesion) for option in lesion.options),
        missing=missing_of(lesion, names),
        protection=checklist(lesion),
        drawing=schematic(lesion, answer.facts),
        order_reasons=lesion.order.reasons,
    )


def _duties(lesions: Iterable[LesionPart]) -> tuple[Duty, ...]:
    """What is owed for any lesion, what is due first: one list, as one person goes through it.

    What is done stands apart from what never arose, though neither is due.
    """
    groups: dict[tuple[str, str, str, str], list[tuple[str, ObligationPart, ReasonPart]]] = {}
    for lesion in lesions:
        reasons = {(each.rule, each.subject): each for option in lesion.options for each in option.reasons}
        for each in lesion.obligations:
            reason = reasons[each.rule, each.subject]
            groups.setdefault((each.rule, each.due, each.says, reason.truth), []).append((lesion.id, each, reason))
    duties = []
    for its in groups.values():
        first = {lesion: reason for lesion, _, reason in reversed(its)}
        of_patient = all(part.subject == "patient" for _, part, _ in its)
        duties.append(
            Duty(
                its[0][1], len({part.subject for _, part, _ in its}), () if of_patient else tuple(sorted(first)),
                tuple(first[lesion] for lesion in sorted(first)),
            )
        )  # fmt: skip
    return tuple(sorted(duties, key=lambda duty: _DUE[duty.part.due]))


def _references(answer: Recommendation) -> Iterator[CitedReference]:
    cited: dict[str, list[EvidencePart]] = {}
    for each in _evidence(answer):
        cited.setdefault(each.cite, []).append(each)
    for cite, csl in answer.references.items():
        its = cited.get(cite, [])
        url = next((each.url for each in its if each.url), None)
        yield CitedReference(
            cite=cite,
            csl=csl,
            url=url if url is not None and url.startswith("https://") else None,
            certainties=tuple(dict.fromkeys(each.certainty for each in its if each.certainty)),
            tag=its[0].tag if its else str(csl.get("x-tag", "")),
        )


def _evidence(answer: Recommendation) -> Iterable[EvidencePart]:
    for lesion in answer.lesions:
        for option in lesion.options:
            yield from option.banner.evidence if option.banner is not None else ()
            for reason in option.reasons:
                yield from reason.evidence
                yield from (each for exception in reason.exception_truths for each in exception.evidence)
        for reason in (*lesion.order.reasons, *lesion.order.withheld):
            yield from reason.evidence
        for part in lesion.thermoprotection:
            yield from part.evidence
            for measure in part.measures:
                yield from (each for why in measure.reasons for each in why.evidence)
            yield from (each for why in (*part.reasons, *part.advice) for each in why.evidence)
        plan = lesion.protection_plan
        yield from (each for combination in plan.combinations for each in combination.evidence) if plan else ()
    for alternative in answer.alternatives:
        yield from alternative.evidence
