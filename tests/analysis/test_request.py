"""What answers a request never brings the solver in."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_service_and_the_interface_leaves_the_solver_out() -> None:
    code = "import sys, cds.api, cds.service.app, cds.cli, cds.commands.evaluate; print('z3' in sys.modules)"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "False"
