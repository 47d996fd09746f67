"""`cds serve`: the service on one address, by one process or several, until it is ended.

SIGTERM and Ctrl-C end it once what runs is answered; SIGHUP offers the rule set anew.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import functools
import gc
import logging
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from cds.commands.inputs import folder_of, settings_told, the_settings
from cds.commands.streams import UnusableArgument, read_input
from cds.errors import NoAdvice
from cds.language.suggestion import did_you_mean
from cds.records import RecordsUnavailable, open_records
from cds.service import Settings, create_app
from cds.service.connections import Connection, most_connections
from cds.service.guard import record_incident
from cds.service.hooks.settings import HooksSettings
from cds.service.logs import log_to
from cds.service.reloading import Shelf
from cds.service.runtime import Runtime
from cds.service.settings import is_loopback, shown

LOG = logging.getLogger("cds.service")
BACKLOG = 2048
STARTED_WITHIN = 120.0
"""Seconds that a worker may take until it answers."""
_ELSEWHERE = frozenset({"CDS_CORPUS", "CDS_PYTHON", "CDS_TRACEBACK"})
"""Variables that are read by other parts of the program, or by its scripts."""


class _Server(uvicorn.Server):
    """Says its address once it answers there, and not before."""

    address = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            _say_address(self.address)


class _Supervisor(Multiprocess):
    """Keeps several workers running: one that dies is replaced, and SIGHUP offers the rule set to all of them."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], shelf: Shelf) -> None:
        super().__init__(config, sockets)
        self._shelf = shelf

    def init_processes(self) -> None:
        super().init_processes()
        if all(process.wait_until_ready(STARTED_WITHIN, self.should_exit) for process in self.processes):
            _say_address(address_of(self.sockets[0]))

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that have ended. One that cannot start with these settings ends the whole service."""
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set() or process.process.is_alive():
                continue
            process.join()
            LOG.error("worker ended", extra={"told": {"worker": process.pid, "status": process.exitcode}})
            if process.exitcode == STARTUP_FAILURE:
                self.should_exit.set()
                return
            self.processes[place] = Process(self.config, self.sockets)
            self.processes[place].start()

    def handle_hup(self) -> None:
        """Put a rule set that passes on the shelf, then have every worker read it."""
        if self._shelf.offer():
            for process in self.processes:
                if process.pid is not None and process.process.is_alive():
                    os.kill(process.pid, signal.SIGHUP)


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted. It listens once the rule set is loaded, so that what answers can evaluate."""
    settings = settings_of(arguments)
    if arguments.show_settings:
        sys.stdout.buffer.write(orjson.dumps(shown(settings), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        return 0
    log_to(None, settings.log_level)
    sys.stderr.write("cds serve: not a medical device; Ctrl-C ends it\n")
    if settings.authentication == "development":
        sys.stderr.write("cds serve: development: nobody is asked who they are, and only this machine can ask\n")
    if settings.recording == "off":
        sys.stderr.write("cds serve: nothing is recorded; every answer says so\n")
    else:
        sys.stderr.write(f"cds serve: decision records in {shown(settings)['database']}\n")
    return _several(settings) if settings.workers > 1 else _one(settings)


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings: what the command line says, else the environment. Raises `UnusableArgument` with every problem."""
    if arguments.overlay is not None:
        read_input(arguments.overlay, "an overlay (YAML)")
    if arguments.examples is not None and not Path(arguments.examples).is_dir():
        raise UnusableArgument(
            f"--examples: `{arguments.examples}`: no such folder; give the folder of example patients"
        )
    named = ("host", "port", "examples", "rules", "overlay", "database", "workers")
    given: dict[str, Any] = {name: getattr(arguments, name) for name in named if getattr(arguments, name) is not None}
    for name in ("examples", "overlay"):
        if name in given:
            given[name] = Path(given[name])
    if "rules" in given:
        given["rules"] = folder_of(given["rules"])
    settings = the_settings(**given)
    if settings.rules is None:
        folder_of(None)
    known = {f"CDS_{name.upper()}" for name in Settings.model_fields}
    for name in sorted(name for name in os.environ if name.startswith("CDS_") and name not in known | _ELSEWHERE):
        hint = did_you_mean(name, known)
        hint = f"; {hint}" if hint else ""
        sys.stderr.write(f"cds serve: {name}: there is no such setting; it changes nothing{hint}\n")
    if settings.authentication == "development" and not is_loopback(settings.host):
        raise UnusableArgument(
            f"--host: `{settings.host}` can be reached from elsewhere, and nobody would be asked who they are; "
            "set CDS_AUTHENTICATION=required, or give 127.0.0.1"
        )
    with settings_told():
        HooksSettings.of(settings)
    return settings


def _one(settings: Settings) -> int:
    with bound(settings.host, settings.port) as listener:
        app = warmed(_at(listener, settings))
        server = _Server(_config(app, settings))
        server.address = address_of(listener)
        begin_to_listen(listener)
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
    return 0


def _several(settings: Settings) -> int:
    # The counters of all workers are files in one folder, named in the environment before any worker starts.
    with tempfile.TemporaryDirectory(prefix="cds-") as folder:
        shelf = Shelf(Path(folder) / "rules", settings)
        shelf.fill()
        metrics = Path(folder) / "metrics"
        metrics.mkdir()
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        _prepare_records(settings)
        with bound(settings.host, settings.port) as listener:
            config = _config(functools.partial(worker, _at(listener, shelf.settings)), settings, factory=True)
            begin_to_listen(listener)
            _Supervisor(config, [listener], shelf).run()
    return 0


def _prepare_records(settings: Settings) -> None:
    """Bring the schema up to date once, before several workers open it."""
    if settings.recording != "off" or settings.authentication == "required":
        open_records(settings.database.get_secret_value()).close()


def worker(settings: Settings) -> FastAPI:
    """The application of one worker process; it ends, and is tried again, while the records cannot be reached."""
    log_to(None, settings.log_level)
    try:
        return warmed(settings)
    except RecordsUnavailable as error:
        LOG.error("the worker cannot start: %s", error)
        raise SystemExit(1) from None


def warmed(settings: Settings) -> FastAPI:
    """The application once it has answered for the first time: what is built on first use is built before anyone
    waits.
    """
    app = create_app(settings)
    runtime: Runtime = app.state.runtime
    try:
        runtime.evaluations.try_out(runtime.rules)
    except NoAdvice as error:
        record_incident(error)  # it serves all the same, and says 503 at /health/ready and to whoever asks
    if runtime.large is not None:
        runtime.large.begin()
    gc.collect()
    gc.freeze()
    return app


def _config(app: Any, settings: Settings, *, factory: bool = False) -> uvicorn.Config:
    # No access log: an address may name a patient.
    connection: Any = functools.partial(
        Connection, most=most_connections(settings.connections), seconds=settings.header_seconds
    )
    return uvicorn.Config(
        app, http=connection, factory=factory, workers=settings.workers, log_config=None, access_log=False,
        server_header=False, timeout_graceful_shutdown=int(settings.grace_seconds), lifespan="on",
    )  # fmt: skip


def _say_address(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


def _at(listener: socket.socket, settings: Settings) -> Settings:
    """The settings with the port that was taken: links to this service name it."""
    return settings.model_copy(update={"port": listener.getsockname()[1]})


def bound(host: str, port: int) -> socket.socket:
    """A socket at an address, which does not listen yet. Raises `UnusableArgument` where the address is taken or is not
    ours.
    """
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError):
        raise UnusableArgument(
            f"--host: `{host}` is no address of this machine; give 127.0.0.1, 0.0.0.0 or a name"
        ) from None
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(place)
    except OSError as error:
        listener.close()
        raise _not_usable(f"`{host}` port {port}", error) from None
    return listener


def begin_to_listen(listener: socket.socket) -> None:
    """Take connections. Raises `UnusableArgument` where somebody else began to do so at this address meanwhile."""
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        host, port = listener.getsockname()[:2]
        raise _not_usable(f"`{host}` port {port}", error) from None


def _not_usable(place: str, error: OSError) -> UnusableArgument:
    problem, remedy = {
        errno.EADDRINUSE: ("it is taken", "end what listens there, or give another --port (0 takes a free one)"),
        errno.EACCES: ("this user may not listen there", "give a --port from 1024 on"),
        errno.EADDRNOTAVAIL: ("this machine has no such address", "give --host 127.0.0.1 or 0.0.0.0"),
    }.get(error.errno or 0, (os.strerror(error.errno or 0).lower(), "give another --host or --port"))
    return UnusableArgument(f"{place}: {problem}; {remedy}")


def address_of(listener: socket.socket) -> str:
    """The address of the first page, as a browser on this machine takes it."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"
