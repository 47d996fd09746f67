"""Known vulnerabilities of what this package runs on, told apart from nobody having been able to look.

    python tests/packaging/audit.py     status 0: looked at, none known; 1: some are known; 3: not looked at

pip-audit says "no known vulnerabilities" as well where it could look up nothing at all. Here that is a state of its
own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements" / "runtime.txt"


@dataclass(frozen=True)
class Audit:
    """What was looked at, what could not be, and what is known."""

    looked_at: tuple[str, ...]
    not_looked_at: tuple[str, ...]
    known: tuple[str, ...]
    why: str = ""

    @property
    def status(self) -> int:
        return 1 if self.known else 0 if self.looked_at and not self.not_looked_at else 3

    def __str__(self) -> str:
        if self.known:
            return f"pip-audit: vulnerabilities are known: {', '.join(self.known)}"
        if self.status == 0:
            return f"pip-audit: {len(self.looked_at)} packages looked at, no vulnerability is known"
        some = f"{len(self.not_looked_at)} packages" if self.looked_at else "nothing"
        looked = f"{some} could be looked at" if not self.looked_at else f"{some} could not be looked at"
        return f"pip-audit: NOT AUDITED: {looked}: {self.why or 'there is no advisory data for them here'}"


def read(output: str, error: str) -> Audit:
    """What one run of pip-audit says: its JSON, or why there is none."""
    start = output.find("{")
    if start < 0:
        last = error.strip().splitlines()[-1:] or ["pip-audit said nothing"]
        return Audit((), ("everything",), (), last[0][:200])
    listed: list[dict[str, Any]] = json.loads(output[start:])["dependencies"]
    known = tuple(f"{each['name']} {each['version']}: {v['id']}" for each in listed for v in each.get("vulns", ()))
    looked_at = tuple(each["name"] for each in listed if "skip_reason" not in each)
    skipped = tuple(each["name"] for each in listed if "skip_reason" in each)
    return Audit(looked_at, skipped, known)


def audit(requirements: Path = REQUIREMENTS) -> Audit:
    """Ask pip-audit about the pinned packages, as they are pinned."""
    command = [sys.executable, "-m", "pip_audit", "-r", str(requirements), "--no-deps", "--disable-pip", "-f", "json",
               "--progress-spinner", "off", "--timeout", "10"]  # fmt: skip
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return Audit((), ("everything",), (), "pip-audit did not end within two minutes")
    return read(ran.stdout, ran.stderr)


if __name__ == "__main__":
    result = audit()
    print(result)
    raise SystemExit(result.status)
