"""What the rule developers' proofs cost: seconds of the processor, and of the clock, on the rule set that is shipped.

python benchmarks/verify.py runs all; `--only compare` one of verify, compare, overlay, mutate, cover.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))
RULES = str(REPOSITORY / "rules" / "recurrent-head-and-neck")
OVERLAY: Final = """\
label: invented
parameters:
  threatDistance: {value: 12, unit: mm}
  inrLimit: {value: 1.5}
"""
COMMANDS: Final[dict[str, tuple[list[str], float]]] = {
    "verify": (["verify", RULES, "--as-of", "2026-11-22"], 60),
    "compare": (["compare", RULES, RULES], 10),
    "overlay": (["compare", RULES, RULES, "--overlay"], 10),
    "mutate": (["mutate", RULES], 300),
    "cover": (["cover", RULES], 60),
}
"""Each command, with the seconds of the clock that it may take on two cores of its own. An overlay's file is added."""


def spent() -> float:
    """Seconds of the processor, of this process and of those that it started."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def main() -> None:
    """Run the commands and print what each took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=COMMANDS)
    only = parser.parse_args().only
    from cds.cli import main as command

    for name, (words, aim) in COMMANDS.items():
        if only not in (None, name):
            continue
        printed = io.StringIO()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(printed):
            overlay = Path(folder, "overlay.yaml")
            overlay.write_text(OVERLAY, encoding="utf-8")
            start, processor = time.perf_counter(), spent()
            status = command([*words, str(overlay)] if name == "overlay" else words)
        took, used = time.perf_counter() - start, spent() - processor
        last = printed.getvalue().splitlines()[-1]
        print(f"{name}: {took:.1f} s (aim {aim:.0f}), {used:.1f} s of the processor, status {status}: {last}")


if __name__ == "__main__":
    main()
