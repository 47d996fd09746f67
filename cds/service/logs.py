"""Logs for machines: one JSON object a line, with the request's id, and never a word of a record.

What this package logs is fixed text, codes and numbers. What other libraries log may hold anything, so of a foreign
record only the level and the logger's name are kept, and of an exception its type and place.
"""

from __future__ import annotations

import contextvars
import datetime as dt
import json
import logging
import sys
from typing import Final, TextIO

REQUEST: Final[contextvars.ContextVar[str | None]] = contextvars.ContextVar("cds_request", default=None)
"""The id of the request that is being answered."""
_OURS: Final = "cds"
_TRUSTED: Final = frozenset({"uvicorn.error"})
"""Loggers whose texts are about the process: its start, its end, its address."""


class JsonLines(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; `told` of a record's extras is put beside the event."""
        ours = record.name.split(".")[0] == _OURS
        event = record.getMessage() if (ours or record.name in _TRUSTED) and not record.exc_info else "foreign event"
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": moment, "level": record.levelname.lower(), "logger": record.name, "event": event
        }  # fmt: skip
        request = REQUEST.get()
        if request is not None:
            line["request"] = request
        if ours:
            line |= getattr(record, "told", {})
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = f"{type(record.exc_info[1]).__name__} at {place_of(record.exc_info[1])}"
        return json.dumps(line, ensure_ascii=True, default=str)


def place_of(error: BaseException) -> str:
    """The module and line in which an exception arose."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace is not None else "?"


def log_to(stream: TextIO | None, level: str) -> None:
    """Send every log record of this process to a stream (standard error where `None`), as lines of JSON."""
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(level.upper())
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
