"""A service of its own on a free port, and Debian's Chromium before it; without one the tests here skip.

What a page says on its console is a defect of the page: a blocked script, a style that was refused, an exception.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from pydantic import SecretStr

from cds.records import Records, open_records
from cds.service import Settings, create_app

NPM = Path(__file__).resolve().parents[1] / "npm"
AS_OF = "2026-11-22"
PATIENCE = 30_000
"""Milliseconds: a slow machine is no defect of the page."""


@dataclass(frozen=True)
class Service:
    """A running service: its address, its database, and the addresses of its examples by their number."""

    url: str
    database: str
    examples: dict[str, str]

    def example(self, number: str) -> str:
        return f"{self.url}{self.examples[number]}?as_of={AS_OF}"


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def served(settings: Settings) -> Iterator[str]:
    """The address of a service that runs in a thread of this process, on the port of its settings."""
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=settings.port, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    assert server.started
    yield f"http://127.0.0.1:{settings.port}"
    server.should_exit = True
    thread.join(30)


@pytest.fixture(scope="session")
def service(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    examples = {path.name[:2]: f"/board/{path.name}" for path in sorted((repository / "fhir_examples").iterdir())
                if re.match("[0-9]{2}-", path.name)}  # fmt: skip
    database = f"sqlite:///{tmp_path_factory.mktemp('browser') / 'records.sqlite3'}"
    settings = Settings(
        examples=repository / "fhir_examples", database=SecretStr(database), keep_bundles=True, port=free_port()
    )
    with served(settings) as url:
        yield Service(url, database, examples)


@pytest.fixture
def records(service: Service) -> Iterator[Records]:
    opened = open_records(service.database)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. It ends with its module: while it runs, no other event loop may run in this thread."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium: install it to look at the pages")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


Opened = Callable[..., Page]


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Opened]:
    """Opens an address in a context of its own; what its console says at the end of the test must be nothing."""
    contexts: list[BrowserContext] = []
    said: list[str] = []

    def told(message: ConsoleMessage) -> None:
        # The browser says of itself that a page answered 4xx or 5xx; the test asked for that page.
        if message.type in ("error", "warning") and "the server responded with a status" not in message.text:
            said.append(message.text)

    def open_(address: str, **context: Any) -> Page:
        contexts.append(chromium.new_context(**{"locale": "en-GB", **context}))
        contexts[-1].set_default_timeout(PATIENCE)
        page = contexts[-1].new_page()
        page.on("console", told)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(address)
        return page

    yield open_
    for each in contexts:
        each.close()
    assert said == []


def node() -> str:
    """The path of Node.js; skips where it, or a checker, is not installed."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("no Node.js: install it to check the pages")
    if not (NPM / "node_modules" / "axe-core").is_dir() or not (NPM / "node_modules" / "html-validate").is_dir():
        pytest.skip("no checkers of pages: run npm ci --prefix tests/npm")
    return found


def html_problems(pages: Sequence[str]) -> list[list[str]]:
    """What html-validate says of each page."""
    run = subprocess.run(
        [node(), str(NPM / "html.mjs")], input=json.dumps(list(pages)), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    found: list[list[str]] = json.loads(run.stdout)
    return found
