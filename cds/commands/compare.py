"""`cds compare`: who is treated differently by another version of a rule set, made to be pasted into a review."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cds.commands.inputs import the_day, the_phase
from cds.commands.proofs import Json, patient_json, patient_lines, patient_yaml, prose, solver_is_here, version_json
from cds.commands.revisions import rule_folder
from cds.commands.streams import columns, read_input, watched
from cds.explanation.layout import printable
from cds.explanation.words import counted
from cds.ruleset import RuleSet, load_rules
from cds.ruleset.model import PHASES

if TYPE_CHECKING:
    from cds.analysis.compare import Comparison
    from cds.analysis.statements import Outcome
    from cds.commands.archive import Archive

NOBODY = "nobody is treated differently"
LIMIT = "for every patient with at most two lesions"


@dataclass(frozen=True, slots=True)
class _Found:
    """What the two versions were found to do on their day, and what is moved on other days."""

    comparison: Comparison
    outcomes: list[Outcome]
    archive: Archive | None
    other_days: Mapping[dt.date, Mapping[str, tuple[str, str]]]

    @property
    def changed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if not outcome.is_fine]

    @property
    def otherwise(self) -> tuple[str, ...]:
        """What may treat somebody differently, and no proof here speaks of."""
        moved = dict.fromkeys(name for names in self.other_days.values() for name in names)
        return tuple(f"{name} on other days" for name in moved)


def run(arguments: argparse.Namespace) -> int:
    """Print every change with a patient; status 1 where anybody is treated differently, or that is not known."""
    solver_is_here("compare")
    from cds.analysis.compare import Comparison, moved_on_other_days

    phase, day = the_phase(arguments), the_day(arguments)
    if arguments.overlay is not None:
        read_input(arguments.overlay, "an overlay (YAML)")
    with tempfile.TemporaryDirectory(prefix="cds-compare-") as scratch:
        old = load_rules(rule_folder(arguments.old, Path(scratch, "old")))
        new = load_rules(rule_folder(arguments.new, Path(scratch, "new")), overlay=arguments.overlay)
    comparison = Comparison(old.on(day), new.on(day), phase, arguments.seconds, day)
    outcomes = list(watched(comparison.outcomes(), "statements", every=10))
    found = _Found(comparison, outcomes, _archive(arguments.records, old, new), moved_on_other_days(old, new, day))
    if arguments.format == "json":
        sys.stdout.write(f"{json.dumps(_json(found), indent=2, ensure_ascii=False)}\n")
    elif arguments.format == "md":
        sys.stdout.write("".join(f"{line}\n" for line in _markdown(found)))
    else:
        sys.stdout.write("".join(_text(found, columns(arguments.width))))
    same = not found.changed and not found.otherwise
    same = same and not _other_phases(comparison)  # what was not asked is not known to be the same
    return 0 if same and (found.archive is None or found.archive.is_unchanged) else 1


def _archive(url: str | None, old: RuleSet, new: RuleSet) -> Archive | None:
    if url is None:
        return None
    from cds.commands.archive import read_archive

    return read_archive(url, old, new)


def _verdict(all_found: _Found) -> str:
    from cds.analysis.statements import Standing

    comparison = all_found.comparison
    found = [outcome.standing for outcome in all_found.outcomes]
    undecided = found.count(Standing.UNDECIDED)
    open_ones = f", {undecided} undecided" if undecided else ""
    if Standing.REFUTED in found:
        return f"{counted(found.count(Standing.REFUTED), 'change')}{open_ones}; {counted(len(found), 'statement')} put"
    if undecided:
        return f"no change was found, but {undecided} of {counted(len(found), 'statement')} were not decided"
    when = f"in the phase {comparison.phase} as of {comparison.as_of.isoformat()}"
    proved = f"proved {LIMIT} {when} ({counted(len(found), 'statement')})"
    if all_found.otherwise:
        others = ", ".join(all_found.otherwise)
        return f"no condition comes out otherwise: {proved}; but see what is done otherwise: {others}"
    return f"{NOBODY}: {proved}"


def _versions(comparison: Comparison) -> str:
    old, new = comparison.old, comparison.new
    versions = f"{old.head.id} {old.head.version} ({old.digest[:12]}) -> {new.head.version} ({new.digest[:12]})"
    return f"{versions}, phase {comparison.phase}, as of {comparison.as_of.isoformat()}"


def _noted(found: _Found) -> Iterator[str]:
    """What is compared without a proof: parameters, and the words and attributes of statements."""
    from cds.analysis.compare import moved, restated

    comparison = found.comparison
    for name, (before, after) in moved(comparison.old, comparison.new).items():
        yield f"parameter {name}: {before} -> {after}"
    for name, fields in restated(comparison.old, comparison.new).items():
        yield f"{name} states otherwise: {', '.join(fields)}"
    for phase in _other_phases(comparison):
        yield f"the phase {phase} has other conditions, too, of which nothing is said here: see --phase {phase}"
    for day, names in found.other_days.items():
        values = ", ".join(f"{name} {before} -> {after}" for name, (before, after) in names.items())
        yield f"on other days other values hold, of which nothing is said here: {values}: see --as-of {day.isoformat()}"


def _other_phases(comparison: Comparison) -> list[str]:
    """The phases that were not compared and in which a condition is not written, or not asked of, as it was."""
    old, new = (
        {phase: {each.id: (each.level, each.condition) for each in rules.programs[phase].criteria} for phase in PHASES}
        for rules in (comparison.old, comparison.new)
    )
    return [phase for phase in PHASES if phase != comparison.phase and old[phase] != new[phase]]


def _text(found: _Found, width: int) -> Iterator[str]:
    vocabulary = found.comparison.universe.vocabulary
    yield from (prose(line, width) for line in (_versions(found.comparison), *_noted(found)))
    for outcome in found.changed:
        yield prose(f"{outcome.statement.subject}: {outcome.why} [{outcome.statement.code}]", width)
        if outcome.witness is not None:
            yield patient_lines(outcome.witness, vocabulary)
    if found.archive is not None:
        yield from (prose(line, width) for line in found.archive.lines())
    yield prose(_verdict(found), width)


def _markdown(found: _Found) -> Iterator[str]:
    vocabulary = found.comparison.universe.vocabulary
    yield f"## Who is treated differently\n\n{printable(_versions(found.comparison))}\n\n**{_verdict(found)}**"
    noted = list(_noted(found))
    if noted:
        yield ""
        yield from (f"- {printable(line)}" for line in noted)
    for outcome in found.changed:
        yield f"\n### {printable(outcome.statement.subject)}: {printable(outcome.why)}"
        if outcome.witness is not None:
            yield f"\n```yaml\n{patient_yaml(outcome.witness, vocabulary)}```"
    if found.archive is not None:
        yield "\n### Recorded decisions\n"
        yield from (f"- {printable(line)}" for line in found.archive.lines())


def _json(found: _Found) -> Json:
    from cds.analysis.compare import moved, restated
    from cds.analysis.statements import Standing

    comparison, outcomes = found.comparison, found.outcomes
    vocabulary = comparison.universe.vocabulary
    told: Json = {
        "old": version_json(comparison.old),
        "new": version_json(comparison.new),
        "as_of": comparison.as_of.isoformat(),
        "phase": comparison.phase,
        "other_phases_that_differ": _other_phases(comparison),
        "other_days_that_differ": {day.isoformat(): _values(names) for day, names in found.other_days.items()},
        "nobody_is_treated_differently": all(outcome.standing is Standing.PROVED for outcome in outcomes)
                                         and not found.otherwise,
        "parameters": _values(moved(comparison.old, comparison.new)),
        "states_otherwise": {name: list(fields) for name, fields in restated(comparison.old, comparison.new).items()},
        "changes": [
            {
                "code": outcome.statement.code, "subject": outcome.statement.subject, "why": outcome.why,
                "standing": outcome.standing.value,
                **({"patient": patient_json(outcome.witness, vocabulary)} if outcome.witness is not None else {}),
            }
            for outcome in found.changed
        ],
        "proved": [outcome.statement.says for outcome in outcomes if outcome.standing is Standing.PROVED],
    }  # fmt: skip
    return told if found.archive is None else {**told, "records": found.archive.json()}


def _values(moved: Mapping[str, tuple[str, str]]) -> Json:
    return {name: {"old": before, "new": after} for name, (before, after) in moved.items()}
