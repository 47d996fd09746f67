"""If the compiler to durable-rules were wrong anywhere, the comparison with the reference evaluator would show it.

The evaluator's decisions, made before, are compared with what durable-rules makes of the program once it was compiled
with one fault. Each is a slip that its author could make, in lowering, in packing, or in what is decided first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import pytest

from cds.errors import EngineDisagreement, EngineFailure
from cds.language.syntax import And, AnyOf, Expression, FactReference, Implies, Membership, Not, Or, Xor
from cds.reasoning.agreement import compare
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.contexts import Contexts
from cds.reasoning.engine import Decisions
from cds.reasoning.forward_chaining import DurableRulesEngine, compilation, lowering
from cds.reasoning.forward_chaining.lowering import AnyAttribute, Atom, FactAttribute, Formula, all_parts, some_parts
from cds.ruleset.program import Program
from cds.testing import random_cases, thresholds
from tests.differential.population import together
from tests.differential.test_operator_flips import DEFINITIONS, EVERY_OPERATOR
from tests.ruleset.workshop import small_rules

pytestmark = pytest.mark.slow

Patch = pytest.MonkeyPatch
Lowered = Callable[[Expression, bool, lowering.Scope], Formula]


@dataclass(frozen=True)
class Asked:
    """A program with every operator of the language, patients, and what the reference evaluator decided for them."""

    program: Program
    contexts: Contexts
    decided: Decisions


@pytest.fixture(scope="module")
def engine() -> Iterator[DurableRulesEngine]:
    durable = DurableRulesEngine(time_limit=60.0)
    yield durable
    durable.close()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    rules = small_rules(tmp_path_factory.mktemp("rules"), EVERY_OPERATOR, definitions=DEFINITIONS)
    program = rules.programs["decision"]
    constants = thresholds(criterion.condition for criterion in program.criteria)
    constants["lesion.count"] = tuple(map(Fraction, (1, 2, 4, 5, 6)))
    contexts = together(list(random_cases(rules.vocabulary, constants, seed=3, n=120, known=0.7)))
    return Asked(program, contexts, ReferenceEngine().decide(program, contexts))


# --- ways to be wrong ----------------------------------------------------------------------------------------------


def lowers(wrong: Callable[[Lowered, Expression, bool, lowering.Scope], Formula | None]) -> Callable[[Patch], None]:
    """A condition is lowered to another formula; `None` leaves it to the compiler."""

    def fault(patch: Patch) -> None:
        sound = lowering.certainly

        def certainly(condition: Expression, outcome: bool, scope: lowering.Scope) -> Formula:
            formula = wrong(certainly, condition, outcome, scope)
            return sound(condition, outcome, scope) if formula is None else formula

        patch.setattr(lowering, "certainly", certainly)
        patch.setattr(compilation, "certainly", certainly)

    return fault


def measures(wrong: Callable[[Formula], Formula]) -> Callable[[Patch], None]:
    """What a comparison with a number becomes is another formula."""
    return lambda patch: _wrapped(patch, lowering, "_measured", wrong)


def _wrapped(patch: Patch, where: object, name: str, wrong: Callable[..., object]) -> None:
    sound = getattr(where, name)
    patch.setattr(where, name, lambda *words: wrong(sound(*words)))


def operators(wrong: dict[str, str]) -> Callable[[Formula], Formula]:
    def rewritten(formula: Formula) -> Formula:
        if not isinstance(formula, Atom):
            return formula
        return replace(formula, operator=wrong.get(formula.operator, formula.operator))  # type: ignore[arg-type]

    return rewritten


def other_end(formula: Formula) -> Formula:
    if isinstance(formula, Atom) and isinstance(formula.attribute, FactAttribute):
        end = "low" if formula.attribute.part == "high" else "high"
        return replace(formula, attribute=replace(formula.attribute, part=end))  # type: ignore[arg-type]
    return formula


def turned(formula: Formula) -> Formula:
    """`all` for `some` and the other way round."""
    if isinstance(formula, lowering.All):
        return some_parts(formula.parts)
    return all_parts(formula.parts) if isinstance(formula, lowering.Some) else formula


def _of_both(kind: type[And | Or]) -> Callable[[Lowered, Expression, bool, lowering.Scope], Formula | None]:
    """A part that is certainly false makes neither *and* nor *or* what De Morgan says."""

    def wrong(certainly: Lowered, node: Expression, outcome: bool, scope: lowering.Scope) -> Formula | None:
        if not isinstance(node, kind) or outcome:
            return None
        parts = (certainly(node.left, outcome, scope), certainly(node.right, outcome, scope))
        return all_parts(parts) if kind is And else some_parts(parts)

    return wrong


def _xor(certainly: Lowered, node: Expression, outcome: bool, scope: lowering.Scope) -> Formula | None:
    return certainly(Or(node.left, node.right), outcome, scope) if isinstance(node, Xor) else None


def _implies(certainly: Lowered, node: Expression, outcome: bool, scope: lowering.Scope) -> Formula | None:
    return certainly(Or(node.left, Not(node.right)), outcome, scope) if isinstance(node, Implies) else None


def _member(certainly: Lowered, node: Expression, outcome: bool, scope: lowering.Scope) -> Formula | None:
    if not isinstance(node, Membership) or len(node.members) < 2:
        return None
    return certainly(replace(node, members=node.members[:-1]), outcome, scope)


def _yes(certainly: Lowered, node: Expression, outcome: bool, scope: lowering.Scope) -> Formula | None:
    return Atom(FactAttribute(node.level, node.name, "flag"), "=", 1) if isinstance(node, FactReference) else None


def _any_of_all(certainly: Lowered, node: Expression, outcome: bool, scope: lowering.Scope) -> Formula | None:
    return Atom(AnyAttribute("lesion", node.body, True), "=", 1) if isinstance(node, AnyOf) else None


def _any_of_own(certainly: Lowered, node: Expression, outcome: bool, scope: lowering.Scope) -> Formula | None:
    return Atom(AnyAttribute("lesion", node.body, outcome), "=", 1) if isinstance(node, AnyOf) else None


def _forgets_a_rule(patch: Patch) -> None:
    sound = compilation._packed
    patch.setattr(compilation, "_packed", lambda rules: (portion[:-1] or portion for portion in sound(rules)))


def _mistakes_codes(patch: Patch) -> None:
    _wrapped(patch, lowering, "code_number", lambda number: number - 1)


def _halves_the_grid(patch: Patch) -> None:
    _wrapped(patch, lowering, "doubled", lambda place: place // 2)


def _swaps_outcomes(patch: Patch) -> None:
    sound = compilation.Pair
    patch.setattr(compilation, "Pair", lambda when_true, when_false: sound(when_false, when_true))


FAULTS: dict[str, Callable[[Patch], None]] = {
    "a threshold belongs to `<`": measures(operators({"<": "<="})),
    "a threshold does not belong to `>=`": measures(operators({">=": ">"})),
    "an interval is asked at its other end": measures(other_end),
    "`=` holds where either end does": measures(turned),
    "a number is placed on the grid that is not doubled": _halves_the_grid,
    "a code is mistaken for the one before": _mistakes_codes,
    "`and` is false only where both are": lowers(_of_both(And)),
    "`or` is false where one is": lowers(_of_both(Or)),
    "`xor` is lowered as `or`": lowers(_xor),
    "`implies` is turned round": lowers(_implies),
    "the last member of a set is forgotten": lowers(_member),
    "a yes/no is false where it is true": lowers(_yes),
    "*any* is false where it is true": lowers(_any_of_all),
    "*any* of the other lesion's structures asks the own": lowers(_any_of_own),
    "the last rule of a portion is forgotten": _forgets_a_rule,
    "what makes a condition true makes it false": _swaps_outcomes,
}


def test_without_a_fault_the_two_agree(engine: DurableRulesEngine, asked: Asked) -> None:
    compare(asked.decided, engine.decide(replace(asked.program), asked.contexts), engine)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_compiler_is_found(
    engine: DurableRulesEngine, asked: Asked, fault: str, monkeypatch: Patch
) -> None:
    FAULTS[fault](monkeypatch)
    with pytest.raises((EngineDisagreement, EngineFailure)):
        compare(asked.decided, engine.decide(replace(asked.program), asked.contexts), engine)
