"""`cds check`: everything that is wrong with a rule set, at once; and what it rests on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cds import __version__
from cds.analysis.declarations import read_declarations
from cds.commands.findings import as_json, as_sarif, as_text, with_excerpts
from cds.commands.format import files_of, form
from cds.commands.inputs import folder_of, the_day
from cds.commands.streams import UnusableArgument, read_input
from cds.errors import Finding, RuleSetError
from cds.explanation.layout import printable
from cds.explanation.words import counted
from cds.language.suggestion import did_you_mean
from cds.ruleset import RuleSet, load_rules
from cds.ruleset.upkeep import overdue_reviews, supported_by
from cds.worked_case_form import case_findings


def run(arguments: argparse.Namespace) -> int:
    """Print every finding with its line, a caret and its page; status 1 if there is any.

    With `--fix`, the form of the files is made canonical first: that changes what a file looks like, never what it
    says. A word that was meant otherwise is for its author to mend.
    """
    folder = folder_of(arguments.rules)
    if arguments.overlay is not None:
        read_input(arguments.overlay, "an overlay (YAML)")
    if arguments.fix:
        changed, _ = form(files_of([str(folder)]), write=True)  # what cannot be read is found below
        sys.stderr.write(f"cds check: {counted(len(changed), 'file')} formatted\n")
    try:
        rules = load_rules(folder, overlay=arguments.overlay)
    except RuleSetError as error:
        return _told(arguments, folder, error.findings, folder.resolve().name, "the rule set does not load")
    if arguments.without is not None:
        return without(rules, arguments.without)
    parts = (
        counted(len(rules.rules), "rule"),
        counted(len(rules.parameters), "parameter"),
        counted(len(rules.references), "reference"),
    )
    written = [*_declared(folder, rules), *case_findings(folder, rules.vocabulary)]
    findings = [*rules.warnings, *written, *overdue_reviews(rules, the_day(arguments))]
    return _told(arguments, folder, findings, f"{rules.head.id} {rules.head.version}", ", ".join(parts))


def _declared(folder: Path, rules: RuleSet) -> tuple[Finding, ...]:
    """What is wrong with the claims that the rule set makes of itself (`verification.yaml`); nothing is proved here."""
    try:
        read_declarations(folder).conditions(rules)
    except RuleSetError as error:
        return error.findings
    return ()


def _told(arguments: argparse.Namespace, folder: Path, found: Sequence[Finding], named: str, summary: str) -> int:
    findings = with_excerpts(found, folder)
    if arguments.format == "json":
        sys.stdout.write(as_json(findings, folder, named))
    elif arguments.format == "sarif":
        sys.stdout.write(as_sarif(findings, folder, __version__))
    else:
        sys.stdout.write(f"{as_text(findings)}{printable(named)}: {summary}; {counted(len(findings), 'finding')}\n")
    return 1 if findings else 0


def without(rules: RuleSet, cite: str) -> int:
    """Print what would lose its only source if a reference were withdrawn; status 1 if there is anything.

    Judged by role: another source of the condition is none of the effect.
    """
    if cite not in rules.references:
        question = did_you_mean(cite, rules.references)
        hint = f"; {question}" if question else ""
        raise UnusableArgument(f"--without: no reference `{cite}`{hint}; `references.json` lists them")
    citing = supported_by(rules, cite)
    alone = [each for each in citing if each.alone]
    for each in alone:
        what = "" if each.whole else f" of its {' and '.join(each.lost)}"
        told = f"{each.position}: {each.kind} `{each.name}` would lose its only source{what}"
        sys.stdout.write(printable(told) + "\n")
    others = [f"{each.kind} `{each.name}`" for each in citing if not each.alone]
    if others:
        sys.stdout.write(printable(f"would keep another source, for less perhaps: {', '.join(others)}") + "\n")
    kept = f"; {len(others)} more cite it and have another source" if others else ""
    sys.stdout.write(f"without {printable(cite)}: {counted(len(alone), 'loss', 'losses')}{kept}\n")
    return 1 if alone else 0
