"""The kit judges itself: each fault put into an engine, or into the translation for the solver, is found by it.

| seeded into                    | faults                                             | found by the comparison of |
|--------------------------------|----------------------------------------------------|----------------------------|
| the reference evaluator        | `SLIPS` of `differential.test_operator_flips`      | both engines               |
| the compiler to durable-rules  | `FAULTS` of `differential.test_compiler_faults`    | both engines               |
| the translation for the solver | `FAULTS` here                                      | solver and evaluator       |

The first comparison is what `cds test` makes for every worked case, and every request; where it fails there is no
answer. A rule developer whose tool had one of these faults would see it there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from cds.analysis import meaning
from cds.analysis.formulas import Symbolic, both, either, no
from cds.analysis.meaning import Conditions, Meaning, Objections
from cds.analysis.mutation import read_cases
from cds.analysis.universe import LESION, Universe
from cds.case import Case
from cds.cli import main
from tests.analysis.test_meaning import RULES, compare
from tests.differential.population import Population
from tests.differential.test_compiler_faults import FAULTS as COMPILER_FAULTS
from tests.differential.test_operator_flips import DEFINITIONS, EVERY_OPERATOR, SLIPS
from tests.ruleset.shipped import shipped_folder, shipped_thresholds
from tests.ruleset.workshop import small

Patch = pytest.MonkeyPatch


@cache
def patients() -> tuple[Case, ...]:
    """Made-up patients, and those of the worked cases: of the former few are eligible for anything."""
    made = Population(RULES, shipped_thresholds()).patients(2600, 120)
    worked = (each.case for each in read_cases(shipped_folder(), RULES))
    return tuple(case for case in (*made, *worked) if [lesion.id for lesion in case.lesions] == [LESION])


def swapped(operators: dict[str, str]) -> Callable[[Patch], None]:
    sound = meaning._compared_numbers

    def faulty(low: object, high: object, operator: str, at: int) -> Symbolic:
        return sound(low, high, operators.get(operator, operator), at)  # type: ignore[arg-type]

    return lambda patch: patch.setattr(meaning, "_compared_numbers", faulty)


def method(owner: type, name: str, fault: Callable[..., object]) -> Callable[[Patch], None]:
    sound = getattr(owner, name)
    return lambda patch: patch.setattr(owner, name, lambda self, *words: fault(sound, self, *words))


def function(name: str, fault: Callable[..., object]) -> Callable[[Patch], None]:
    sound = getattr(meaning, name)
    return lambda patch: patch.setattr(meaning, name, lambda *words: fault(sound, *words))


def unknown_as_false(sound: Callable[..., Symbolic], *words: object) -> Symbolic:
    truth = sound(*words)
    return Symbolic(truth.true, no(truth.true))


FAULTS: dict[str, Callable[[Patch], None]] = {
    "and is false only where both are": method(
        Symbolic, "__and__", lambda _, a, b: Symbolic(both(a.true, b.true), both(a.false, b.false))
    ),
    "or is true only where both are": method(
        Symbolic, "__or__", lambda _, a, b: Symbolic(both(a.true, b.true), both(a.false, b.false))
    ),
    "not leaves a truth as it is": method(Symbolic, "__invert__", lambda _, a: a),
    "what is not there counts": method(Symbolic, "where", lambda _, a, present: a),
    "<= leaves its end out": swapped({"<=": "<"}),
    "> holds at its end": swapped({">": ">="}),
    "a threshold lies one gap further": function("place", lambda sound, *words: sound(*words) + 1),
    "an unknown yes/no is a no": method(Conditions, "_stated", unknown_as_false),
    "an unknown comparison is false": method(Conditions, "_compared", unknown_as_false),
    "a requirement objects where it is met": function(
        "holds_against", lambda sound, rule, truth: truth if rule.effect == "requires" else sound(rule, truth)
    ),
    "only `excludes` excludes": function("excludes", lambda _, rule: rule.effect == "excludes"),
    "an unknown exclusion excludes nothing": method(
        Objections, "possible",
        lambda sound, self, *words: sound(Objections(Symbolic(self.excluded.true, no(self.excluded.true)),
                                                     self.held_back), *words),
    ),
    "everybody is in scope": method(Meaning, "scope", lambda *_: Symbolic.of(True)),
    "any structure asks of one alone": function("some", lambda sound, truths: sound(list(truths)[:1])),
    "site and side list no structure": method(Universe, "_enumerated", lambda *_: either(no(no(meaning.YES)))),
}  # fmt: skip


@pytest.mark.slow
def test_without_a_fault_the_two_agree() -> None:
    compare("decision", patients(), 1, varied=False)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_translation_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[fault](monkeypatch)
    with pytest.raises((AssertionError, TypeError)):
        compare("decision", patients(), 1, varied=False)


def test_at_least_ten_faults_are_seeded_into_each() -> None:
    assert min(map(len, (SLIPS, COMPILER_FAULTS, FAULTS))) >= 10


def _case(a: str, b: str, size: str, count: int, grade: str, touched: str) -> str:
    """A patient with two lesions, about whom every condition of the language has something to say."""
    facts = f"{{site: neck, side: left, size: {size}, count: {count}, grade: {grade}, flag: {a}}}"
    structures = f"[{{name: nerve, side: left, facts: {{touched: {touched}}}}}]"
    return (
        f"name: one\nas_of: 2026-11-22\npatient: {{flagA: {a}, flagB: {b}}}\nlesions:\n"
        f"  - {{id: T1, facts: {facts}, structures: {structures}}}\n"
        f"  - {{id: T2, facts: {{site: neck, side: right, size: 3}}}}\n"
        "expect: {scope: true}\n"
    )


CASES = {
    "at": _case("true", "false", "20", 5, "middle", "true"),
    "below": _case("false", "true", '"< 20"', 2, "high", "false"),
    "unsaid": _case("{absent: asked-unknown}", "true", '">= 20"', 6, "low", "{absent: asked-unknown}"),
}

ENGINE_FAULTS: dict[str, Callable[[Patch], None]] = {
    **{f"evaluator: {name}": SLIPS[name][2] for name in ("and read as or", "< read as <=", "an unknown fact is false")},
    **{f"compiler: {name}": fault for name, fault in list(COMPILER_FAULTS.items())[::4]},
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", ENGINE_FAULTS)
def test_cds_test_fails_where_an_engine_has_a_fault(
    tmp_path: Path, fault: str, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = small(tmp_path, EVERY_OPERATOR, definitions=DEFINITIONS)
    (folder / "cases").mkdir()
    for name, text in CASES.items():
        (folder / "cases" / f"{name}.yaml").write_text(text, encoding="utf-8")
    assert main(["test", str(folder)]) == 0, capsys.readouterr().out
    ENGINE_FAULTS[fault](monkeypatch)
    assert main(["test", str(folder)]) == 1
    assert "no advice" in capsys.readouterr().out
