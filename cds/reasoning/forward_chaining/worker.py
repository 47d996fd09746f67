"""The process in which durable-rules runs: reads requests, fires rules, answers which rules fired.

Run as `python -m cds.reasoning.forward_chaining.worker`; `process.Worker` starts it. It reads frames (four bytes of
length, then JSON) from its standard input and answers each on its standard output:

    {"number": 7, "load": {"<ruleset>": {…}}, "evaluate": [["<ruleset>", {"lesion_depth_low": 8}], …]}
    {"number": 7, "fired": [["begin", "r0", "end"], …]}

The first frame it writes says whether durable-rules could be loaded. Whatever goes wrong later ends the process: an
engine that has raised once is not asked again. No value of a fact is ever written to standard error.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import traceback
from collections.abc import Mapping
from types import ModuleType, TracebackType
from typing import BinaryIO, Final

from cds.reasoning.durable_compat import DurableRulesUnavailable, load_durable_engine

LENGTH_BYTES: Final = 4


class Rules:
    """The rulesets loaded into this process, and the one session of each that lives while a fact is looked at."""

    def __init__(self, engine: ModuleType) -> None:
        # The calls that durable's own Host makes, in its order. The Host itself is left out: it starts timers, drops
        # rules when the clock jumps, and swallows exceptions.
        self._engine = engine.durable_rules_engine
        self._handles: dict[str, int] = {}
        self._session = 0

    def load(self, name: str, rules: object) -> None:
        """Make a ruleset known under its name."""
        self._handles[name] = self._engine.create_ruleset(name, json.dumps(rules))

    def fire(self, name: str, facts: Mapping[str, int]) -> list[str]:
        """The names of the rules that fire on one flat fact, in the order of their priorities."""
        handle, engine = self._handles[name], self._engine
        self._session += 1
        # Fixed width, and deleted below: no two sessions, so no two names of sessions, are ever alive together.
        session = f"{self._session:016d}"
        _, state = engine.assert_fact(handle, json.dumps({"kind_": 1, "sid": session, **facts}))
        fired: list[str] = []
        try:
            started = engine.start_action_for_state(handle, state)
            action = started[1] if started else None
            while action:
                # `{"<rule>":{"m":{…}}}`: rule names hold no quotation mark.
                fired.append(action[2 : action.index('"', 2)])
                action = engine.complete_and_start_action(handle, state)
        finally:
            # Deleting a session in which nothing has fired crashes the process.
            if fired:
                engine.delete_state(handle, session)
        return fired


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    try:
        rules = Rules(load_durable_engine())
    except DurableRulesUnavailable as error:
        _send(answers, {"unavailable": str(error)})
        return
    _send(answers, {"ready": True})
    while (frame := _receive(requests)) is not None:
        request = json.loads(frame)
        for name, definition in request["load"].items():
            rules.load(name, definition)
        fired = [rules.fire(name, facts) for name, facts in request["evaluate"]]
        _send(answers, {"number": request["number"], "fired": fired})


def _receive(stream: BinaryIO) -> bytes | None:
    length = stream.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    return stream.read(int.from_bytes(length, "big"))


def _send(stream: BinaryIO, message: object) -> None:
    body = json.dumps(message, separators=(",", ":")).encode()
    stream.write(len(body).to_bytes(LENGTH_BYTES, "big") + body)
    stream.flush()


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Where an exception was raised; its own words only if they are the engine's, which name a number and no value."""
    own_words = f": {error}" if kind.__module__.startswith("durable") else ""
    places = "; ".join(f"{os.path.basename(f.filename)}:{f.lineno}" for f in traceback.extract_tb(trace)[-3:])
    sys.stderr.write(f"{kind.__name__}{own_words} at {places}\n")


def main() -> None:
    """Serve on the standard streams. What else writes to standard output goes to standard error instead."""
    sys.excepthook = _tell
    faulthandler.enable()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(os.fdopen(os.dup(0), "rb"), answers)


if __name__ == "__main__":
    main()
