"""One process that evaluates large bodies, seen from the service: started, asked under a time limit, ended.

Every failure ends it: a process that died, hung or said something odd is never asked again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, Pipe
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Final

import msgspec

from cds.errors import EngineFailure
from cds.service.large.messages import READY, Question, Reply, Start
from cds.service.places import late

PROCESS: Final = "cds.service.large.process"
STARTED_WITHIN: Final = 60.0
"""Seconds that a process may take until it can be asked."""
ENDED_WITHIN: Final = 1.0
"""Seconds that one may take to end by itself."""
_ROOT: Final = Path(__file__).resolve().parents[3]
_REPLIES: Final = msgspec.msgpack.Decoder(Reply)


class Evaluator:
    """One process and its rules. Not for two threads at once.

    Raises `EngineFailure` where the process fails, and `Refused` (503) where it takes too long; either ends it.
    """

    def __init__(self, start: Start) -> None:
        self.start = start
        self.asked = 0
        self._is_ready = False
        self._began = time.monotonic()
        self._connection, theirs = Pipe()
        try:
            self._process = _begun(theirs)
        except OSError as error:
            self._connection.close()
            told = error.strerror or "the system refused it"
            failed = f"the process for large bodies cannot be started ({told}); repeat the request"
            raise EngineFailure(failed) from error
        finally:
            theirs.close()
        self._end = weakref.finalize(self, _end, self._process, self._connection, os.getpid())
        with self._alive_for(STARTED_WITHIN):
            self._send(start)

    @property
    def process_id(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it may be asked (again)."""
        return self._end.alive

    def ask(self, question: Question) -> Reply:
        """What the process replies within the seconds of the question.

        One that has not started within them is given more time, and may be asked again.
        """
        end = time.monotonic() + question.seconds
        if not self._is_ready:
            self._await_start(question.seconds)
        self.asked += 1
        with self._alive_for(end - time.monotonic()):
            self._send(question)
            reply: Reply = _REPLIES.decode(self._connection.recv_bytes())
            return reply

    def _send(self, told: Start | Question) -> None:
        # As bytes of their own: where the other end is gone, the error would keep `send`'s view of a buffer alive, and
        # Python 3.13 complains of the buffer.
        self._connection.send_bytes(bytes(ForkingPickler.dumps(told)))

    def _await_start(self, seconds: float) -> None:
        began = time.monotonic() - self._began
        with self._alive_for(max(STARTED_WITHIN - began, 0)):
            if not self._connection.poll(seconds):
                raise late(seconds)
            self._is_ready = self._connection.recv_bytes() == READY

    def end(self) -> None:
        """End the process and wait for it. May be called again."""
        self._end()

    @contextmanager
    def _alive_for(self, seconds: float) -> Iterator[None]:
        """Kill the process unless what is done with it is done in time: whoever reads or writes then meets its end."""
        is_late = threading.Event()

        def stop() -> None:
            is_late.set()
            self._process.kill()

        watch = threading.Timer(seconds, stop)
        watch.daemon = True
        watch.start()
        try:
            yield
        except (EOFError, OSError, msgspec.MsgspecError) as error:
            if is_late.is_set():
                raise late(seconds) from error
            raise self._failure() from error
        finally:
            watch.cancel()
            watch.join()
            if is_late.is_set():
                self.end()

    def _failure(self) -> EngineFailure:
        try:
            status = self._process.wait(1)
        except subprocess.TimeoutExpired:
            what = "said something odd"
        else:
            what = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        self.end()
        return EngineFailure(
            f"the process for large bodies {what}; without it no advice is given; "
            "repeat the request, a new process is started for it"
        )


def _begun(theirs: Connection) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # -P: nothing in the current folder can take the place of a module.
        [sys.executable, "-P", "-m", PROCESS, str(theirs.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        # No other descriptor is inherited: neither the port nor the database.
        pass_fds=(theirs.fileno(),),
        env=_environment(),
        # An interrupt from the terminal is for the service.
        start_new_session=True,
    )


def _environment() -> dict[str, str]:
    """The service's environment, in which the process also finds this very package."""
    inherited = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), inherited)))}


def _end(process: subprocess.Popen[bytes], connection: Connection, owner: int) -> None:
    connection.close()
    if os.getpid() == owner:
        try:
            # An idle one ends now, and takes its second engine with it; one that is killed leaves that to others.
            process.wait(ENDED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    else:
        # After a fork the process is still the parent's: here it is neither ended nor waited for.
        process.returncode = 0
