"""`cds cover`: the parts of conditions that no pair of worked cases shows to matter, and the patients that would."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from cds.commands.inputs import folder_of, the_day, the_rules
from cds.commands.proofs import (
    Json,
    known_criterion,
    on_its_day,
    patient_json,
    patient_lines,
    place_json,
    place_of,
    prose,
    solver_is_here,
    version_json,
)
from cds.commands.streams import columns, watched
from cds.explanation.words import counted
from cds.ruleset import RuleSet

if TYPE_CHECKING:
    from cds.analysis.coverage import Coverage, Half


def run(arguments: argparse.Namespace) -> int:
    """Print every part that is not covered; status 1 where there is one that could be, or may be."""
    solver_is_here("cover")
    from cds.analysis.coverage import Cover
    from cds.analysis.mutation import read_cases

    undated = the_rules(arguments)
    known_criterion(arguments.rule, undated)
    day, width = the_day(arguments), columns(arguments.width)
    read, rules = read_cases(folder_of(arguments.rules), undated, day), undated.on(day)
    cases = {each.name: (each.case, each.phase) for each in read}
    found: list[Coverage] = []
    for coverage in watched(Cover(rules, cases, arguments.seconds, day).coverages(arguments.rule), "parts", every=5):
        found.append(coverage)
        if arguments.format == "text":
            sys.stdout.write(_told(coverage, rules, width))
    covered = sum(each.is_covered for each in found)
    infeasible = sum(each.infeasible for each in found)
    gaps = len(found) - covered - infeasible
    if arguments.format == "json":
        answer = {"rule_set": version_json(rules), "as_of": day.isoformat(), "worked_cases": len(cases),
                  "counts": {"covered": covered, "gaps": gaps, "infeasible": infeasible},
                  "parts": [_json(each, rules) for each in found]}  # fmt: skip
        sys.stdout.write(f"{json.dumps(answer, indent=2, ensure_ascii=False)}\n")
    else:
        numbers = f"{covered} covered, {gaps} not, {infeasible} that no two patients can cover"
        over = f"{counted(len(found), 'part')} over {counted(len(cases), 'worked case')}"
        sys.stdout.write(prose(f"{on_its_day(rules, day)}: {over}: {numbers}", width))
    return 1 if gaps else 0


def _told(coverage: Coverage, rules: RuleSet, width: int) -> str:
    if coverage.is_covered:
        return ""
    part = coverage.part
    place = place_of(part.criterion.id, rules)
    where = f"{place}: " if place is not None else ""
    if coverage.infeasible:
        why = "proved that no two patients can show it to matter, both ways"
    elif coverage.missing:
        why = "not shown to matter"
    else:
        why = "not shown to matter, and the solver gave no answer"
    lines = [prose(f"{where}{part.criterion.id}: `{part.text}`: {why}", width)]
    if not coverage.infeasible:
        lines += [prose(f"{_half(half)}: {name}", width, "    ") for half, name in coverage.shown.items()]
        for half, case in coverage.missing.items():
            lines.append(patient_lines(case, rules.vocabulary, heading=f"# {_half(half)}: missing"))
    return "".join(lines)


def _half(half: Half) -> str:
    value, outcome = ("true" if each else "false" for each in half)
    return f"{value}, and the condition {outcome} by it"


def _json(coverage: Coverage, rules: RuleSet) -> Json:
    part = coverage.part
    return {
        "criterion": part.criterion.id, "part": part.text, "phases": list(part.phases),
        "covered": coverage.is_covered, "infeasible": coverage.infeasible,
        "place": place_json(place_of(part.criterion.id, rules)),
        "shown": [{"part": value, "condition": outcome, "case": name}
                  for (value, outcome), name in coverage.shown.items()],
        "missing": [{"part": value, "condition": outcome, "patient": patient_json(case, rules.vocabulary)}
                    for (value, outcome), case in coverage.missing.items()],
    }  # fmt: skip
