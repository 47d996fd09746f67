"""Clinical decision support for recurrent head and neck tumours: a FHIR bundle in, options with cited reasons out.

The package reads in the order in which a patient's data flow: `intake` (FHIR bundle → facts), `case` (what is
known), `ruleset` (clinical knowledge, from `rules/`), `reasoning` (rules × facts, by two engines), `recommendation`
(the answer), then `explanation`, `service` and `cli`. It lists options with reasons; it never issues a directive.

>>> import cds, datetime, json
>>> bundle = {"resourceType": "Bundle", "type": "collection",
...           "entry": [{"resource": {"resourceType": "Patient", "id": "p", "birthDate": "1957-04"}}]}
>>> answer = cds.evaluate(bundle, as_of=datetime.date(2026, 11, 22))
>>> answer.scope.truth, answer.scope.reasons[0].code
('unknown', 'no-lesion')
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from cds.api import evaluate, read_case
    from cds.case import Case
    from cds.errors import CdsError
    from cds.recommendation.model import Recommendation
    from cds.ruleset import RuleSet, load_rules

# Where each public name lives. They are imported on first use, so that `cds --version` and the engine's worker process
# start without loading FHIR models.
_HOMES = {
    "Case": "cds.case",
    "CdsError": "cds.errors",
    "Recommendation": "cds.recommendation.model",
    "RuleSet": "cds.ruleset",
    "evaluate": "cds.api",
    "load_rules": "cds.ruleset",
    "read_case": "cds.api",
}

__all__ = ["Case", "CdsError", "Recommendation", "RuleSet", "__version__", "evaluate", "load_rules", "read_case"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cds' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
