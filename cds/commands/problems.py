"""Errors in the words of the command line: every problem one line, nothing of the machinery."""

from __future__ import annotations

from collections.abc import Iterable

from cds.errors import CdsError, Finding, Issue, NoAdvice, RuleSetError
from cds.explanation.layout import printable


def told(error: CdsError, where: str) -> str:
    """What standard error gets: `where` names the command, or the input that it was about.

    >>> from cds.errors import UnusableInput
    >>> print(told(UnusableInput([Issue("error", "not-json", "", "the input is not JSON")]), "p.json"), end="")
    p.json: it cannot be used
    the input is not JSON [not-json]
    """
    if isinstance(error, RuleSetError):
        return f"{printable(where)}: the rule set does not load\n{finding_lines(error.findings)}"
    if isinstance(error, NoAdvice):
        return f"{printable(where)}: no advice: {printable(str(error))} [{error.code}]\n"
    issues: tuple[Issue, ...] = error.issues
    if issues:
        return f"{printable(where)}: it cannot be used\n{issue_lines(issues)}"
    return f"{printable(where)}: {_lines(str(error))}\n"


def issue_lines(issues: Iterable[Issue]) -> str:
    """One line for each issue, what makes the input unusable first: `expression: details [code]`."""
    ordered = sorted(issues, key=lambda issue: ("error", "warning", "information").index(issue.severity))
    return "".join(f"{printable(_issue(issue))}\n" for issue in ordered)


def finding_lines(findings: Iterable[Finding]) -> str:
    """Each finding with its place, and the line of the file with a caret under it."""
    return "".join(f"{_lines(str(finding))}\n" for finding in findings)


def _issue(issue: Issue) -> str:
    severity = "" if issue.severity == "error" else f"{issue.severity}: "
    place = f"{issue.expression}: " if issue.expression else ""
    return f"{severity}{place}{issue.details} [{issue.code}]"


def _lines(text: str) -> str:
    """A text of several lines, a caret under its place, with nothing in it that could steer a terminal."""
    return "\n".join(_printable_keeping_indent(line) for line in text.split("\n"))


def _printable_keeping_indent(line: str) -> str:
    indent = len(line) - len(line.lstrip(" "))
    return " " * indent + printable(line[indent:])
