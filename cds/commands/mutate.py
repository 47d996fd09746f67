"""`cds mutate`: every rule and definition changed a little, and the changes that no worked case notices."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import multiprocessing
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING

from cds.commands.inputs import folder_of, the_day, the_rules
from cds.commands.proofs import (
    Json,
    known_name,
    on_its_day,
    patient_json,
    patient_lines,
    place_json,
    place_of,
    prose,
    solver_is_here,
    version_json,
)
from cds.commands.streams import UnusableArgument, columns, is_watched, watched
from cds.explanation.words import counted
from cds.ruleset import RuleSet, load_rules

if TYPE_CHECKING:
    from cds.analysis.mutation import Trial


def run(arguments: argparse.Namespace) -> int:
    """Print what survives, each with a patient who would tell; status 1 where anything does, or may."""
    solver_is_here("mutate")
    from cds.analysis.mutation import Fate, subjects

    folder, rules = folder_of(arguments.rules), the_rules(arguments)
    known_name(arguments.rule, subjects(rules), rules)
    asked = _Asked(str(folder), arguments.overlay, the_day(arguments), arguments.rule, arguments.seconds)
    worked_cases, trials = _trials(asked, arguments.workers)
    counts = Counter(trial.fate for trial in trials)
    if arguments.format == "json":
        answer = {"rule_set": version_json(rules), "as_of": asked.as_of.isoformat(), "worked_cases": worked_cases,
                  "counts": {fate.value: counts[fate] for fate in Fate},
                  "mutants": [_json(trial, rules) for trial in trials]}  # fmt: skip
        sys.stdout.write(f"{json.dumps(answer, indent=2, ensure_ascii=False)}\n")
    else:
        width = columns(arguments.width)
        sys.stdout.write("".join(_told(trial, rules, width) for trial in trials))
        numbers = ", ".join(f"{counts[fate]} {fate.value}" for fate in Fate)
        over = f"{counted(len(trials), 'mutant')} over {counted(worked_cases, 'worked case')}"
        sys.stdout.write(prose(f"{on_its_day(rules, asked.as_of)}: {over}: {numbers}", width))
    return 1 if counts[Fate.SURVIVED] or counts[Fate.UNDECIDED] else 0


@dataclass(frozen=True, slots=True)
class _Asked:
    """What each process is told: the rule set and its day, which statement alone, and how long a question may take."""

    folder: str
    overlay: str | None
    as_of: dt.date
    only: str | None
    seconds: float


def _trials(asked: _Asked, workers: int) -> tuple[int, list[Trial]]:
    """How many worked cases there are, and what became of each mutant, in the order of the mutants."""
    if workers == 1:
        return _share(asked, 0, 1, None)
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        done = stack.enter_context(context.Manager()).Queue() if is_watched() else None
        pool = stack.enter_context(ProcessPoolExecutor(workers, context))
        shares = [pool.submit(_share, asked, number, workers, done) for number in range(workers)]
        if done is not None:
            for _ in watched(_until_done(done, shares), "mutants", every=10):
                pass
        found = [share.result() for share in shares]
    total = sum(len(share) for _, share in found)
    return found[0][0], [found[index % workers][1][index // workers] for index in range(total)]


def _until_done(done: Queue[None], shares: Sequence[Future[tuple[int, list[Trial]]]]) -> Iterator[None]:
    """One item for each mutant that some process has tried, until all processes have ended."""
    while not all(share.done() for share in shares):
        with suppress(Empty):
            yield done.get(timeout=1)


def _share(asked: _Asked, first: int, step: int, done: Queue[None] | None) -> tuple[int, list[Trial]]:
    """One process's share of the mutants: put to the worked cases, and what survives to the solver.

    Each that was tried is put into `done`; without it, this process is the only one, and counts itself.
    """
    from cds.analysis.mutation import read_cases, trials
    from cds.analysis.wording import Wording

    folder = Path(asked.folder)
    rules = load_rules(folder, overlay=asked.overlay)
    cases = read_cases(folder, rules, asked.as_of)
    if not cases:
        problem = f"`{folder.name}`: no worked case has a day with the thresholds of {asked.as_of}, and holds"
        raise UnusableArgument(f"{problem}; give the day of the cases with --as-of, or see `cds test`")
    wording = Wording(rules.on(asked.as_of))
    found = trials(wording, cases, only=asked.only, seconds=asked.seconds, first=first, step=step, as_of=asked.as_of)
    if done is None:
        return len(cases), list(watched(found, "mutants", every=10) if step == 1 else found)
    tried: list[Trial] = []
    for trial in found:
        tried.append(trial)
        done.put(None)
    return len(cases), tried


def _told(trial: Trial, rules: RuleSet, width: int) -> str:
    from cds.analysis.mutation import Fate

    if trial.fate is Fate.KILLED:
        return ""
    gave_up = "the solver gave no answer: allow it more time"
    if trial.mutant.vocabulary is not None:
        gave_up = "no made-up patient does either; no proof speaks of tables"
    why = {
        Fate.SURVIVED: "no worked case notices; this patient would tell",
        Fate.REDUNDANT: "redundant: proved that no patient can tell",
        Fate.UNDECIDED: f"no worked case notices, and {gave_up}",
    }[trial.fate]
    place = place_of(trial.mutant.subject, rules)
    where = f"{place}: " if place is not None else ""
    told = prose(f"{where}{trial.mutant.subject}: {trial.mutant.what}: {why}", width)
    told += "".join(prose(f"expect {each}", width, "    ") for each in trial.differences)
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
