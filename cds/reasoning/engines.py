"""The second engine of this process: one worker, started when it is first needed."""

from __future__ import annotations

from functools import cache

from cds.reasoning.engine import Engine


@cache
def second_engine() -> Engine:
    """The durable-rules engine that this process runs beside the reference evaluator; the same one every time."""
    from cds.reasoning.forward_chaining import DurableRulesEngine

    return DurableRulesEngine()
