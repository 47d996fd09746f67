"""What the kit says to people fits their terminal; and whoever watches a long run sees how far it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds.cli import main
from tests.analysis.test_days import CASE
from tests.ruleset.workshop import a_rule, rules_of, small

LONG = "lesion.size < parameters.mm5 and not patient.flagB and lesion.grade != 'high' and not lesion.flag"
CLAIMS = """\
invariants:
  - id: INV-1
    says: Nobody whose lesion has the flag, and of whom nothing else at all is told, is ever eligible for the knife.
    while: lesion.flag
    option: knife
    never: [eligible]
waivers:
  - {finding: "idle-part:K-7", reason: for a while, author: a committee with a rather long name, until: 2030-01-01}
"""
ASKED = {
    "verify": ["verify", "{}"], "mutate": ["mutate", "{}", "--rule", "K-1", "--workers", "1"],
    "cover": ["cover", "{}", "--rule", "K-1"], "regions": ["regions", "knife", "--rules", "{}"],
    "compare": ["compare", "{}", "{new}"],
}  # fmt: skip


@pytest.mark.parametrize("command", ASKED)
def test_no_line_of_prose_is_longer_than_the_terminal_is_wide(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    folder = small(tmp_path, rules_of(a_rule("K-1", "against", LONG)))
    (folder / "cases").mkdir()
    (folder / "cases" / "far.yaml").write_text(CASE.format(name="far", day="2026-11-22", size=9, near="false"), "utf-8")
    (folder / "verification.yaml").write_text(CLAIMS, "utf-8")
    (tmp_path / "new").mkdir()
    new = small(tmp_path / "new", rules_of(a_rule("K-1", "against", LONG.replace("not ", ""))))
    words = [word.format(folder, new=new) for word in ASKED[command]]
    longest = {}
    for width in (None, "60", "400"):
        main([*words, "--as-of", "2026-11-22", *(["--width", width] if width is not None else [])])
        printed = capsys.readouterr()
        assert printed.err == ""
        longest[width] = max(map(len, printed.out.splitlines()))
    assert longest[None] <= 80 < longest["400"]
    assert longest["60"] <= 60


@pytest.mark.parametrize("workers", ["1", "2"])
def test_who_watches_sees_how_many_mutants_were_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    folder = small(tmp_path, rules_of(a_rule("K-1", "against", LONG)))
    (folder / "cases").mkdir()
    (folder / "cases" / "far.yaml").write_text(CASE.format(name="far", day="2026-11-22", size=9, near="false"), "utf-8")
    for module in ("mutate", "streams"):
        monkeypatch.setattr(f"cds.commands.{module}.is_watched", lambda: True)
    main(["mutate", str(folder), "--rule", "K-1", "--workers", workers, "--as-of", "2026-11-22"])
    printed = capsys.readouterr()
    assert "\r10 mutants" in printed.err
    assert "\r" not in printed.out
