"""`cds verify`: what holds of a rule set for every patient, proved; and a patient against what does not."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from cds.commands.inputs import folder_of, the_day, the_rules
from cds.commands.proofs import (
    Json,
    on_its_day,
    patient_json,
    patient_lines,
    place_json,
    prose,
    solver_is_here,
    version_json,
)
from cds.commands.streams import columns, watched
from cds.explanation.words import counted
from cds.ruleset import RuleSet

if TYPE_CHECKING:
    from cds.analysis.statements import Outcome


def run(arguments: argparse.Namespace) -> int:
    """Print what is refuted, undecided or waived; status 1 where anything is refuted or undecided."""
    solver_is_here("verify")
    from cds.analysis.declarations import read_declarations
    from cds.analysis.verify import Verification

    day = the_day(arguments)
    rules = the_rules(arguments).on(day)
    declared = read_declarations(folder_of(arguments.rules))
    width = columns(arguments.width)
    outcomes: list[Outcome] = []
    for outcome in watched(Verification(rules, declared, day, arguments.seconds).outcomes(), "statements", every=20):
        outcomes.append(outcome)
        if arguments.format == "text":
            sys.stdout.write(_told(outcome, rules, width))
    if arguments.format == "json":
        answer = {"rule_set": version_json(rules), "as_of": day.isoformat(), "counts": _counts(outcomes),
                  "statements": [_json(outcome, rules) for outcome in outcomes]}  # fmt: skip
        sys.stdout.write(f"{json.dumps(answer, indent=2, ensure_ascii=False)}\n")
    else:
        numbers = ", ".join(f"{number} {standing}" for standing, number in _counts(outcomes).items())
        sys.stdout.write(prose(f"{on_its_day(rules, day)}: {counted(len(outcomes), 'statement')}: {numbers}", width))
    return 0 if all(outcome.is_fine for outcome in outcomes) else 1


def _counts(outcomes: list[Outcome]) -> dict[str, int]:
    from cds.analysis.verify import counted as by_standing

    return {standing.value: number for standing, number in by_standing(outcomes).items()}


def _told(outcome: Outcome, rules: RuleSet, width: int) -> str:
    from cds.analysis.statements import Standing

    statement = outcome.statement
    if outcome.standing is Standing.PROVED:
        return ""
    place = f"{statement.position}: " if statement.position is not None else ""
    told = prose(f"{place}{outcome.standing.value}: {statement.says}: {outcome.why} [{statement.key}]", width)
    if outcome.witness is not None:
        told += patient_lines(outcome.witness, rules.vocabulary)
    if outcome.learned is not None:
        told += patient_lines(outcome.learned, rules.vocabulary, heading="# and later:")
    return told


def _json(outcome: Outcome, rules: RuleSet) -> Json:
    statement = outcome.statement
    told: Json = {
        "code": statement.code, "subject": statement.subject, "says": statement.says,
        "standing": outcome.standing.value, "why": outcome.why, "place": place_json(statement.position),
    }  # fmt: skip
    if outcome.witness is not None:
        told["patient"] = patient_json(outcome.witness, rules.vocabulary)
    if outcome.learned is not None:
        told["later"] = patient_json(outcome.learned, rules.vocabulary)
    return told
