"""The process that evaluates large bodies: told its rules once, then asked again and again, until its service ends.

Run as `python -m cds.service.large.process DESCRIPTOR`; `evaluator.Evaluator` starts it. It is nicer than the service,
so that small requests come first. Signals that end or renew the service are not for it: it ends when the other end of
its connection is closed, which the death of the service does, too.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from functools import partial
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Final

import msgspec

from cds.api import answered
from cds.errors import NoAdvice, UnusableInput
from cds.service.evaluation import Evaluations
from cds.service.guard import log_incident, record_incident
from cds.service.large.messages import READY, Answered, Broken, NotAdvised, NotUsable, Question, Reply, Start
from cds.service.logs import REQUEST, log_to, place_of
from cds.service.requests import Asked

LOG: Final = logging.getLogger("cds.service")
NICER_BY: Final = 10


def serve(service: Connection) -> None:
    """Answer until the other end is closed."""
    start: Start = service.recv()
    log_to(None, start.log_level)
    evaluations = Evaluations(partial(answered, limits=start.limits), start.rules, concurrency=1, queue=0)
    try:
        evaluations.try_out(start.rules)
    except NoAdvice as error:
        record_incident(error)  # it serves all the same, and says so to whoever asks
    gc.collect()
    gc.freeze()
    service.send_bytes(READY)
    while True:
        question: Question = service.recv()
        REQUEST.set(question.request)
        # Where nobody is left to end a process that hangs, the alarm does: its action is death.
        signal.setitimer(signal.ITIMER_REAL, question.seconds + 1)
        reply = reply_to(question, start, evaluations)
        signal.setitimer(signal.ITIMER_REAL, 0)
        service.send_bytes(msgspec.msgpack.encode(reply))
        del question, reply


def reply_to(question: Question, start: Start, evaluations: Evaluations) -> Reply:
    """The answer to a question, or why there is none. Where there is no memory left, the process ends."""
    try:
        asked = question.ask if isinstance(question.ask, Asked) else question.ask()
        made = start.making.made(evaluations.evaluated(asked), door=question.door, author=question.author)
    except UnusableInput as error:
        return NotUsable(error.issues)
    except NoAdvice as error:
        return NotAdvised(error.code, str(error))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a defect is told to the service; this process is asked again
        log_incident(error)
        return Broken()
    return Answered(made.content, made.rules, made.record)


def _tell(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    LOG.error("the process for large bodies ends: %s at %s", kind.__name__, place_of(error))


def main() -> None:
    """Serve on the descriptor that was given. No word of a record reaches standard error."""
    sys.excepthook = _tell
    os.nice(NICER_BY)
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    with Connection(int(sys.argv[1])) as service:
        try:
            serve(service)
        except (EOFError, ConnectionError):
            return  # the service closed the connection, or is gone


if __name__ == "__main__":
    main()
