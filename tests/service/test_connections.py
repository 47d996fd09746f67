"""A connection that asks nothing is closed, and so is one too many; one that asked waits for its answer."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from cds.service.connections import Connection, most_connections

PATIENCE = 20
SLOW = 1.0
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def slowly(scope: Any, receive: Any, send: Any) -> None:
    """Answers only after the time that a client has for its headers."""
    await asyncio.sleep(SLOW)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@contextmanager
def served(most: int, seconds: float, app: Any = slowly) -> Iterator[Callable[[], socket.socket]]:
    http: Any = functools.partial(Connection, most=most, seconds=seconds)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=http, lifespan="off", log_config=None, timeout_keep_alive=PATIENCE)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    opened: list[socket.socket] = []

    def connect() -> socket.socket:
        opened.append(socket.create_connection(listener.getsockname(), timeout=PATIENCE))
        return opened[-1]

    while not server.started:
        time.sleep(0.01)
    yield connect
    for each in opened:
        each.close()
    server.should_exit = True
    thread.join(PATIENCE)
    listener.close()


def ending(connection: socket.socket) -> bytes:
    """Everything that comes until the other end closes. Raises `TimeoutError` where it does not."""
    read = b""
    try:
        while more := connection.recv(1000):
            read += more
    except ConnectionResetError:
        pass
    return read


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost:"])
def test_who_does_not_say_what_they_ask_is_closed(begun: bytes) -> None:
    with served(10, 0.3) as connect:
        connection = connect()
        connection.sendall(begun)
        assert ending(connection) == b""


def test_who_asked_gets_the_answer_however_long_it_takes_and_may_ask_again() -> None:
    with served(10, SLOW / 4) as connect:
        connection = connect()
        for _ in range(2):
            connection.sendall(GET)
            read = b""
            while not read.endswith(b"ok"):
                more = connection.recv(1000)
                assert more
                read += more
            assert read.startswith(b"HTTP/1.1 200")
        connection.sendall(GET[:10])
        assert ending(connection) == b""


def test_one_too_many_is_closed_and_its_place_is_free_again() -> None:
    with served(2, PATIENCE) as connect:
        one, _ = connect(), connect()
        assert ending(connect()) == b""
        one.close()
        connection, read = connect(), b""
        while not read:
            try:
                connection.sendall(GET)
                read = connection.recv(1000)
            except ConnectionError:
                read = b""
            if not read:  # the place of the one that left is not free yet
                connection = connect()
        assert read.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "said",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
def test_what_is_no_http_gets_an_operation_outcome_and_the_connection_ends(said: bytes) -> None:
    with served(10, PATIENCE) as connect:
        connection = connect()
        connection.sendall(said)
        head, _, body = ending(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/fhir+json" in head
    assert b"connection: close" in head
    assert b"content-security-policy" in head
    assert json.loads(body)["issue"][0]["details"]["coding"] == [{"code": "malformed-request"}]


def test_a_head_that_turns_out_to_be_no_http_gets_the_head_of_the_answer_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with served(10, PATIENCE) as connect, caplog.at_level(logging.ERROR):
        connection = connect()
        connection.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n")
        head, _, body = ending(connection).partition(b"\r\n\r\n")
    assert (head[:13], body, caplog.records) == (b"HTTP/1.1 400 ", b"", [])


def test_an_answer_that_has_begun_is_broken_off_where_the_rest_of_the_request_is_no_http(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def line_by_line(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            await send({"type": "http.response.body", "body": b"line", "more_body": True})
        await send({"type": "http.response.body", "body": b"never"})

    with served(10, PATIENCE, line_by_line) as connect, caplog.at_level(logging.ERROR):
        connection, read = connect(), b""
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        while b"line" not in read:
            more = connection.recv(1000)
            assert more
            read += more
        connection.sendall(b"ZZ\r\n")
        rest = ending(connection)
    assert read.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1" not in rest
    assert b"never" not in rest
    assert not caplog.records


def test_there_are_no_more_connections_than_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds.service.connections.resource.getrlimit", lambda _: (256, 256))
    assert most_connections(500) == 192
    assert most_connections(100) == 100
