"""A SQLite file that was deleted can be written to until the last connection ends: nothing may be recorded there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cds.records import Decision, Records, RecordsUnavailable, open_records


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "records.sqlite3"


@pytest.fixture
def kept(file: Path, decision: Decision) -> Iterator[Records]:
    """Records of which one connection is open already."""
    records = open_records(f"sqlite:///{file}")
    records.append_decision(decision)
    yield records
    records.close()


def test_nothing_is_recorded_in_a_file_that_is_gone(kept: Records, file: Path, decision: Decision) -> None:
    file.rename(file.with_suffix(".away"))
    with pytest.raises(RecordsUnavailable, match="the file of the database is gone; nothing was recorded"):
        kept.append_decision(decision)
    with pytest.raises(RecordsUnavailable):
        kept.head()
    assert not file.exists(), "an empty one in its place would verify, and say nothing"


def test_once_it_is_back_records_go_on(kept: Records, file: Path, decision: Decision) -> None:
    file.rename(file.with_suffix(".away"))
    with pytest.raises(RecordsUnavailable):
        kept.append_decision(decision)
    file.with_suffix(".away").rename(file)
    kept.append_decision(decision)
    assert kept.head()[0] == 2
    assert list(kept.verify()) == []


def test_another_file_in_its_place_is_opened_anew(
    kept: Records, file: Path, tmp_path: Path, decision: Decision
) -> None:
    other = tmp_path / "other.sqlite3"
    with_three = open_records(f"sqlite:///{other}")
    for _ in range(3):
        with_three.append_decision(decision)
    with_three.close()
    file.unlink()
    for rest in tmp_path.glob("records.sqlite3-*"):
        rest.unlink()
    other.rename(file)
    assert kept.append_decision(decision).number == 4
    kept.close()
    again = open_records(f"sqlite:///{file}", create=False)
    assert again.head()[0] == 4
    again.close()
