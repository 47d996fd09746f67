"""The example patients that an installation shows: `NAME/bundle.json` in one folder, listed once when it starts."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_AS_OF: Final = re.compile(r"^as_of:\s*[\"']?(\d{4}-\d\d-\d\d)[\"']?\s*(?:#.*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Example:
    """One example: its name in addresses, its title for people, its bundle, and the day that it is told for."""

    name: str
    title: str
    file: Path
    as_of: dt.date | None


def find_examples(folder: Path | None) -> Mapping[str, Example]:
    """The examples in a folder by name, none where there is no such folder. Only these names can be asked for."""
    if folder is None or not folder.is_dir():
        return {}
    found = (_example(file) for file in sorted(folder.glob("*/bundle.json")) if _NAME.fullmatch(file.parent.name))
    return {example.name: example for example in found}


def _example(file: Path) -> Example:
    return Example(file.parent.name, _title(file.parent), file, _as_of(file.parent / "expected.yaml"))


def _title(folder: Path) -> str:
    """The heading of the example's README, else its name in words."""
    readme = folder / "README.md"
    if readme.is_file():
        for line in readme.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("#") and line.strip("# "):
                return line.strip("# ")
    return folder.name.replace("-", " ")


def _as_of(file: Path) -> dt.date | None:
    match = _AS_OF.search(file.read_text(encoding="utf-8", errors="replace")) if file.is_file() else None
    try:
        return dt.date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None
