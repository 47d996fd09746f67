"""The codes of findings and of errors, as the source of the package writes them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import cds

PACKAGE = Path(cds.__file__).parent
REPORTERS = frozenset({"Finding", "_report", "report"})
BUILT: dict[str, tuple[str, ...]] = {
    "unknown-{word}": ("unknown-measure", "unknown-monitoring", "unknown-site"),
}
"""Codes that are put together from parts, with everything that they come to."""


def finding_codes() -> frozenset[str]:
    """Every code that a finding about a rule set can have."""
    codes = {"condition-error"}  # a ConditionError hands its own code on
    for file in sorted((PACKAGE / "ruleset").rglob("*.py")):
        for code in map(_text, _codes(file)):
            if code is not None:
                codes |= set(BUILT.get(code, (code,)))
    return frozenset(codes)


def error_codes() -> frozenset[str]:
    """The `code` of every class of errors."""
    codes = set()
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                codes |= {code for statement in node.body if (code := _code(statement)) is not None}
    return frozenset(codes)


def _codes(file: Path) -> Iterator[ast.expr]:
    """What a finding is given as its code: when it is made, or when one that was made gets another."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in REPORTERS and node.args:
                yield node.args[0]
            elif name == "replace":
                yield from (keyword.value for keyword in node.keywords if keyword.arg == "code")


def _text(node: ast.expr) -> str | None:
    """A literal text; of an f-string its pattern."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr():
            parts = [
                str(part.value) if isinstance(part, ast.Constant) else "{" + ast.unparse(part).strip("f'{}\"") + "}"
                for part in node.values
            ]
            return "".join(parts)
        case _:
            return None


def _code(statement: ast.stmt) -> str | None:
    """The text of `code: ClassVar[str] = "…"`."""
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
        return None
    if statement.target.id != "code" or not isinstance(statement.value, ast.Constant):
        return None
    return statement.value.value if isinstance(statement.value.value, str) else None
