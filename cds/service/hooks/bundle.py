"""The obtained parts as one bundle, in which every part that is not whole says so in FHIR's own way.

A missing or partial part stands in the bundle as the OperationOutcome of a search that failed. Intake reads no silence
of such a bundle as an answer: whatever a record does not say while something of it is missing is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cds.errors import Issue
from cds.service.hooks.prefetch import Found, Part, State
from cds.service.hooks.services import PATIENT


@dataclass(frozen=True, slots=True)
class Composed:
    """The bundle to evaluate, and where each of its entries came from."""

    bundle: Mapping[str, object]
    places: tuple[str, ...]

    def placed(self, issues: Iterable[Issue]) -> tuple[Issue, ...]:
        """Issues of the bundle, said of what the client sent.

        >>> composed = Composed({}, ("prefetch.patient",))
        >>> composed.placed([Issue("error", "x", "Bundle.entry[0].resource.birthDate", "…")])[0].expression
        'prefetch.patient.birthDate'
        """
        return tuple(self._placed(issue) for issue in issues)

    def _placed(self, issue: Issue) -> Issue:
        for index, place in enumerate(self.places):
            whole = f"Bundle.entry[{index}]"
            if issue.expression == whole or issue.expression.startswith(f"{whole}."):
                rest = issue.expression.removeprefix(whole).removeprefix(".resource")
                return Issue(issue.severity, issue.code, f"{place}{rest}", issue.details)
        return issue


def compose(parts: Mapping[str, Part], patient: str) -> Composed:
    """The bundle of the parts. A client that knows nothing of its patient (`null`) still says which one it is."""
    entries: list[dict[str, object]] = []
    places: list[str] = []
    if parts[PATIENT].state is State.NONE:
        entries.append({"resource": {"resourceType": "Patient", "id": patient}})
        places.append(f"prefetch.{PATIENT}")
    for part in parts.values():
        for found in part.found:
            entries.append(_entry(found))
            places.append(found.place)
        if not part.complete:
            entries.append({"resource": _not_whole(part), "search": {"mode": "outcome"}})
            places.append(f"prefetch.{part.key}")
    return Composed({"resourceType": "Bundle", "type": "searchset", "entry": entries}, tuple(places))


def _entry(found: Found) -> dict[str, object]:
    return {"resource": found.resource, **({"fullUrl": found.full_url} if found.full_url else {})}


def _not_whole(part: Part) -> dict[str, object]:
    issue = {"severity": "error", "code": "incomplete", "diagnostics": f"prefetch `{part.key}`: {part.why}"}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
