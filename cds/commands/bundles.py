"""`cds case-to-bundle`: a worked case as the FHIR bundle that reads as it."""

from __future__ import annotations

import argparse
import json
import sys

from cds.case.reading import case_from_mapping
from cds.commands.inputs import shown, the_rules
from cds.commands.problems import finding_lines
from cds.commands.streams import UnusableArgument, read_input
from cds.intake.rebuild import rebuild
from cds.ruleset.documents import parse_document


def run(arguments: argparse.Namespace) -> int:
    """Print the bundle as JSON."""
    content = read_input(arguments.case, "a worked case (YAML)")
    name = shown(arguments.case)
    try:
        document = parse_document(content.decode("utf-8"), name)
    except UnicodeDecodeError as error:
        raise UnusableArgument(f"`{name}`: byte {error.start} is not UTF-8; save the case as UTF-8") from error
    if document.findings:
        raise UnusableArgument(f"the case cannot be read\n{finding_lines(document.findings).rstrip()}")
    if not isinstance(document.data, dict):
        raise UnusableArgument(f"`{name}`: a case is one mapping; write `as_of: …`, `patient: …` and `lesions: …`")
    rules = the_rules(arguments)
    case = case_from_mapping(rules.vocabulary, document.data)
    sys.stdout.write(f"{json.dumps(rebuild(case, rules.vocabulary), indent=2, ensure_ascii=False)}\n")
    return 0
