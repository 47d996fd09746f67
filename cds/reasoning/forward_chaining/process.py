"""The worker process, seen from its parent: started, asked under a time limit, and ended without a trace.

Every failure ends it: a worker that died, hung or said something odd is never asked again.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from cds.errors import EngineFailure
from cds.reasoning.durable_compat import DurableRulesUnavailable

WORKER: Final = "cds.reasoning.forward_chaining.worker"
LENGTH_BYTES: Final = 4
LARGEST_FRAME: Final = 64 * 1024 * 1024
READ_AT_ONCE: Final = 65536
WRITTEN_AT_ONCE: Final = 65536
WORDS_KEPT: Final = 400
ROOT: Final = Path(__file__).resolve().parents[3]

Evaluation = tuple[str, Mapping[str, int]]
"""The name of a ruleset, and the flat fact to look at."""


class Worker:
    """One process that runs durable-rules. Not for two threads at once. Raises `EngineFailure` where it fails."""

    def __init__(self, start_limit: float) -> None:
        self.loaded: set[str] = set()
        self._number = 0
        self._words = b""
        self._process = subprocess.Popen(
            # -P: nothing in the current folder can take the place of a module.
            [sys.executable, "-P", "-m", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=_environment(),
            # An interrupt from the terminal is for the parent; the worker ends when its input does.
            start_new_session=True,
        )
        self._end = weakref.finalize(self, _end, self._process, os.getpid())
        streams = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._input, self._output, self._errors = (_descriptor(stream) for stream in streams)
        try:
            hello = self._message(self._exchange(b"", start_limit))
            if "unavailable" in hello:
                raise DurableRulesUnavailable(str(hello["unavailable"]))
            if hello != {"ready": True}:
                raise self._failure("said something else than that it is ready")
        except BaseException:  # an interrupt, too, leaves no process behind; nothing is swallowed
            self._end()
            raise

    @property
    def process_id(self) -> int:
        """The process's id."""
        return self._process.pid

    def evaluate(
        self, load: Mapping[str, object], evaluations: Sequence[Evaluation], time_limit: float
    ) -> list[list[str]]:
        """The rules that fired for each evaluation, after loading the rulesets that it needs."""
        self._number += 1
        request = {"number": self._number, "load": load, "evaluate": evaluations}
        answer = self._message(self._exchange(_framed(request), time_limit))
        fired = answer.get("fired")
        if answer.get("number") != self._number or not isinstance(fired, list) or len(fired) != len(evaluations):
            raise self._failure("answered something else than it was asked")
        for names in fired:
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise self._failure("answered something else than names of rules")
        self.loaded.update(load)
        return fired

    def end(self) -> None:
        """End the process and wait for it. May be called again."""
        self._end()

    def _message(self, body: bytes) -> dict[str, object]:
        try:
            message = json.loads(body)
        except ValueError as error:
            raise self._failure("gave an answer that is not JSON") from error
        if not isinstance(message, dict):
            raise self._failure("gave an answer that is not an object")
        return message

    def _exchange(self, frame: bytes, time_limit: float) -> bytes:
        """Write one frame and read one, both within the time limit."""
        deadline = time.monotonic() + time_limit
        waiting, answer = memoryview(frame), bytearray()
        poller = select.poll()
        poller.register(self._output, select.POLLIN)
        poller.register(self._errors, select.POLLIN)
        if frame:
            poller.register(self._input, select.POLLOUT)
        while (body := self._whole(answer)) is None:
            left = deadline - time.monotonic()
            ready = dict(poller.poll(left * 1000)) if left > 0 else {}
            if not ready:
                raise self._failure(f"did not answer within {time_limit:g} s")
            if self._errors in ready and not self._listen():
                poller.unregister(self._errors)
            if self._input in ready:
                waiting = waiting[self._write(waiting) :]
                if not waiting:
                    poller.unregister(self._input)
            if self._output in ready:
                read = os.read(self._output, READ_AT_ONCE)
                if not read:
                    raise self._death()
                if waiting:
                    raise self._failure("answered before it was asked")
                answer += read
        return body

    def _write(self, waiting: memoryview) -> int:
        try:
            return os.write(self._input, waiting[:WRITTEN_AT_ONCE])
        except BlockingIOError:
            return 0
        except BrokenPipeError as error:
            raise self._death() from error

    def _whole(self, answer: bytearray) -> bytes | None:
        """The body of the frame, or `None` while some of it is to come."""
        if len(answer) < LENGTH_BYTES:
            return None
        length = int.from_bytes(answer[:LENGTH_BYTES], "big")
        if length > LARGEST_FRAME or len(answer) > LENGTH_BYTES + length:
            raise self._failure("answered more than it was asked")
        return bytes(answer[LENGTH_BYTES:]) if len(answer) == LENGTH_BYTES + length else None

    def _listen(self) -> bool:
        """Keep the last words on standard error; whether there may be more."""
        try:
            words = os.read(self._errors, READ_AT_ONCE)
        except BlockingIOError:
            return True
        self._words = (self._words + words)[-WORDS_KEPT:]
        return bool(words)

    def _death(self) -> EngineFailure:
        try:
            status = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return self._failure("closed its output")
        return self._failure(f"was ended by signal {-status}" if status < 0 else f"ended with status {status}")

    def _failure(self, what: str) -> EngineFailure:
        self._listen()
        words = " ".join(self._words.decode("ascii", "replace").split())
        said = f" (its last words: `{words}`)" if words else ""
        return EngineFailure(
            f"durable-rules: the worker process {what}{said}; without it no advice is given; "
            "repeat the request, a new worker is started for it"
        )


def _framed(message: object) -> bytes:
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > LARGEST_FRAME:
        raise EngineFailure(
            f"durable-rules: one case asks {len(body)} bytes of it; {LARGEST_FRAME} are possible; "
            "evaluate fewer lesions at once"
        )
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def _environment() -> dict[str, str]:
    """The parent's environment, in which the worker also finds this very package."""
    inherited = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), inherited)))}


def _descriptor(stream: IO[bytes] | None) -> int:
    assert stream is not None
    os.set_blocking(stream.fileno(), False)
    return stream.fileno()


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    if os.getpid() == owner:
        process.kill()
        process.wait()
    else:
        # After a fork the worker is still the parent's: here it is neither ended nor waited for.
        process.returncode = 0
