"""The decision of a board on one page of paper: everything that it rests on, each text as far as it fits.

What does not fit is never lost in silence: the sheet says that it goes on in the record, and the screen shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cds.board.arguments import Kind, OptionView, option_view
from cds.board.case import case_view, patient_of
from cds.board.decision import OBJECTIONS, BoardDecided, lesion_of, sentence_of
from cds.explanation.words import fact_label
from cds.recommendation.model import LesionPart, Recommendation

DECISIVE: Final[tuple[Kind, ...]] = (*OBJECTIONS, "for")
"""What is said of an option."""
MOST_SIGNATURES: Final = 6
MOST_OVERRIDDEN: Final = 4
MOST_SENTENCES: Final = 3
MOST_OPTIONS: Final = 3
MOST_FACTS: Final = 5
RATIONALE: Final = 600
SENTENCE: Final = 150
NAMES: Final = 240
LABEL: Final = 100
NAME: Final = 40
"""How much fits on one page of paper, in entries and in characters; a test fills it all."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A text as far as it goes on paper, and its rest, which the screen shows."""

    paper: str
    rest: str = ""


def cut(text: str, most: int) -> Cut:
    """A text cut before a word where it is longer than `most` characters.

    >>> cut("one two three", 9), cut("one", 9)
    (Cut(paper='one two', rest=' three'), Cut(paper='one', rest=''))
    """
    if len(text) <= most:
        return Cut(text)
    place = text.rfind(" ", most // 2, most)
    place = place if place > 0 else most
    return Cut(text[:place], text[place:])


@dataclass(frozen=True, slots=True)
class Sentence:
    """What one rule says of an option, and what that does to it (`None`: it was overridden)."""

    rule: str
    says: Cut
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class OptionLine:
    """An option on the sheet: its verdict, its decisive reasons, and how many more there are."""

    label: Cut
    verdict: str
    chosen: bool
    sentences: tuple[Sentence, ...]
    more: int


@dataclass(frozen=True, slots=True)
class DecisionSheet:
    """One decision on one page.

    `answer` and `lesion` are `None` where the record of the answer was erased: what was decided stays readable.
    `certainties` are those of the evidence that is cited for the chosen option, the lowest first. What does not fit on
    paper is in the `rest` of a text, or counted in `more_…`.
    """

    decided: BoardDecided
    answer: Recommendation | None
    lesion: LesionPart | None
    patient: str
    identity: Cut
    chosen: Cut
    options: tuple[OptionLine, ...]
    more_options: int
    rationale: Cut
    names: Cut
    signatures: tuple[Cut, ...]
    more_signatures: int
    overridden: tuple[Sentence, ...]
    """All of them: the screen shows each, paper those before the last `more_overridden`."""
    more_overridden: int
    banner: Cut
    certainties: tuple[str, ...]


def decision_sheet(decided: BoardDecided, answer: Recommendation | None) -> DecisionSheet:
    """A decision beside the answer that the board had."""
    lesion = lesion_of(answer, decided.lesion) if answer is not None else None
    views = [option_view(option, lesion) for option in lesion.options] if lesion is not None else []
    views.sort(key=lambda view: view.part.option != decided.option)
    chosen = next((view for view in views if view.part.option == decided.option), None)
    in_scope = lesion is not None and lesion.scope.truth != "false"
    assessed = chosen if in_scope else None
    banner = assessed.part.banner.says if assessed is not None and assessed.part.banner is not None else ""
    members, overridden = decided.members, decided.overridden
    return DecisionSheet(
        decided, answer, lesion,
        patient=patient_of(answer) if answer is not None else "",
        identity=cut("; ".join(_identity(answer, decided.lesion)) if answer is not None else "", NAMES),
        chosen=cut(decided.named, 2 * LABEL),
        options=tuple(_line(view, view is chosen, in_scope) for view in views[:MOST_OPTIONS]),
        more_options=max(0, len(views) - MOST_OPTIONS),
        rationale=cut(decided.rationale, RATIONALE),
        names=cut("; ".join(members), NAMES),
        signatures=tuple(cut(name, NAME) for name in members[:MOST_SIGNATURES]),
        more_signatures=max(0, len(members) - MOST_SIGNATURES),
        overridden=tuple(Sentence(each.rule, cut(each.says, SENTENCE)) for each in overridden),
        more_overridden=max(0, len(overridden) - MOST_OVERRIDDEN),
        banner=cut(banner, 2 * SENTENCE),
        certainties=tuple(_certainties(assessed)),
    )  # fmt: skip


def _line(view: OptionView, chosen: bool, in_scope: bool) -> OptionLine:
    told = [(kind, argument) for kind in DECISIVE if in_scope for argument in view.of(kind)]
    sentences = (Sentence(each.first.rule, cut(sentence_of(each), SENTENCE), kind) for kind, each in told)
    return OptionLine(
        cut(view.part.label, LABEL), view.verdict, chosen, tuple(sentences)[:MOST_SENTENCES],
        max(0, len(told) - MOST_SENTENCES),
    )  # fmt: skip


def _certainties(view: OptionView | None) -> Iterator[str]:
    if view is None:
        return
    banner = view.part.banner.evidence if view.part.banner is not None else ()
    cited = [*banner, *(each for kind in DECISIVE for argument in view.of(kind) for each in argument.first.evidence)]
    found = {each.certainty or "none" for each in cited}
    yield from (each for each in ("none", "very-low", "low", "moderate", "high") if each in found)


def _identity(answer: Recommendation, lesion: str | None) -> Iterator[str]:
    """What the head of the case says of the patient and of this lesion; another lesion's facts are no word about it."""
    facts = [fact for fact in case_view(answer).identity if fact.subject in ("patient", lesion)]
    for fact in facts[:MOST_FACTS]:
        yield f"{fact_label(fact)}: {fact.display}"
