"""The shipped rule files have the form that `cds format` gives them, so that a change shows what it changes alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds.cli import main


def test_the_rule_files_are_in_canonical_form(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["format", "--check", str(repository / "rules" / "recurrent-head-and-neck")])
    assert (status, capsys.readouterr().out.splitlines()[:-1]) == (0, [])
