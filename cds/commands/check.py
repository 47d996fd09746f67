"""`cds check`: everything that is wrong with a rule set, at once."""

from __future__ import annotations

import argparse
import sys

from cds.commands.inputs import folder_of
from cds.commands.problems import finding_lines
from cds.commands.streams import read_input
from cds.errors import RuleSetError
from cds.explanation.words import counted
from cds.ruleset import load_rules


def run(arguments: argparse.Namespace) -> int:
    """Print every finding with its line and a caret; status 1 if there is any."""
    folder = folder_of(arguments.rules)
    if arguments.overlay is not None:
        read_input(arguments.overlay, "an overlay (YAML)")
    try:
        rules = load_rules(folder, overlay=arguments.overlay)
    except RuleSetError as error:
        sys.stdout.write(finding_lines(error.findings))
        sys.stdout.write(f"{counted(len(error.findings), 'finding')}; the rule set does not load\n")
        return 1
    sys.stdout.write(finding_lines(rules.warnings))
    parts = (
        counted(len(rules.rules), "rule"),
        counted(len(rules.parameters), "parameter"),
        counted(len(rules.references), "reference"),
    )
    found = counted(len(rules.warnings), "finding")
    sys.stdout.write(f"{rules.head.id} {rules.head.version}: {', '.join(parts)}; {found}\n")
    return 1 if rules.warnings else 0
