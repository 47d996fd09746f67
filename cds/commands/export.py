"""`cds export`: descriptions of this system for other programs, and the rule set as pages for people."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import cast

from cds.commands.inputs import folder_of, the_case, the_rules
from cds.commands.schemas import author_schemas
from cds.commands.streams import UnusableArgument, columns
from cds.cql_export import case_parameters, cql_library
from cds.explanation import markdown, text
from cds.explanation.governance import governance, governance_page
from cds.explanation.rulebook import Book, WorkedCase, rulebook
from cds.fhir_output import publication
from cds.recommendation.model import Recommendation
from cds.ruleset.documents import read_document
from cds.ruleset.editor_schemas import schema_name
from cds.ruleset.model import Phase
from cds.worked_cases import case_files


def run(arguments: argparse.Namespace) -> int:
    """Print the JSON schema of the answer, what is told about the rule set, the rule book, or the rules as CQL."""
    misplaced = {"out": ("rulebook", "cql", "rules-schema"), "case": ("cql",), "as_of": ("cql",)}
    for option, of in misplaced.items():
        if getattr(arguments, option) is not None and arguments.what not in of:
            raise UnusableArgument(f"--{option.replace('_', '-')}: it is for {', '.join(of)}; leave it out")
    if arguments.what == "schema":
        return _schema()
    if arguments.what == "fhir":
        return _fhir(arguments)
    if arguments.what == "governance":
        return _governance(arguments)
    if arguments.what == "cql":
        return _cql(arguments)
    if arguments.what == "rules-schema":
        return _rules_schema(arguments)
    return _rulebook(arguments)


def _schema() -> int:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Recommendation.model_json_schema(mode="serialization"),
    }
    sys.stdout.write(f"{json.dumps(schema, indent=2, ensure_ascii=False)}\n")
    return 0


def _rules_schema(arguments: argparse.Namespace) -> int:
    """What an editor completes and checks rule files by: one schema for each kind of file."""
    schemas = author_schemas(the_rules(arguments).vocabulary)
    schemas = {schema_name(pattern): schema for pattern, schema in schemas.items()}
    if arguments.out is None:
        sys.stdout.write(f"{json.dumps(schemas, indent=2, ensure_ascii=False)}\n")
        return 0
    pages = {name: f"{json.dumps(schema, indent=2, ensure_ascii=False)}\n" for name, schema in schemas.items()}
    write(pages, Path(arguments.out))
    sys.stdout.write("".join(f"{Path(arguments.out) / name}\n" for name in pages))
    return 0


def _fhir(arguments: argparse.Namespace) -> int:
    """What the FHIR door serves of the rules, for a server that is loaded with it."""
    sys.stdout.write(f"{json.dumps(publication(the_rules(arguments)), indent=2, ensure_ascii=False)}\n")
    return 0


def _governance(arguments: argparse.Namespace) -> int:
    told = governance(the_rules(arguments))
    if arguments.format == "json":
        sys.stdout.write(f"{told.model_dump_json(indent=2)}\n")
    elif arguments.format == "md":
        sys.stdout.write(markdown.lay_out(governance_page(told)))
    else:
        sys.stdout.write(text.lay_out(governance_page(told), width=columns(None)))
    return 0


def _cql(arguments: argparse.Namespace) -> int:
    """The rules as a library of CQL, or a case as what that library is evaluated on."""
    rules = the_rules(arguments)
    if arguments.case is None:
        library = cql_library(rules.on(arguments.as_of) if arguments.as_of is not None else rules)
        content = library.text
    else:
        case = the_case(arguments.case, rules)
        library = cql_library(rules.on(arguments.as_of or case.as_of))
        told = {
            "library": {"name": library.name, "version": library.version},
            **case_parameters(case, rules.vocabulary),
            "defines": {
                phase: {level.value: dict(criteria) for level, criteria in levels.items()}
                for phase, levels in library.defines.items()
            },
        }
        content = f"{json.dumps(told, indent=2, ensure_ascii=False)}\n"
    if arguments.out is None:
        sys.stdout.write(content)
        return 0
    file = Path(arguments.out)
    _write(file, content, "a file")
    sys.stdout.write(f"{file}\n")
    return 0


def _rulebook(arguments: argparse.Namespace) -> int:
    rules = the_rules(arguments)
    book = rulebook(rules, worked_cases(folder_of(arguments.rules)))
    if arguments.out is None:
        for path, page in book.items():
            sys.stdout.write(f"<!-- {path} -->\n\n{page}\n")
        return 0
    written = write(book, Path(arguments.out))
    sys.stdout.write(f"{written}\n")
    return 0


def worked_cases(folder: Path) -> list[WorkedCase]:
    """The worked cases of a rule set's folder, as the rule book runs them."""
    cases = []
    for file in case_files(folder):
        document = read_document(file, file.name)
        if document.findings or not isinstance(document.data, dict):
            raise UnusableArgument(f"`{file.name}`: it is no worked case; `cds test` says what is wrong with it")
        data = document.data
        cases.append(WorkedCase(str(data.get("name", file.stem)), data, cast(Phase, data.get("phase", "decision"))))
    return cases


def write(book: Book, folder: Path) -> Path:
    """Write the pages into a folder, which is made where it is missing; its first page."""
    for path, page in book.items():
        _write(folder / path, page, "a folder")
    return folder / "index.md"


def _write(file: Path, content: str, wanted: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "it cannot be written").lower()
        raise UnusableArgument(f"--out: `{file}`: {reason}; give {wanted} that may be written") from error
