"""`cds records`: whether the decision records were tampered with, what they hold, and what would be answered today."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Final, get_args

import orjson

from cds.commands.inputs import the_rules, the_settings
from cds.commands.streams import UnusableArgument
from cds.explanation.layout import printable
from cds.explanation.words import counted
from cds.records import Entry, Kind, Records, UnreadableRecord, open_records
from cds.records.replay import Replayed, replay
from cds.service.retention import expire
from cds.service.settings import Settings

MOST_CHANGES: Final = 12
"""Changes of one decision that are printed as text; JSON has them all."""


def run(arguments: argparse.Namespace) -> int:
    """Do one thing with the records; status 1 where somebody has to look at what was found."""
    if arguments.ids and arguments.what not in ("show", "replay"):
        raise UnusableArgument(f"`{arguments.ids[0][:60]}`: `{arguments.what}` takes no ids; leave it out")
    settings = the_settings() if arguments.database is None else the_settings(database=arguments.database)
    key = settings.pseudonym_key.get_secret_value() if settings.pseudonym_key is not None else None
    records = open_records(settings.database.get_secret_value(), pseudonym_key=key, create=False)
    try:
        return _WHAT[arguments.what](records, arguments, settings)
    finally:
        records.close()


def _verify(records: Records, arguments: argparse.Namespace, _: Settings) -> int:
    noted = _head(arguments.head) if arguments.head is not None else None
    number, digest = records.head()
    found = list(records.verify(noted))
    for fault in found:
        sys.stdout.write(f"{fault}\n")
    state = counted(len(found), "fault") if found else "the chain holds"
    sys.stdout.write(f"{counted(number, 'record')}; {state}\nhead {number}:{digest}\n")
    return 1 if found else 0


def _head(text: str) -> tuple[int, str]:
    match = re.fullmatch(r"([0-9]{1,15}):([0-9a-f]{64})", text)
    if match is None:
        accepted = "give NUMBER:DIGEST as `cds records verify` prints it"
        raise UnusableArgument(f"--head: `{text[:80]}` is no head; {accepted}")
    return int(match[1]), match[2]


def _list(records: Records, arguments: argparse.Namespace, _: Settings) -> int:
    kind, patient = _kind(arguments.kind), arguments.patient
    if patient is not None and not re.fullmatch(r"Patient/[A-Za-z0-9.-]{1,64}", patient):
        # A bare id would find nobody, and that would look like a patient without records.
        raise UnusableArgument(f"--patient: `{patient[:80]}` is no reference to a patient; give it as Patient/4711")
    found = 0
    for entry in _pages(records, kind, patient):
        found += 1
        if arguments.format == "json":
            sys.stdout.write(_json(_told(entry)))
        else:
            moment = entry.recorded_at.isoformat(timespec="seconds")
            says = entry.body.get("door") or entry.body.get("outcome") or entry.about or ""
            sys.stdout.write(printable(f"{entry.number:>8}  {moment}  {entry.kind:<14}  {entry.id}  {says}") + "\n")
    if not found:
        named = f" of {patient}" if patient is not None else ""
        hint = "; where pseudonyms are recorded, CDS_PSEUDONYM_KEY has to be the service's"
        blind = hint if patient is not None and records.pseudonyms is None else ""
        sys.stderr.write(f"cds records: no record{named} was found{blind}\n")
    return 0


def _kind(text: str | None) -> Kind | None:
    for kind in get_args(Kind):
        if text is not None and text.rstrip("s") == kind:
            return kind  # type: ignore[no-any-return]  # get_args loses the type
    if text is not None:
        raise UnusableArgument(f"--kind: `{text[:60]}` is no kind of record; accepted are {', '.join(get_args(Kind))}")
    return None


def _pages(records: Records, kind: Kind | None, patient: str | None = None) -> Iterator[Entry]:
    after = 0
    while page := records.entries(kind, subject=patient, after=after):
        yield from page
        after = page[-1].number


def _show(records: Records, arguments: argparse.Namespace, _: Settings) -> int:
    if not arguments.ids:
        raise UnusableArgument("show: no record is named; give the id of one, as `cds records list` prints it")
    for id_ in arguments.ids:
        entry = records.entry(id_)
        content = records.content(id_) if "content" in entry.body else None
        sys.stdout.write(_json({**_told(entry), "content": content}, indented=True))
    return 0


def _replay(records: Records, arguments: argparse.Namespace, _: Settings) -> int:
    rules = the_rules(arguments)
    entries = [records.entry(id_) for id_ in arguments.ids] if arguments.ids else _pages(records, "decision")
    replayed = changed = erased = unreadable = 0
    for entry in entries:
        if entry.kind != "decision":
            raise UnusableArgument(f"`{entry.id}`: it is a record of another kind ({entry.kind}); give a decision's id")
        if not records.has_content(entry.id):
            erased += 1
            continue
        try:
            result = replay(records, entry, rules)
        except UnreadableRecord as error:  # said, and no reason to leave out the others
            sys.stderr.write(f"cds records: {error}\n")
            unreadable += 1
            continue
        replayed += 1
        changed += bool(result.changes or result.failure)
        sys.stdout.write(_json(asdict(result)) if arguments.format == "json" else "".join(_lines(result)))
    if arguments.format == "text":
        gone = f"; {erased} could not be replayed: their facts were erased" if erased else ""
        lost = f"; {unreadable} could not be replayed: they are not what was recorded" if unreadable else ""
        sys.stdout.write(f"{counted(replayed, 'decision')} replayed, {changed} changed{gone}{lost}\n")
    return 1 if changed or unreadable else 0


def _lines(result: Replayed) -> Iterator[str]:
    if result.failure is not None:
        yield printable(f"{result.entry.id}: no answer any more: {result.failure}") + "\n"
        return
    if not result.changes:
        return
    why = [name for name, differs in (("the rule set", result.rule_set[0] != result.rule_set[1]),
                                      ("the engines", result.engines_changed)) if differs]  # fmt: skip
    because = f" ({' and '.join(why)} changed)" if why else " (by the same rule set and the same engines)"
    yield f"{result.entry.id}: {counted(len(result.changes), 'change')}{because}\n"
    for change in result.changes[:MOST_CHANGES]:
        yield printable(f"  {change.path}: {_short(change.before)} -> {_short(change.after)}") + "\n"
    if len(result.changes) > MOST_CHANGES:
        yield f"  and {len(result.changes) - MOST_CHANGES} more; --format json prints them all\n"


def _short(value: object) -> str:
    text = "nothing" if value is None else orjson.dumps(value, default=str).decode()
    return text if len(text) <= 100 else f"{text[:97]}..."


def _rates(records: Records, arguments: argparse.Namespace, _: Settings) -> int:
    rates = records.override_rates()
    if arguments.format == "json":
        sys.stdout.write(_json([asdict(rate) for rate in rates], indented=True))
        return 0
    for rate in rates:
        answered = rate.accepted + rate.overridden
        share = f"{100 * rate.overridden / answered:.0f} % of {answered}" if answered else "no feedback"
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(rate.reasons.items()))
        line = f"{rate.rule}: shown {rate.shown}, overridden {share}{f' ({reasons})' if reasons else ''}"
        sys.stdout.write(printable(line) + "\n")
    if not rates:
        sys.stdout.write("no card was recorded\n")
    return 0


def _expire(records: Records, arguments: argparse.Namespace, settings: Settings) -> int:
    days = arguments.days if arguments.days is not None else settings.retention_days
    if days is None:
        raise UnusableArgument("expire: no time of retention is set; give --days, or set CDS_RETENTION_DAYS")
    erased = expire(records, days)
    sys.stdout.write(f"the content of {counted(erased, 'record')} was erased; their entries stay\n")
    return 0


def _told(entry: Entry) -> dict[str, Any]:
    return {**asdict(entry), "recorded_at": entry.recorded_at.isoformat()}


def _json(value: object, *, indented: bool = False) -> str:
    option = orjson.OPT_APPEND_NEWLINE | (orjson.OPT_INDENT_2 if indented else 0)
    return orjson.dumps(value, option=option, default=str).decode()


_WHAT: Final[dict[str, Callable[[Records, argparse.Namespace, Settings], int]]] = {
    "verify": _verify, "list": _list, "show": _show, "replay": _replay, "override-rates": _rates, "expire": _expire,
}  # fmt: skip
