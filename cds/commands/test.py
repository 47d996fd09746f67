"""`cds test`: the worked cases of a rule set, each with what came out otherwise than its author expected."""

from __future__ import annotations

import argparse
import sys

from cds.commands.inputs import folder_of, the_rules
from cds.commands.problems import finding_lines
from cds.commands.streams import UnusableArgument, is_watched
from cds.explanation.layout import printable
from cds.explanation.words import counted
from cds.worked_cases import case_files, run_file


def run(arguments: argparse.Namespace) -> int:
    """Run every case; print those that fail, and how many passed."""
    folder = folder_of(arguments.rules)
    rules = the_rules(arguments)
    files = case_files(folder)
    if not files:
        raise UnusableArgument(
            f"`{folder.name}`: it has no worked cases; write one in cases/, or name another rule set"
        )
    failed = 0
    for number, file in enumerate(files, 1):
        if is_watched():
            sys.stderr.write(f"\r{number} of {len(files)}")
        outcome = run_file(file, rules)
        if not outcome.passed:
            failed += 1
            sys.stdout.write(f"{printable(outcome.name)}\n{finding_lines(outcome.failures)}")
    if is_watched():
        sys.stderr.write("\r\033[K")
    sys.stdout.write(f"{counted(len(files), 'worked case')}: {len(files) - failed} as expected, {failed} not\n")
    return 1 if failed else 0
