"""What goes in and out of a command: bundles and files read, text and JSON written."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from typing import ClassVar, TextIO, TypeVar

from cds.errors import CdsError

T = TypeVar("T")

MOST_COLUMNS = 100
"""A line of prose that is longer than this is hard to find the way back from."""


class UnusableArgument(CdsError):
    """An argument of the command line that names nothing that can be used.

    >>> raise UnusableArgument("`x.json`: no such file; give the path of a bundle")
    Traceback (most recent call last):
    cds.commands.streams.UnusableArgument: `x.json`: no such file; give the path of a bundle
    """

    code: ClassVar[str] = "unusable-argument"


def read_input(name: str, what: str) -> bytes:
    """The bytes of a file, or of standard input for `-`. `what` says what was expected there."""
    if name == "-":
        if sys.stdin is None or sys.stdin.closed:
            raise UnusableArgument(f"standard input is closed; pipe {what} into it, or name a file")
        return sys.stdin.buffer.read()
    try:
        with open(name, "rb") as file:
            return file.read()
    except FileNotFoundError:
        problem = "no such file"
    except IsADirectoryError:
        problem = "it is a folder"
    except PermissionError:
        problem = "it may not be read by this user"
    except ValueError:
        problem = "it is no name of a file"
    except OSError as error:
        problem = (error.strerror or "it cannot be read").lower()
    raise UnusableArgument(f"`{name}`: {problem}; give the path of {what}, or - for standard input")


def once(names: list[str]) -> list[str]:
    """The names of the inputs; standard input can be read once only."""
    if names.count("-") > 1:
        raise UnusableArgument("`-` stands twice; standard input can be read once")
    return names


def write_utf_8(*streams: TextIO | None) -> None:
    """Make streams write UTF-8 whatever the locale is: an answer must not fail for want of a terminal setting."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def columns(asked: int | None) -> int:
    """How wide text is laid out: as asked, as wide as the terminal, or 80."""
    if asked is not None:
        return asked
    if not sys.stdout.isatty():
        return 80
    return max(40, min(MOST_COLUMNS, shutil.get_terminal_size().columns))


def watched(items: Iterable[T], what: str, every: int = 1, of: int | None = None) -> Iterator[T]:
    """The items, each counted on standard error where a person sees it: `60 statements`, `3 of 9 cases`."""
    if not is_watched():
        yield from items
        return
    for number, item in enumerate(items, 1):
        if number % every == 0:
            sys.stderr.write(f"\r{number}{'' if of is None else f' of {of}'} {what}")
            sys.stderr.flush()
        yield item
    sys.stderr.write("\r\033[K")


def is_watched() -> bool:
    """Whether a person sees standard error, so that progress is worth showing."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def day(text: str) -> dt.date:
    """A calendar day as FHIR writes it. Raises `ValueError`.

    >>> day("2026-11-22")
    datetime.date(2026, 11, 22)
    """
    # A week date (2026-W47-7) is ISO 8601, too, and no date of FHIR.
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        with contextlib.suppress(ValueError):
            return dt.date.fromisoformat(text)
    raise ValueError(f"`{text[:60]}` is not a day; write it as 2026-11-22")
