"""A rule that is tried before it is put into its rule set."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from cds.ruleset import RuleSet, default_folder, load_rules


def rules_with(text: str, *, folder: Path | str | None = None) -> RuleSet:
    """A rule set with one more file in `rules/`: the text, in YAML. `folder` is the rule set's; by default the shipped.

    Raises `RuleSetError` with every finding, as `load_rules` does; findings call the file `rules/attempt.yaml`.

    >>> rules = rules_with('''
    ... rules:
    ...   - {id: OUR-1, option: cryoablation, for_each: patient, effect: informs, when: patient.ageYears > 80,
    ...      says: "An age of {patient.ageYears}.", basis: judgement}
    ... ''')
    Traceback (most recent call last):
    cds.errors.RuleSetError: recurrent-head-and-neck/rules/attempt.yaml:3:100: ...
    """
    source = default_folder() if folder is None else Path(folder)
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / source.resolve().name
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("cases", "__pycache__"))
        (copy / "rules" / "attempt.yaml").write_text(text, encoding="utf-8")
        return load_rules(copy)
