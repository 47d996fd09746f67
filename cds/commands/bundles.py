"""`cds case-to-bundle`: a worked case as the FHIR bundle that reads as it."""

from __future__ import annotations

import argparse
import json
import sys

from cds.commands.inputs import the_case, the_rules
from cds.intake.rebuild import rebuild


def run(arguments: argparse.Namespace) -> int:
    """Print the bundle as JSON."""
    rules = the_rules(arguments)
    case = the_case(arguments.case, rules)
    sys.stdout.write(f"{json.dumps(rebuild(case, rules.vocabulary), indent=2, ensure_ascii=False)}\n")
    return 0
