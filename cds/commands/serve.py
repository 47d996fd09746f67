"""`cds serve`: the service on one address of this machine, until it is interrupted."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
from pathlib import Path

import uvicorn

from cds.commands.inputs import folder_of
from cds.commands.streams import UnusableArgument, read_input
from cds.service import Settings, create_app

BACKLOG = 2048


class _Server(uvicorn.Server):
    """Says its address once it answers there, and not before."""

    address = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            sys.stdout.write(f"{self.address}\n")
            sys.stdout.flush()


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted. The rule set is loaded before the port is taken, so that what answers can evaluate."""
    if arguments.overlay is not None:
        read_input(arguments.overlay, "an overlay (YAML)")
    examples = Path(arguments.examples or "fhir_examples")
    if arguments.examples is not None and not examples.is_dir():
        raise UnusableArgument(
            f"--examples: `{arguments.examples}`: no such folder; give the folder of example patients"
        )
    overlay = Path(arguments.overlay) if arguments.overlay is not None else None
    app = create_app(Settings(rules=folder_of(arguments.rules), overlay=overlay, examples=examples))
    listener = listen(arguments.host, arguments.port)
    # No access log: an address may name a patient.
    server = _Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False))
    server.address = address_of(listener)
    sys.stderr.write("cds serve: not a medical device; Ctrl-C ends it\n")
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()
    return 0


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at an address. Raises `UnusableArgument` where the address is taken or is not ours."""
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
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        problem, remedy = {
            errno.EADDRINUSE: ("it is taken", "end what listens there, or give another --port (0 takes a free one)"),
            errno.EACCES: ("this user may not listen there", "give a --port from 1024 on"),
            errno.EADDRNOTAVAIL: ("this machine has no such address", "give --host 127.0.0.1 or 0.0.0.0"),
        }.get(error.errno or 0, (os.strerror(error.errno or 0).lower(), "give another --host or --port"))
        raise UnusableArgument(f"`{host}` port {port}: {problem}; {remedy}") from None
    return listener


def address_of(listener: socket.socket) -> str:
    """The address of the first page, as a browser on this machine takes it."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"
