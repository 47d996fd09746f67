"""Every command and every snippet of the README and of docs/ runs as it stands, and does what the page says."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(?P<language>[a-z]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
SETUP_COMMANDS = {"sh scripts/demo", "sh scripts/test"}


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return [match["code"] for match in FENCE.finditer(text) if match["language"] == language]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def with_blocks(language: str) -> list[object]:
    return [pytest.param(page, id=name(page)) for page in PAGES if blocks(page, language)]


@pytest.mark.parametrize("page", with_blocks("python"))
def test_python_snippets_run(page: Path) -> None:
    for code in blocks(page, "python"):
        ran = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True)
        assert ran.returncode == 0, f"{name(page)}:\n{code}\n{ran.stderr}"


@pytest.mark.parametrize("page", with_blocks("console"))
def test_console_commands_run(page: Path) -> None:
    with console() as run:
        for block in blocks(page, "console"):
            for line in block.splitlines():
                if line.startswith("$ "):
                    run(line.removeprefix("$ "))


def test_set_up_commands_are_exactly_two_and_are_what_ci_runs() -> None:
    commands = [line for block in blocks(ROOT / "README.md", "sh") for line in block.splitlines() if line.strip()]
    assert set(commands) == SETUP_COMMANDS
    assert len(commands) == 2
    assert "scripts/test" in (ROOT / ".ci" / "run").read_text()
    for page in PAGES[1:]:
        unknown = [line for block in blocks(page, "sh") for line in block.splitlines() if line not in SETUP_COMMANDS]
        assert not unknown, f"{name(page)}: `sh` blocks hold the set-up commands only; write `console` for {unknown}"


@pytest.mark.parametrize("page", [pytest.param(page, id=name(page)) for page in PAGES])
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{name(page)}: `{target}` leads nowhere"


class Console:
    """Runs the lines of console blocks: `cds …` as this interpreter's, `serve` in the background, `curl` by urllib."""

    def __init__(self) -> None:
        self.server: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def __call__(self, line: str) -> None:
        words = shlex.split(line)
        if words[0].endswith("/cds") or words[0] == "cds":
            arguments = [word if word != "8000" else str(self.port) for word in words[1:]]
            if arguments[0] == "serve":
                self.server = subprocess.Popen([sys.executable, "-m", "cds", *arguments], cwd=ROOT,
                                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
                wait_for(self.port, self.server)
                return
            ran = subprocess.run([sys.executable, "-m", "cds", *arguments], cwd=ROOT, capture_output=True, text=True)
            assert ran.returncode == 0, f"`{line}` ended with {ran.returncode}:\n{ran.stderr}"
            assert ran.stdout.strip(), f"`{line}` printed nothing"
        elif words[0] == "curl":
            self.curl(words[1:])
        else:
            raise AssertionError(f"`{line}`: this test does not know how to run `{words[0]}`")

    def curl(self, words: list[str]) -> None:
        body: bytes | None = None
        headers: dict[str, str] = {}
        while words[0].startswith("-"):
            if words[0] == "--data-binary":
                body = (ROOT / words[1].removeprefix("@")).read_bytes()
            elif words[0] == "-H":
                name, _, value = words[1].partition(": ")
                headers[name] = value
            else:
                raise AssertionError(f"this test does not know curl's `{words[0]}`")
            words = words[2:]
        request = urllib.request.Request(words[0].replace(":8000", f":{self.port}"), data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            assert response.status == 200
            assert response.read()


@contextmanager
def console() -> Iterator[Console]:
    running = Console()
    try:
        yield running
    finally:
        if running.server is not None:
            running.server.terminate()
            running.server.wait(30)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None, "the service ended before it answered"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError("the service did not answer within a minute")


@pytest.mark.slow
def test_demo_evaluates_an_example_and_serves_a_page(tmp_path: Path) -> None:
    """The first set-up command, run for real: it prints an answer, then the address of a page that answers."""
    environment = {**os.environ, "CDS_PYTHON": sys.executable}
    environment.pop("VIRTUAL_ENV", None)
    output = tmp_path / "output"
    with output.open("wb") as stream:
        command = ["sh", "scripts/demo", "--port", "0"]
        demo = subprocess.Popen(
            command, cwd=ROOT, stdout=stream, stderr=stream, env=environment, start_new_session=True
        )
        try:
            address = None
            for _ in range(3000):
                found = re.search(r"http://127\.0\.0\.1:\d+/?", output.read_text(errors="replace"))
                if found is not None:
                    address = found[0]
                    break
                assert demo.poll() is None, output.read_text(errors="replace")
                time.sleep(0.1)
            assert address is not None, output.read_text(errors="replace")
            wait_for(int(address.rstrip("/").rpartition(":")[2]), demo)
            with urllib.request.urlopen(address, timeout=60) as page:
                assert b"<html" in page.read().lower()
        finally:
            os.killpg(demo.pid, 15)
            demo.wait(30)
    assert "cryoablation" in output.read_text(errors="replace").lower()
