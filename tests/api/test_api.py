"""The public calls: their names, and what they do with arguments that no type checker saw."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from fractions import Fraction
from typing import Any

import pytest

import cds
from cds.api import ages, shipped_rules
from cds.ruleset import load_rules

BUNDLE: dict[str, object] = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [{"resource": {"resourceType": "Patient", "id": "p"}}],
}
AS_OF = dt.date(2026, 11, 22)


def test_every_public_name_can_be_had() -> None:
    for name in cds.__all__:
        assert getattr(cds, name) is not None
    assert set(dir(cds)) == set(cds.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = cds.nothing


@pytest.mark.parametrize("as_of", ["2026-11-22", dt.datetime(2026, 11, 22, tzinfo=dt.UTC), None, 20261122])
def test_what_is_no_day_is_refused_with_a_code(as_of: Any) -> None:
    with pytest.raises(cds.CdsError) as refused:
        cds.evaluate(BUNDLE, as_of=as_of)
    assert [issue.code for issue in refused.value.issues] == ["bad-as-of"]


@pytest.mark.parametrize("bundle", ["{}", None, [BUNDLE], 3])
def test_what_is_no_bundle_is_refused_with_a_code(bundle: Any) -> None:
    with pytest.raises(cds.CdsError) as refused:
        cds.read_case(bundle, as_of=AS_OF)
    assert [issue.code for issue in refused.value.issues] == ["not-an-object"]


def test_both_wrong_arguments_are_named() -> None:
    with pytest.raises(cds.CdsError) as refused:
        cds.evaluate("{}", as_of="today", phase="never")  # type: ignore[arg-type]  # what no type checker saw
    assert [issue.code for issue in refused.value.issues] == ["unknown-phase", "bad-as-of", "not-an-object"]


def test_a_limit_of_age_counts_only_once_it_is_set(tmp_path: Any) -> None:
    assert ages(shipped_rules()) == {}  # both ship unset: the age is shown and not judged
    overlay = tmp_path / "ours.yaml"
    overlay.write_text("label: ours\nparameters:\n  bloodTestAge: {value: 14, unit: d}\n", encoding="utf-8")
    assert ages(load_rules(overlay=overlay)) == {"bloodTestAge": (Fraction(14), "d")}


def test_importing_the_package_loads_neither_models_nor_a_web_framework() -> None:
    """The command line's `--version` and the engine's worker process import it too."""
    code = "import cds, sys; print([m for m in ('pydantic', 'fhir', 'fastapi', 'yaml') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
