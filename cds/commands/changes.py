"""What would change an answer, as a page of `cds explain`: what it rests on, and the fewest changes to another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cds.board.changes import ChangeLine, LesionChanges, OptionChanges, OutcomeChanges, changes_of, outcomes_of
from cds.case import Case
from cds.commands.proofs import solver_is_here
from cds.commands.streams import UnusableArgument
from cds.explanation.page import Entry, Page, Section
from cds.explanation.words import counted, joined
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.decision import Decision, reason
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase

SECONDS = 60.0
"""For one question to the solver."""

Farther = Mapping[tuple[str, str], tuple[OutcomeChanges, ...]]
"""By lesion and option: the answers that take more changes than were searched."""


def changes_page(case: Case, rules: RuleSet, phase: Phase, *, name: str, exact: bool) -> Page:
    """What would change the answer for every lesion and option; `exact` asks the solver what the search left open.

    Raises `UnusableArgument` without a solver and for too many lesions, and `Undecided` where the solver gives up.
    """
    decision = reason(case, rules, phase, ReferenceEngine())
    views = changes_of(decision)
    farther = _farther(decision, views) if exact else None
    sections = [Section(1, "What would change the answer", f"{name} · as of {case.as_of} · {phase}")]
    for lesion in views:
        sections.append(Section(2, lesion.lesion, lesion.label))
        for option in lesion.options:
            found = None if farther is None else farther[lesion.lesion, option.option]
            sections.append(Section(3, option.label, _verdict(option), tuple(_entries(option, found))))
    if not views:
        sections.append(Section(3, "None", "no verdict was given that could change; that is no all-clear"))
    return Page(tuple(sections))


def _farther(decision: Decision, views: tuple[LesionChanges, ...]) -> Farther:
    solver_is_here("explain --exact")
    from cds.analysis.counterfactuals import MOST_LESIONS, fewest_changes, stated

    count = len(decision.lesions)
    if count > MOST_LESIONS:
        raise UnusableArgument(
            f"--exact: the record has {count} lesions, and the solver speaks of {MOST_LESIONS} at most; "
            "choose one with --lesion"
        )
    found: dict[tuple[str, str], tuple[OutcomeChanges, ...]] = {}
    for lesion, view in zip(decision.lesions, views, strict=True):
        case = stated(decision, lesion)
        for option, its in zip(lesion.options, view.options, strict=True):
            ways = fewest_changes(case, option, seconds=SECONDS) if not its.complete else ()
            beyond = [way for way in ways if len(way.changes) > its.searched]
            found[view.lesion, its.option] = outcomes_of(beyond, decision, view.lesion)
    return found


def _entries(option: OptionChanges, farther: tuple[OutcomeChanges, ...] | None) -> Iterator[Entry]:
    known = [f"{fact.label}: {fact.now}{'' if fact.modifiable else ' (fixed)'}" for fact in option.rests_on]
    yield Entry(f"Rests on: {'; '.join(known)}." if known else "Rests on no fact: everything is open.")
    for outcome in (*option.outcomes, *(farther or ())):
        yield Entry(f"{_verdict(outcome)}, by {counted(outcome.facts, 'change')}:")
        for way in outcome.ways:
            yield Entry("; and ".join(map(_change, way.changes)), depth=1)
    proved = option.complete or farther is not None
    if not option.outcomes and not farther:
        most = "" if proved else f" of up to {counted(option.searched, 'fact')} at once"
        yield Entry(f"No change{most} that somebody can make to known facts leads to another answer.")
    if not proved:
        yield Entry(f"More than {counted(option.searched, 'change')} at once were not tried; --exact tries them.")
    elif not option.complete:
        yield Entry("Proved: no number of such changes leads to an answer that is not listed.")


def _verdict(answer: OptionChanges | OutcomeChanges) -> str:
    return joined(answer.possible) if len(answer.possible) > 1 else answer.verdict


def _change(change: ChangeLine) -> str:
    return f"{change.label}: {change.to} (now {change.now})"
