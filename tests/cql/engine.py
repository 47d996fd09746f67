"""An independent translator and an independent engine of CQL: `@cqframework/cql` and `cql-execution`, in Node.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

Json = dict[str, Any]
FOLDER = Path(__file__).resolve().parents[1] / "npm"


@cache
def node() -> str:
    """The path of Node.js; skips where it, or the packages, are not installed."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("no Node.js: install it to evaluate CQL")
    if not (FOLDER / "node_modules" / "cql-execution").is_dir():
        pytest.skip("no CQL engine: run npm ci --prefix tests/npm")
    return found


def evaluate(lines: Iterable[Json]) -> list[Any]:
    """What `cql.mjs` prints for each line; see there. One process for all of them."""
    told = "".join(f"{json.dumps(line)}\n" for line in lines)
    command = [node(), str(FOLDER / "cql.mjs")]
    run = subprocess.run(command, input=told, capture_output=True, text=True, encoding="utf-8", check=False)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]
