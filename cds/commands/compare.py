"""`cds compare`: who is treated differently by another version of a rule set, made to be pasted into a review."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cds.commands.inputs import the_phase
from cds.commands.proofs import Json, patient_json, patient_lines, patient_yaml, solver_is_here, version_json
from cds.commands.revisions import rule_folder
from cds.commands.streams import read_input
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


def run(arguments: argparse.Namespace) -> int:
    """Print every change with a patient; status 1 where anybody is treated differently, or that is not known."""
    solver_is_here("compare")
    from cds.analysis.compare import Comparison, acts_otherwise

    phase = the_phase(arguments)
    if arguments.overlay is not None:
        read_input(arguments.overlay, "an overlay (YAML)")
    with tempfile.TemporaryDirectory(prefix="cds-compare-") as scratch:
        old = load_rules(rule_folder(arguments.old, Path(scratch, "old")))
        new = load_rules(rule_folder(arguments.new, Path(scratch, "new")), overlay=arguments.overlay)
    comparison = Comparison(old, new, phase, arguments.seconds)
    outcomes = list(comparison.outcomes())
    archive = _archive(arguments.records, old, new)
    if arguments.format == "json":
        sys.stdout.write(f"{json.dumps(_json(comparison, outcomes, archive), indent=2, ensure_ascii=False)}\n")
    else:
        lines = _markdown if arguments.format == "md" else _text
        sys.stdout.write("".join(f"{line}\n" for line in lines(comparison, outcomes, archive)))
    same = all(outcome.is_fine for outcome in outcomes) and not acts_otherwise(old, new)
    same = same and not _other_phases(comparison)  # what was not asked is not known to be the same
    return 0 if same and (archive is None or archive.is_unchanged) else 1


def _archive(url: str | None, old: RuleSet, new: RuleSet) -> Archive | None:
    if url is None:
        return None
    from cds.commands.archive import read_archive

    return read_archive(url, old, new)


def _changed(outcomes: list[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if not outcome.is_fine]


def _verdict(comparison: Comparison, outcomes: list[Outcome]) -> str:
    from cds.analysis.compare import acts_otherwise
    from cds.analysis.statements import Standing

    found = [outcome.standing for outcome in outcomes]
    undecided = found.count(Standing.UNDECIDED)
    open_ones = f", {undecided} undecided" if undecided else ""
    if Standing.REFUTED in found:
        return f"{counted(found.count(Standing.REFUTED), 'change')}{open_ones}; {counted(len(found), 'statement')} put"
    if undecided:
        return f"no change was found, but {undecided} of {counted(len(found), 'statement')} were not decided"
    proved = f"proved {LIMIT} in the phase {comparison.phase} ({counted(len(found), 'statement')})"
    otherwise = acts_otherwise(comparison.old, comparison.new)
    if otherwise:
        return f"no condition comes out otherwise: {proved}; but see what is done otherwise: {', '.join(otherwise)}"
    return f"{NOBODY}: {proved}"


def _versions(comparison: Comparison) -> str:
    old, new = comparison.old, comparison.new
    versions = f"{old.head.id} {old.head.version} ({old.digest[:12]}) -> {new.head.version} ({new.digest[:12]})"
    return f"{versions}, phase {comparison.phase}"


def _noted(comparison: Comparison) -> Iterator[str]:
    """What is compared without a proof: parameters, and the words and attributes of statements."""
    from cds.analysis.compare import moved, restated

    for name, (before, after) in moved(comparison.old, comparison.new).items():
        yield f"parameter {name}: {before} -> {after}"
    for name, fields in restated(comparison.old, comparison.new).items():
        yield f"{name} states otherwise: {', '.join(fields)}"
    for phase in _other_phases(comparison):
        yield f"the phase {phase} has other conditions, too, of which nothing is said here: see --phase {phase}"


def _other_phases(comparison: Comparison) -> list[str]:
    """The phases that were not compared and in which a condition is not written as it was."""
    old, new = (
        {phase: {each.id: each.condition for each in rules.programs[phase].criteria} for phase in PHASES}
        for rules in (comparison.old, comparison.new)
    )
    return [phase for phase in PHASES if phase != comparison.phase and old[phase] != new[phase]]


def _text(comparison: Comparison, outcomes: list[Outcome], archive: Archive | None) -> Iterator[str]:
    vocabulary = comparison.universe.vocabulary
    yield printable(_versions(comparison))
    yield from map(printable, _noted(comparison))
    for outcome in _changed(outcomes):
        yield printable(f"{outcome.statement.subject}: {outcome.why} [{outcome.statement.code}]")
        if outcome.witness is not None:
            yield patient_lines(outcome.witness, vocabulary).rstrip("\n")
    if archive is not None:
        yield from map(printable, archive.lines())
    yield _verdict(comparison, outcomes)


def _markdown(comparison: Comparison, outcomes: list[Outcome], archive: Archive | None) -> Iterator[str]:
    vocabulary = comparison.universe.vocabulary
    yield f"## Who is treated differently\n\n{printable(_versions(comparison))}\n\n**{_verdict(comparison, outcomes)}**"
    noted = list(_noted(comparison))
    if noted:
        yield ""
        yield from (f"- {printable(line)}" for line in noted)
    for outcome in _changed(outcomes):
        yield f"\n### {printable(outcome.statement.subject)}: {printable(outcome.why)}"
        if outcome.witness is not None:
            yield f"\n```yaml\n{patient_yaml(outcome.witness, vocabulary)}```"
    if archive is not None:
        yield "\n### Recorded decisions\n"
        yield from (f"- {printable(line)}" for line in archive.lines())


def _json(comparison: Comparison, outcomes: list[Outcome], archive: Archive | None) -> Json:
    from cds.analysis.compare import acts_otherwise, moved, restated
    from cds.analysis.statements import Standing

    vocabulary = comparison.universe.vocabulary
    told: Json = {
        "old": version_json(comparison.old),
        "new": version_json(comparison.new),
        "phase": comparison.phase,
        "other_phases_that_differ": _other_phases(comparison),
        "nobody_is_treated_differently": all(outcome.standing is Standing.PROVED for outcome in outcomes)
                                         and not acts_otherwise(comparison.old, comparison.new),
        "parameters": {name: {"old": one, "new": two} for name, (one, two)
                       in moved(comparison.old, comparison.new).items()},
        "states_otherwise": {name: list(fields) for name, fields in restated(comparison.old, comparison.new).items()},
        "changes": [
            {
                "code": outcome.statement.code, "subject": outcome.statement.subject, "why": outcome.why,
                "standing": outcome.standing.value,
                **({"patient": patient_json(outcome.witness, vocabulary)} if outcome.witness is not None else {}),
            }
            for outcome in _changed(outcomes)
        ],
        "proved": [outcome.statement.says for outcome in outcomes if outcome.standing is Standing.PROVED],
    }  # fmt: skip
    return told if archive is None else {**told, "records": archive.json()}
