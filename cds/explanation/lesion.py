"""One lesion: the verdicts, their order, what is asked and what is missing; then reasons, protection, duties."""

from __future__ import annotations

from collections.abc import Iterator

from cds.explanation import words
from cds.explanation.asking import asked_now, duties, missing_and_decisive
from cds.explanation.option import verdict_section, why
from cds.explanation.page import Entry, Section
from cds.explanation.protection import thermoprotection
from cds.explanation.reasons import grouped, holds_back, holds_nothing_back, may_hold_back
from cds.explanation.telling import Telling
from cds.recommendation.model import LesionPart, OrderPart


def lesion_sections(telling: Telling, lesion: LesionPart) -> Iterator[Section]:
    """All that is said of a lesion, in the order in which a board reads."""
    yield Section(2, lesion.id, lesion.label)
    scope = telling.answer.scope.truth
    if lesion.scope.truth != "true" and (lesion.scope.truth != scope or len(telling.answer.lesions) > 1):
        yield _scope(lesion)
    for option in lesion.options:
        yield verdict_section(telling, option, lesion)
    if lesion.scope.truth != "false":
        yield from _order(telling, lesion.order, lesion)
        yield from asked_now(telling, lesion)
        yield from missing_and_decisive(telling, lesion)
    for option in lesion.options:
        yield from why(telling, option, lesion)
    if lesion.scope.truth != "false":
        yield from thermoprotection(telling, lesion)
        yield from duties(telling, lesion)
    if telling.unfold:
        yield from _also_unknown(telling, lesion)


def _scope(lesion: LesionPart) -> Section:
    says = tuple(Entry(reason.says or reason.code.replace("-", " "), reason.rule or reason.code)
                 for reason in lesion.scope.reasons)  # fmt: skip
    if lesion.scope.truth == "false":
        return Section(3, "Scope", "out of scope: no option is assessed for this lesion", says)
    return Section(3, "Scope", "not known; every verdict below holds only if the lesion is in scope", says)


def _order(telling: Telling, order: OrderPart, lesion: LesionPart) -> Iterator[Section]:
    """The orders of the options that are still possible, or what withholds one."""
    labels = {
        option.option: f"{option.label} ({option.verdict})" if option.verdict == "ineligible" else option.label
        for option in lesion.options
    }
    if order.withheld:
        entries = [Entry(f"{each.says}{f' {each.remedy}' if each.remedy else ''}", telling.sources(each))
                   for each in order.withheld]  # fmt: skip
        yield Section(3, "Order", "withheld until this is met", tuple(entries))
        return
    because = {reason.rule: reason for reason in order.reasons}
    entries = []
    for possible in order.possible:
        groups = [" or ".join(labels.get(each, each) for each in group) for group in possible.groups]
        condition = f", {possible.condition}" if possible.condition else ""
        told = [because[rule] for rule in possible.because if rule in because]
        sources = [telling.sources(each) for each in told] or list(possible.because)
        entries.append(Entry(f"{', then '.join(groups) or 'no order'}{condition}", " | ".join(sources)))
    if len(entries) == 1:
        yield Section(3, "Order", f"{entries[0].text} [{entries[0].sources}]")
    elif entries:
        yield Section(3, "Order", "more than one is still possible", tuple(entries))


def _also_unknown(telling: Telling, lesion: LesionPart) -> Iterator[Section]:
    """The undecided criteria that move no verdict, written out."""
    reasons = [
        reason
        for option in lesion.options
        for reason in option.reasons
        if reason.effect in ("for", "informs") and reason.truth == "unknown"
    ]
    if not reasons:
        return
    number = words.counted(len(grouped(reasons)), "more criterion", "more criteria")
    detail = f"{number} undecided; none of them moves a verdict"
    yield Section(3, "Also unknown", detail, tuple(telling.undecided(each, "advisory") for each in reasons))


def folded_criteria(telling: Telling, lesion: LesionPart) -> str:
    """How many criteria of a lesion are folded, by kind; a rule counts once, whatever it is asked of."""
    by_key = {(each.rule, each.subject): each for option in lesion.options for each in option.reasons}
    advisory = [each for each in by_key.values() if each.effect in ("for", "informs")]
    informs = [each for each in advisory if each.effect == "informs" and each.truth == "true"]
    # Out of scope, no criterion that only informs is written out.
    informing = [each for each in informs if lesion.scope.truth == "false" or not telling.shows(each)]
    unassessed = {
        (each.rule, each.subject): each
        for option in lesion.options
        if words.verdict(option, lesion.scope.truth) == "not assessed"
        for each in option.reasons
    }.values()
    kinds = [
        ("that would hold an option back", [each for each in unassessed if holds_back(each)]),
        ("undecided that might", [each for each in unassessed if may_hold_back(each)]),
        ("holding nothing back", [each for each in by_key.values() if holds_nothing_back(each)]),
        ("undecided, advisory", [each for each in advisory if each.truth == "unknown"]),
        ("not applying", [each for each in advisory if each.truth == "false"]),
        (f"informing ({', '.join(dict.fromkeys(each.rule for each in informing))})", informing),
    ]
    told = [(len(grouped(reasons)), kind) for kind, reasons in kinds if reasons]
    if not told:
        return ""
    (number, kind), *others = told
    return "; ".join([f"{words.counted(number, 'criterion', 'criteria')} {kind}", *(f"{n} {k}" for n, k in others)])
