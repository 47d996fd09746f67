"""`cds format`: rule files in canonical form."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from cds.commands.streams import UnusableArgument
from cds.errors import Finding, Position, RuleSetError
from cds.explanation.layout import printable
from cds.explanation.words import counted
from cds.ruleset.formatting import format_rules


def run(arguments: argparse.Namespace) -> int:
    """Rewrite the files that are not in canonical form and print their names; with `--check`, only print them.

    Status 1 if `--check` finds any. A file that cannot be read as YAML stays as it is and is told of.
    """
    files = files_of(arguments.paths)
    changed, findings = form(files, write=not arguments.check)
    sys.stdout.write("".join(f"{printable(file.as_posix())}\n" for file in changed))
    done = "would be formatted" if arguments.check else "formatted"
    sys.stdout.write(f"{counted(len(changed), 'file')} of {len(files)} {done}\n")
    if findings:
        raise RuleSetError(findings)
    return 1 if changed and arguments.check else 0


def files_of(paths: Iterable[str]) -> tuple[Path, ...]:
    """The files that were named, and the YAML files of the folders that were."""
    files: dict[Path, None] = {}
    for name in paths:
        path = Path(name)
        if not path.exists():
            raise UnusableArgument(f"`{name}`: no such file or folder; give rule files, or the folder of a rule set")
        if path.is_file() and path.suffix not in (".yaml", ".yml"):
            raise UnusableArgument(f"`{name}`: not a YAML file; give rule files, or the folder of a rule set")
        files |= dict.fromkeys(sorted(path.rglob("*.yaml")) if path.is_dir() else [path])
    return tuple(files)


def form(files: Iterable[Path], *, write: bool) -> tuple[tuple[Path, ...], tuple[Finding, ...]]:
    """The files whose form is not canonical, rewritten if wished; and what is wrong with those that cannot be read."""
    changed: list[Path] = []
    findings: list[Finding] = []
    for file in files:
        try:
            text = file.read_bytes().decode("utf-8")
            formatted = format_rules(text, file.as_posix())
        except UnicodeDecodeError:
            place = Position(file.as_posix(), 1, 1)
            findings.append(Finding("not-text", place, "the file is not UTF-8 text; save it as UTF-8"))
            continue
        except OSError as error:
            reason = (error.strerror or "it cannot be read").lower()
            raise UnusableArgument(f"`{file}`: {reason}; give a file that may be read") from error
        except RuleSetError as error:
            findings += error.findings
            continue
        if formatted != text:
            changed.append(file)
            if write:
                _write(file, formatted)
    return tuple(changed), tuple(findings)


def _write(file: Path, text: str) -> None:
    try:
        file.write_bytes(text.encode("utf-8"))
    except OSError as error:
        reason = (error.strerror or "it cannot be written").lower()
        raise UnusableArgument(f"`{file}`: {reason}; give a file that may be written") from error
