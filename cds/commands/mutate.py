"""`cds mutate`: every rule and definition changed a little, and the changes that no worked case notices."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from cds.commands.inputs import folder_of, the_rules
from cds.commands.proofs import (
    Json,
    known_name,
    patient_json,
    patient_lines,
    place_json,
    place_of,
    solver_is_here,
    version_json,
)
from cds.commands.streams import UnusableArgument
from cds.explanation.layout import printable
from cds.explanation.words import counted
from cds.ruleset import RuleSet, load_rules

if TYPE_CHECKING:
    from cds.analysis.mutation import Trial


def run(arguments: argparse.Namespace) -> int:
    """Print what survives, each with a patient who would tell; status 1 where anything does, or may."""
    solver_is_here("mutate")
    from cds.analysis.mutation import Fate

    folder, rules = folder_of(arguments.rules), the_rules(arguments)
    known_name(arguments.rule, [*rules.conditions, *rules.definitions], rules)
    trials = _trials(folder, arguments.overlay, arguments.rule, arguments.seconds, arguments.workers)
    counts = Counter(trial.fate for trial in trials)
    if arguments.format == "json":
        answer = {"rule_set": version_json(rules), "counts": {fate.value: counts[fate] for fate in Fate},
                  "mutants": [_json(trial, rules) for trial in trials]}  # fmt: skip
        sys.stdout.write(f"{json.dumps(answer, indent=2, ensure_ascii=False)}\n")
    else:
        sys.stdout.write("".join(_told(trial, rules) for trial in trials))
        numbers = ", ".join(f"{counts[fate]} {fate.value}" for fate in Fate)
        sys.stdout.write(f"{rules.head.id} {rules.head.version}: {counted(len(trials), 'mutant')}: {numbers}\n")
    return 1 if counts[Fate.SURVIVED] or counts[Fate.UNDECIDED] else 0


def _trials(folder: Path, overlay: str | None, only: str | None, seconds: float, workers: int) -> list[Trial]:
    """What became of each mutant, in the order of the mutants."""
    if workers == 1:
        return _share(str(folder), overlay, only, seconds, 0, 1)
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        shares = [
            pool.submit(_share, str(folder), overlay, only, seconds, number, workers) for number in range(workers)
        ]
        found = [share.result() for share in shares]
    total = sum(map(len, found))
    return [found[index % workers][index // workers] for index in range(total)]


def _share(folder: str, overlay: str | None, only: str | None, seconds: float, first: int, step: int) -> list[Trial]:
    """One process's share of the mutants: put to the worked cases, and what survives to the solver."""
    from cds.analysis.mutation import read_cases, trials
    from cds.analysis.wording import Wording

    rules = load_rules(Path(folder), overlay=overlay)
    cases = read_cases(Path(folder), rules)
    if not cases:
        raise UnusableArgument(f"`{Path(folder).name}`: no worked case holds under it; `cds test` says why")
    return list(trials(Wording(rules), cases, only=only, seconds=seconds, first=first, step=step))


def _told(trial: Trial, rules: RuleSet) -> str:
    from cds.analysis.mutation import Fate

    if trial.fate is Fate.KILLED:
        return ""
    why = {
        Fate.SURVIVED: "no worked case notices; this patient would tell",
        Fate.REDUNDANT: "redundant: proved that no patient can tell",
        Fate.UNDECIDED: "no worked case notices, and the solver gave no answer: allow it more time",
    }[trial.fate]
    place = place_of(trial.mutant.subject, rules)
    where = f"{place}: " if place is not None else ""
    told = printable(f"{where}{trial.mutant.subject}: {trial.mutant.what}: {why}") + "\n"
    told += "".join(printable(f"    expect {each}") + "\n" for each in trial.differences)
    return told if trial.witness is None else told + patient_lines(trial.witness, rules.vocabulary)


def _json(trial: Trial, rules: RuleSet) -> Json:
    told: Json = {
        "subject": trial.mutant.subject, "change": trial.mutant.what, "phases": list(trial.mutant.phases),
        "fate": trial.fate.value, "place": place_json(place_of(trial.mutant.subject, rules)),
    }  # fmt: skip
    if trial.killed_by:
        told["killed_by"] = trial.killed_by
    if trial.witness is not None:
        told |= {
            "patient": patient_json(trial.witness, rules.vocabulary), "phase": trial.phase,
            "would_expect": list(trial.differences),
        }  # fmt: skip
    return told
