"""Findings about a rule set for people (text), for programs (JSON) and for code scanning in CI (SARIF 2.1.0)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from cds.commands.problems import finding_lines
from cds.errors import Finding

FORMATS: Final = ("text", "json", "sarif")
Json = dict[str, Any]


def page(code: str) -> str:
    """Where the page of a finding's code stands in the documentation.

    >>> page("literal-threshold")
    'docs/reference/findings/literal-threshold.md'
    """
    return f"docs/reference/findings/{code}.md"


def file_of(finding: Finding, folder: Path) -> Path:
    """The file of a finding, from where the command was called; findings themselves name it from the rule set's folder.

    >>> from cds.errors import Position
    >>> found = Finding("uncited", Position("neck/rules/surgery.yaml", 3, 5), "no source")
    >>> file_of(found, Path("clinic/neck")).as_posix()
    'clinic/neck/rules/surgery.yaml'
    """
    named = Path(finding.position.file)
    if named.is_absolute() or named.parts[:1] != (folder.resolve().name,):
        return named
    return folder.joinpath(*named.parts[1:])


def with_excerpts(findings: Iterable[Finding], folder: Path) -> tuple[Finding, ...]:
    """The findings, each with the line that it is about and a caret under its place, where the file has such a line."""
    lines: dict[Path, list[str]] = {}
    found = []
    for finding in findings:
        file = file_of(finding, folder)
        if file not in lines:
            lines[file] = _lines(file)
        number, column = finding.position.line, finding.position.column
        if not finding.excerpt and number <= len(lines[file]) and lines[file][number - 1].strip():
            excerpt = f"{lines[file][number - 1]}\n{' ' * (column - 1)}^"
            finding = replace(finding, excerpt=excerpt)
        found.append(finding)
    return tuple(found)


def _lines(file: Path) -> list[str]:
    """The lines of a file; none of one that is missing or is no text, which has a finding of its own."""
    try:
        return file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return []


def as_text(findings: Sequence[Finding]) -> str:
    """Each finding with its place, its line with a caret, and its page."""
    return "".join(f"{finding_lines([finding])}  see {page(finding.code)}\n" for finding in findings)


def _suggested(message: str) -> str | None:
    """The word that was probably meant, where the message asks for one; it is for the author to say so."""
    found = re.search(r"did you mean `([^`]+)`\?", message)
    return found[1] if found is not None else None


def as_json(findings: Sequence[Finding], folder: Path, rule_set: str) -> str:
    """The findings as one JSON object: the rule set as `id version`, or its folder's name, and `findings`."""
    listed = [
        {
            "code": finding.code,
            "severity": finding.severity,
            "file": file_of(finding, folder).as_posix(),
            "line": finding.position.line,
            "column": finding.position.column,
            "message": finding.message,
            "suggestion": _suggested(finding.message),
            "excerpt": finding.excerpt,
            "page": page(finding.code),
        }
        for finding in findings
    ]
    return _written({"rule_set": rule_set, "findings": listed})


def as_sarif(findings: Sequence[Finding], folder: Path, version: str) -> str:
    """The findings as a SARIF 2.1.0 log of one run; columns count code points, from 1. `version` is this program's."""
    codes = sorted({finding.code for finding in findings})
    rules = [
        {"id": code, "shortDescription": {"text": code.replace("-", " ")}, "help": {"text": f"See {page(code)}."}}
        for code in codes
    ]
    run = {
        "tool": {"driver": {"name": "cds check", "version": version, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, folder, codes.index(finding.code)) for finding in findings],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return _written({"$schema": schema, "version": "2.1.0", "runs": [run]})


def _result(finding: Finding, folder: Path, rule: int) -> Json:
    region: Json = {"startLine": finding.position.line, "startColumn": finding.position.column}
    if finding.excerpt:
        region["endColumn"] = finding.position.column + max(1, finding.excerpt.rpartition("\n")[2].count("^"))
    place = {"artifactLocation": {"uri": quote(file_of(finding, folder).as_posix())}, "region": region}
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity,
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": place}],
    }


def _written(content: Json) -> str:
    return f"{json.dumps(content, indent=2, ensure_ascii=False)}\n"
