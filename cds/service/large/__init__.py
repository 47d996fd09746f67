"""Large bodies, evaluated in processes of their own: who reads one holds the interpreter, and small requests wait.

`pool` is what the service asks, `evaluator` one process as the service sees it, `process` what runs there, and
`messages` what they say to each other.
"""

from cds.service.large.pool import LargeBodies

__all__ = ["LargeBodies"]
