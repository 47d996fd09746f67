"""In CI a skipped test fails; elsewhere it is only skipped."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import pytest

def test_that_passes(): pass

@pytest.mark.skip(reason="no time")
def test_marked(): pass

def test_that_asks_for_nothing_installed(): pytest.importorskip("no_such_module_anywhere")

@pytest.fixture
def corpus(): pytest.skip("no corpus")

def test_of_the_corpus(corpus): pass

@pytest.mark.xfail(reason="known", strict=True)
def test_expected_to_fail(): assert False
"""
SKIPPED_MODULE = 'import pytest\npytest.skip("not here", allow_module_level=True)\n'


@pytest.fixture
def suite(repository: Path, tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text((repository / "tests" / "conftest.py").read_text("utf-8"), "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")
    (tmp_path / "test_suite.py").write_text(SUITE, "utf-8")
    return tmp_path


def closing_line(suite: Path, *arguments: str, ci: str) -> tuple[int, str, str]:
    environment = {**os.environ, "CI": ci}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", *arguments]
    done = subprocess.run(command, cwd=suite, env=environment, capture_output=True, text=True)
    last = re.sub(r" in [\d.]+s.*", "", done.stdout.strip().splitlines()[-1]).strip("= ")
    return done.returncode, last, done.stdout


def test_a_skip_is_no_failure_on_a_developers_machine(suite: Path) -> None:
    code, last, _ = closing_line(suite, ci="")
    assert (code, last) == (0, "1 passed, 3 skipped, 1 xfailed")


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_in_ci_every_skip_fails_and_is_named_with_its_reason(suite: Path, workers: tuple[str, ...]) -> None:
    code, last, output = closing_line(suite, *workers, ci="true")
    assert code == 1
    assert "skipped" not in last
    assert "1 passed" in last
    assert "xfailed" in last
    for test, reason in [
        ("test_marked", "no time"),
        ("test_that_asks_for_nothing_installed", "no_such_module_anywhere"),
        ("test_of_the_corpus", "no corpus"),
    ]:
        assert re.search(rf"test_suite\.py::{test}: skipped, which CI does not allow: .*{reason}", output)


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_in_ci_a_skipped_module_fails_with_its_reason(suite: Path, workers: tuple[str, ...]) -> None:
    (suite / "test_module.py").write_text(SKIPPED_MODULE, "utf-8")
    code, _, output = closing_line(suite, *workers, ci="true")
    assert code != 0
    assert re.search(r"test_module\.py: skipped, which CI does not allow: .*not here", output)
