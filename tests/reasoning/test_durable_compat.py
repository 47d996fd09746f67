"""durable-rules is there on every supported Python, or its absence is said plainly."""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from cds.errors import CdsError
from cds.reasoning import durable_compat
from cds.reasoning.durable_compat import DurableRulesUnavailable, load_durable_engine


@pytest.fixture(scope="module")
def fired_rules() -> Callable[[str, dict[str, Any]], list[str]]:
    """The rules that fire on one fact, in order. One host for all tests here, and a session for each fact."""
    engine = load_durable_engine()
    fired: list[str] = []

    class Host(engine.Host):  # type: ignore[misc, name-defined]
        def _run(self) -> None:
            """Start no timer threads."""

    # One parameter: with a second one the engine takes the action for one that reports its end later.
    def note(name: str) -> Callable[[object], None]:
        return lambda context: fired.append(name)

    guard = {"kind_": "case"}
    conditions = [
        ("begin", 0, guard),
        ("above", 1, {"$and": [guard, {"$gt": {"measured": 270}}]}),
        ("not above", 2, {"$and": [guard, {"$lte": {"measured": 270}}]}),
        ("end", 60000, guard),
    ]
    host = Host()
    host.set_rulesets(
        {
            "rules": {
                name: {"all": [{"m": condition}], "pri": priority, "run": note(name)}
                for name, priority, condition in conditions
            }
        }
    )

    def fire(sid: str, fact: dict[str, Any]) -> list[str]:
        fired.clear()
        host.assert_fact("rules", {"kind_": "case", "sid": sid, **fact})
        if fired:  # deleting a session in which nothing fired ends the process
            host.delete_state("rules", sid)
        return list(fired)

    return fire


@pytest.mark.parametrize(
    ("sid", "fact", "expected"),
    [
        ("0000000000000001", {"measured": 271}, ["begin", "above", "end"]),
        ("0000000000000002", {"measured": 270}, ["begin", "not above", "end"]),
        ("0000000000000003", {}, ["begin", "end"]),
    ],
)
def test_rules_fire_on_this_python(
    fired_rules: Callable[[str, dict[str, Any]], list[str]],
    sid: str,
    fact: dict[str, Any],
    expected: list[str],
) -> None:
    assert fired_rules(sid, fact) == expected


def test_loading_twice_gives_the_same_module() -> None:
    assert load_durable_engine() is load_durable_engine()


def test_the_error_is_one_of_ours_and_has_a_stable_code() -> None:
    assert issubclass(DurableRulesUnavailable, CdsError)
    assert DurableRulesUnavailable.code == "durable-rules-unavailable"


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (ModuleNotFoundError("No module named 'durable'", name="durable"), "`durable` is not installed"),
        (ImportError("undefined symbol: PyEval_CallObject"), "`undefined symbol: PyEval_CallObject`"),
    ],
)
def test_a_missing_or_broken_engine_is_an_error_that_says_why(
    monkeypatch: pytest.MonkeyPatch, cause: ImportError, told: str
) -> None:
    def refuse(name: str) -> ModuleType:
        raise cause

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(DurableRulesUnavailable) as caught:
        load_durable_engine()
    assert told in str(caught.value)
    assert "2.0.28" in str(caught.value)
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize("module", ["cds._no_such_extension", "no_such_package.extension", "cds.errors"])
def test_an_extension_that_is_missing_or_no_library_is_an_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setattr(durable_compat, "FIRST_PYTHON_WITHOUT_THE_SYMBOL", sys.version_info[:2])
    monkeypatch.setattr(durable_compat, "COMPATIBILITY_MODULE", module)
    with pytest.raises(DurableRulesUnavailable, match=f"`{module}` cannot be loaded on Python 3"):
        load_durable_engine()
