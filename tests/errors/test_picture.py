"""The picture of all errors, at the top of their module, is complete and shows which is a kind of which."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import cds.errors

DRAWN = re.compile(r"^    ([│ ]*)(?:[├└]── )?((?:[A-Z]\w+)(?:, [A-Z]\w+)*)\b", re.MULTILINE)


def parents_drawn() -> dict[str, str]:
    """Each error of the picture, by the one under which it hangs."""
    above: dict[int, str] = {}
    parents: dict[str, str] = {}
    picture = str(cds.errors.__doc__).partition("\n\n")[2].partition("\n\n")[0]
    for found in DRAWN.finditer(picture):
        depth = -1 if "── " not in found[0] else len(found[1]) // 4
        for name in found[2].split(", "):
            parents[name] = above.get(depth - 1, "Exception")
            above[depth] = name
    return parents


def parents_written() -> dict[str, str]:
    """Each class of errors of the package, by its base."""
    bases = {
        node.name: node.bases[0].id
        for file in Path(str(cds.errors.__file__)).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.bases and isinstance(node.bases[0], ast.Name)
    }
    errors = {"CdsError"}
    while found := {name for name, base in bases.items() if base in errors} - errors:
        errors |= found
    return {name: bases[name] for name in errors}


def test_every_error_is_drawn_under_what_it_is_a_kind_of() -> None:
    assert parents_drawn() == parents_written()
