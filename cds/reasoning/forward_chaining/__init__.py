"""The second engine: durable-rules, in a worker process of its own, on rules compiled from the same conditions.

`lowering` makes positive formulas of conditions, `packing` cuts them into rules that the engine can carry, `encoding`
says what flat facts and rules look like, `compilation` makes rulesets of a program, `worker` runs them, `process` holds
the worker, and `adapter` is the engine. Nothing here is shared with the reference evaluator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cds.reasoning.forward_chaining.adapter import DurableRulesEngine

__all__ = ["DurableRulesEngine"]


def __getattr__(name: str) -> object:
    # Loaded on demand: the worker imports this package too, and must start without what only its parent needs.
    if name == "DurableRulesEngine":
        from cds.reasoning.forward_chaining.adapter import DurableRulesEngine

        return DurableRulesEngine
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
