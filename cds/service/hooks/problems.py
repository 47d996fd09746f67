"""Why a call is not answered with cards: every problem at once, as an OperationOutcome that names the prefetch key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from starlette.responses import Response

from cds.errors import Issue
from cds.service.outcomes import FHIR_JSON, Refused, operation_outcome

BAD_REQUEST: Final = "hook-request"
MISSING: Final = "prefetch-missing"
OTHER_PATIENT: Final = "other-patient"
NO_SERVICE: Final = "no-such-service"
_TYPES: Final = {MISSING: "required", NO_SERVICE: "not-found"}


class NotAnswered(Refused):
    """A call that gets an OperationOutcome with all of these issues instead of cards.

    >>> NotAnswered(412, [Issue("error", "prefetch-missing", "prefetch.patient", "not obtained")]).status
    412
    """

    def __init__(self, status: int, issues: Iterable[Issue], headers: Mapping[str, str] | None = None) -> None:
        told = tuple(issues)
        super().__init__(status, told[0].code, "; ".join(f"{i.expression}: {i.details}" for i in told), headers)
        self.issues = told


def refusal(error: NotAnswered) -> Response:
    """The OperationOutcome of a call that is not answered; `diagnostics` says what `details` says."""
    outcome = operation_outcome(error.issues)
    for issue in outcome["issue"] if isinstance(outcome["issue"], list) else ():
        code = issue["details"]["coding"][0]["code"]
        issue["code"] = _TYPES.get(code, issue["code"])
        issue["diagnostics"] = ": ".join([*issue.get("expression", ()), issue["details"]["text"]])
    content = json.dumps(outcome, ensure_ascii=False).encode()
    return Response(content, status_code=error.status, media_type=FHIR_JSON, headers=error.headers)
