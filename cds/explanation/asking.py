"""What is asked of people about a lesion: what is due now, which facts would decide, what is owed later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from cds.explanation import words
from cds.explanation.page import Entry, Section
from cds.explanation.reasons import grouped, is_asked, rank, subjects
from cds.explanation.telling import Telling, why_unknown
from cds.recommendation.model import LesionPart, ObligationPart, OptionPart, SettlingFact

MOST_SETTLING: Final = 4
MOST_NARROWING: Final = 3
DUE_NOW: Final = {"decision": ("decision",), "planning": ("decision", "procedure"), "follow-up": ("discharge",)}
"""The duties that are due at once in each phase, by what they come before."""
_DUE: Final = {"true": "due", "unknown": "may be due", "false": "not due"}


def asked_now(telling: Telling, lesion: LesionPart) -> Iterator[Section]:
    """What somebody has to do now: obligations due, then corrections and plans that an option waits for.

    What only an excluded option would ask for is named last, in one line: nobody should do it first.
    """
    entries: list[Entry] = []
    names = subjects(lesion)
    phase = telling.answer.phase
    idle = {o.option: o.label.lower() for o in lesion.options if o.standing == "excluded" and not telling.unfold}
    owed = [each for each in lesion.obligations if each.before in DUE_NOW[phase] and each.due == "true"]
    due = [each for each in owed if each.option not in idle]
    for rule in dict.fromkeys(each.rule for each in due):
        same = [each for each in due if each.rule == rule]
        times = f" ({len(same)} times)" if len(same) > 1 else ""
        when = "" if same[0].before == phase else f", {words.BEFORE[same[0].before]}"
        entries.append(Entry(f"{same[0].says} ({same[0].who}{when}){times}", rule))
    for option in (option for option in lesion.options if option.option not in idle):
        for group in grouped(sorted(filter(is_asked, option.reasons), key=rank)):
            reason = group.first
            verb = "Correct" if reason.asks == "correct" else "Plan"
            remedy = f" {reason.remedy}" if reason.remedy else ""
            text = f"{verb} for {option.label.lower()}: {reason.says}{remedy}{telling.likewise(group, names)}"
            entries.append(Entry(text, telling.sources(reason)))
    for option in (option for option in lesion.options if option.option in idle):
        rules = [each.rule for each in owed if each.option == option.option]
        rules += [reason.rule for reason in option.reasons if is_asked(reason)]
        if rules:
            text = f"Only if {idle[option.option]}, which is excluded, came into question again"
            entries.append(Entry(text, ", ".join(dict.fromkeys(rules))))
    if entries:
        yield Section(3, "Asked now", entries=tuple(entries))


def missing_and_decisive(telling: Telling, lesion: LesionPart) -> Iterator[Section]:
    """The missing facts with a value that decides a verdict, one line each; the others by name."""
    by_fact: dict[tuple[str, str], list[tuple[OptionPart, SettlingFact]]] = {}
    for option in lesion.options:
        for fact in option.settling_facts:
            by_fact.setdefault((fact.name, fact.subject), []).append((option, fact))
    if not by_fact:
        return
    decisive = [pairs for pairs in by_fact.values() if telling.unfold or any(map(_decides, pairs))]
    listed = decisive[: telling.most(MOST_SETTLING)]
    entries = [_settles(telling, pairs) for pairs in listed]
    rest = [pairs[0][1].label or words.spoken(pairs[0][1].name) for pairs in by_fact.values() if pairs not in listed]
    if rest:
        what = "may narrow it" if len(decisive) == len(listed) else "also decisive, or narrowing"
        entries.append(Entry(f"{what}: {words.some(rest, telling.most(MOST_NARROWING))}"))
    yield Section(3, "Missing and decisive", entries=tuple(entries))


def _decides(pair: tuple[OptionPart, SettlingFact]) -> bool:
    """Whether one value of the fact would leave the option a single verdict."""
    option, fact = pair
    return any(len(outcome.possible) == 1 and outcome.possible != option.possible for outcome in fact.outcomes)


def _settles(telling: Telling, pairs: Sequence[tuple[OptionPart, SettlingFact]]) -> Entry:
    """One missing fact: what each of its values would leave of the options that read it."""
    fact = pairs[0][1]
    effects: dict[str, list[str]] = {}
    for option, each in pairs:
        settled = [outcome for outcome in each.outcomes if set(outcome.possible) != set(option.possible)]
        outcomes = [f"{outcome.condition} → {words.joined(_assessed(outcome.possible))}" for outcome in settled]
        still = [outcome.condition for outcome in each.outcomes if outcome not in settled]
        if still and telling.unfold:
            outcomes.append(f"{words.joined(still)} → still open")
        if each.open:
            outcomes.append("its values cannot be listed")
        if outcomes:
            effects.setdefault(" · ".join(outcomes), []).append(option.label)
    told = [f"{words.joined(labels, 'and')}: {outcomes}" for outcomes, labels in effects.items()]
    return Entry(
        f"{fact.label or words.spoken(fact.name)}? {'; '.join(told)}", f"{why_unknown(fact)}; {fact.burden}"
    )


def _assessed(possible: Iterable[str]) -> list[str]:
    return [word for word in possible if word != "not-assessed"] or ["not assessed"]


def duties(telling: Telling, lesion: LesionPart) -> Iterator[Section]:
    """What is owed later, by when; folded, with who owes it, and how much more may come to be due."""
    if telling.unfold:
        entries = tuple(
            Entry(f"{words.BEFORE[each.before]}, {_DUE[each.due]}: {each.says} ({each.who}, {each.subject})",
                  f"{each.rule}; {each.strength}")
            for before in words.BEFORE for each in lesion.obligations if each.before == before
        )  # fmt: skip
        if entries:
            yield Section(3, "Duties", words.counted(len(entries), "duty", "duties"), entries)
        return
    now = DUE_NOW[telling.answer.phase]
    told = []
    for before, when in words.BEFORE.items():
        due = [each for each in lesion.obligations if each.before == before and each.due == "true"]
        told += [f"{when}: {_who(due)}"] if due and before not in now else []
    perhaps = [each for each in lesion.obligations if each.due == "unknown"]
    told += [f"perhaps: {', '.join(dict.fromkeys(each.rule for each in perhaps))}"] if perhaps else []
    if told:
        yield Section(3, "Duties", "; ".join(told))


def _who(obligations: Iterable[ObligationPart]) -> str:
    by_who: dict[str, dict[str, None]] = {}
    for each in obligations:
        by_who.setdefault(each.who, {})[each.rule] = None
    return ", ".join(f"{who} {', '.join(rules)}" for who, rules in by_who.items())
