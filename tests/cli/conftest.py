"""The command line as its callers meet it: arguments in, status and two streams out."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cds.cli import main

PATIENT = {"resource": {"resourceType": "Patient", "id": "p", "birthDate": "1957-04"}}


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    status: int
    out: str
    err: str


@pytest.fixture
def cds(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Runs one command in this process; `stdin` is what it reads from standard input."""

    def run(*arguments: str, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = main(list(arguments))
        captured = capsys.readouterr()
        return Ran(status, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def rules(repository: Path) -> str:
    """The rule set of this repository, whether or not the package is installed."""
    return str(repository / "rules" / "recurrent-head-and-neck")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle with a patient and no tumour."""
    content: dict[str, Any] = {"resourceType": "Bundle", "type": "collection", "entry": [PATIENT]}
    file = tmp_path / "patient.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return file
