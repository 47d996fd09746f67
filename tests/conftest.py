"""What every test can rely on: generated examples under a named profile, the corpus, and no silent skip in CI."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI") == "true"

# A test that sets max_examples itself leaves the profiles: `quick` cannot shorten it, nor `nightly` lengthen it.
settings.register_profile("default", deadline=None, print_blob=True, derandomize=IN_CI)
settings.register_profile("quick", settings.get_profile("default"), max_examples=5)
settings.register_profile("nightly", settings.get_profile("default"), max_examples=5000, derandomize=False)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
settings.load_profile(PROFILE)


@pytest.fixture(scope="session", autouse=True)
def decision_records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The database in which every service of this run records, the ones in processes of their own, too."""
    url = f"sqlite:///{tmp_path_factory.mktemp('records') / 'records.sqlite3'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDS_DATABASE", url)
        yield url


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of this repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def corpus_dir() -> Path:
    """The folder of real-world bundles: CDS_CORPUS, or ../shared/fhir-data beside the repository."""
    named = os.environ.get("CDS_CORPUS")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "fhir-data"
    if not folder.is_dir():
        pytest.skip(f"no corpus: {'CDS_CORPUS names no folder' if named else 'set CDS_CORPUS to its folder'}")
    return folder


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With the profile `quick`, leaves one case of each test that has several: the first."""
    if PROFILE != "quick":
        return
    first: dict[str, pytest.Item] = {}
    others = [item for item in items if first.setdefault(item.nodeid.partition("[")[0], item) is not item]
    config.hook.pytest_deselected(items=others)
    items[:] = first.values()


def pytest_collection_finish() -> None:
    """Looks for garbage rarely, and never among the modules and the tests, which stay: that saves a tenth of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why a report says "skipped", in the words of the test."""
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


def fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In CI, turns a skip into a failure: what was not tried must not look tried."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = reason_of(report)
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: skipped, which CI does not allow: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    fail_if_skipped(report)
    return report
