"""`cds regions`: the grounds that can stand together against an option, and slices through them as a drawing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cds.case import Case
from cds.commands.inputs import folder_of, the_case, the_day, the_rules
from cds.commands.proofs import (
    Json,
    on_its_day,
    patient_json,
    patient_lines,
    prose,
    solver_is_here,
    version_json,
)
from cds.commands.streams import UnusableArgument, columns
from cds.explanation.words import counted
from cds.language.suggestion import did_you_mean
from cds.ruleset import RuleSet
from cds.vocabulary import FactDefinition, Level

if TYPE_CHECKING:
    from cds.analysis.regions import Enumerated, Region, Regions


def run(arguments: argparse.Namespace) -> int:
    """Print the regions, or write a slice; status 1 where a region has no worked case, or some may be left."""
    solver_is_here("regions")
    from cds.analysis.mutation import read_cases
    from cds.analysis.regions import Regions

    for name in ("base", "out"):
        if arguments.slice is None and getattr(arguments, name) is not None:
            raise UnusableArgument(f"--{name}: it belongs to --slice; give both")
    if arguments.slice is not None and arguments.format != "text":
        raise UnusableArgument("--format: a slice is a drawing (SVG); leave one of the two out")
    undated = the_rules(arguments)
    if arguments.option not in undated.options:
        raise UnusableArgument(_unknown("option", arguments.option, list(undated.options)))
    day = the_day(arguments)
    read, rules = read_cases(folder_of(arguments.rules), undated, day), undated.on(day)
    cases = {each.name: each.case for each in read if each.phase == "decision"}
    regions = Regions(rules, arguments.option, cases, arguments.seconds, as_of=day)
    if arguments.slice is not None:
        return _slice(arguments, rules, regions)
    found = regions.enumerate(arguments.most)
    told = _json(regions, found) if arguments.format == "json" else _text(regions, found, columns(arguments.width))
    sys.stdout.write(told)
    return 0 if found.complete and all(region.worked_cases for region in found.regions) else 1


def _unknown(what: str, named: str, known: list[str]) -> str:
    question = did_you_mean(named, known)
    return f"`{named}`: there is no such {what}" + (f"; {question}" if question else f"; there are {', '.join(known)}")


def _text(regions: Regions, found: Enumerated, width: int) -> str:
    told = ""
    for region in found.regions:
        against = ", ".join(sorted(region.against)) or "nothing against it"
        told += prose(f"{region.verdict.value}: {against}", width)
        cases = counted(len(region.worked_cases), "worked case") if region.worked_cases else "no worked case"
        cites = ", ".join(region.cites) if region.cites else "no published source"
        told += prose(f"{cases}; {cites}", width, "    ")
        if not region.worked_cases:
            told += patient_lines(region.patient, regions.rules.vocabulary)
    without = sum(not region.worked_cases for region in found.regions)
    bare = sum(not region.cites for region in found.regions)
    numbers = f"{counted(len(found.regions), 'region')}, {without} without a worked case, {bare} without a source"
    if found.complete:
        rest = "there is no other"
    else:
        rest = "the solver gave up: there may be more" if found.undecided else "there are more: --most looks further"
    told += prose(f"{on_its_day(regions.rules, regions.as_of)}: {numbers}; {rest}", width)
    unsettled = counted(len(regions.unsettled), "worked case")
    return told + prose(f"{unsettled} in none: out of scope, or something that bears on the option is unknown", width)


def _region(region: Region, rules: RuleSet) -> Json:
    return {
        "against": sorted(region.against), "verdict": region.verdict.value, "worked_cases": list(region.worked_cases),
        "cites": list(region.cites), "patient": patient_json(region.patient, rules.vocabulary),
    }  # fmt: skip


def _json(regions: Regions, found: Enumerated) -> str:
    answer = {
        "rule_set": version_json(regions.rules), "as_of": regions.as_of.isoformat(), "option": regions.option,
        "complete": found.complete,
        "undecided": found.undecided, "regions": [_region(each, regions.rules) for each in found.regions],
        "unsettled": list(regions.unsettled),
    }  # fmt: skip
    return f"{json.dumps(answer, indent=2, ensure_ascii=False)}\n"


def _slice(arguments: argparse.Namespace, rules: RuleSet, regions: Regions) -> int:
    from cds.analysis.slices import MOST_CELLS, Slice, svg

    across, up = (_definition(named, rules) for named in arguments.slice)
    if across == up:
        raise UnusableArgument(f"`{across.path}` stands twice; a slice has two facts")
    drawn = Slice(rules, arguments.option, across, up, _base(arguments, rules, regions), regions.worked_cases)
    try:
        cells = len(drawn.columns) * len(drawn.rows)
    except ValueError as error:
        raise UnusableArgument(f"{error}; name a fact that a condition reads") from error
    if cells > MOST_CELLS:
        told = f"{across.path}, {up.path}: {cells} cells are too many to read; name facts with less values"
        raise UnusableArgument(told)
    text = svg(drawn, f"{rules.options[arguments.option].label}: {across.label} and {up.label}, "
               f"as of {regions.as_of.isoformat()}")  # fmt: skip
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        try:
            Path(arguments.out).write_text(text, encoding="utf-8")
        except OSError as error:
            reason = (error.strerror or "it cannot be written").lower()
            raise UnusableArgument(f"--out: `{arguments.out}`: {reason}; give a file that may be written") from error
    return 0


def _base(arguments: argparse.Namespace, rules: RuleSet, regions: Regions) -> Case:
    """The patient of the slice: the case that was named, else one in whom nothing speaks against the option."""
    if arguments.base is not None:
        case = the_case(arguments.base, rules)
        if not case.lesions:
            raise UnusableArgument(f"`{arguments.base}`: the case has no lesion; name one that has")
        return case
    found = regions.enumerate(1)
    if not found.regions:
        raise UnusableArgument("the solver made no patient to start from; name a worked case with --base")
    return found.regions[0].patient


def _definition(named: str, rules: RuleSet) -> FactDefinition:
    known: Mapping[str, FactDefinition] = {
        each.path: each for each in rules.vocabulary.facts.values() if each.level in (Level.PATIENT, Level.LESION)
    }
    if named not in known:
        raise UnusableArgument(_unknown("fact of a patient or a lesion", named, list(known)))
    return known[named]
