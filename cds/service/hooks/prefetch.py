"""What a client prefetched: for each of our searches whether it was obtained, found nothing, is partial, or is missing.

"There is none" is only what a client says: `null`, or a searchset without entries. A key that is not sent, an
OperationOutcome in its place, a further page that is not here, are "not known".
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cds.errors import Issue
from cds.intake.document import Json, child, children, string
from cds.intake.remarks import shown
from cds.service.hooks.problems import BAD_REQUEST, OTHER_PATIENT

# An issue of one of these types says that nothing was found, or something that changes no result.
_HARMLESS: Final = frozenset({"informational", "not-found", "success", "value", "code-invalid"})


class State(enum.StrEnum):
    """How far a search was satisfied."""

    OBTAINED = "obtained"
    NONE = "none"
    PARTIAL = "partial"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Found:
    """One resource and where it came from: `prefetch.labs.entry[2].resource`."""

    place: str
    resource: Json
    full_url: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What was obtained for one search; `why` says what is missing from it, `notes` what the sender remarked."""

    key: str
    state: State
    found: tuple[Found, ...] = ()
    why: str = ""
    next_page: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether what it does not hold may be taken as not there."""
        return self.state in (State.OBTAINED, State.NONE)

    @property
    def unanswered(self) -> bool:
        """Whether it is no answer at all. A search that says it has more, and shows none of it, gave none either."""
        return self.state is State.MISSING or (self.state is State.PARTIAL and not self.found)


def receive(prefetch: Json, templates: Mapping[str, str], issues: list[Issue]) -> dict[str, Part]:
    """What the client sent for each of our templates. A key that is not ours is passed over, if it holds a resource."""
    for key, value in prefetch.items():
        if value is not None and not (isinstance(value, Mapping) and isinstance(value.get("resourceType"), str)):
            details = "it is neither null nor a FHIR resource; send what the template's query answered"
            issues.append(Issue("error", BAD_REQUEST, f"prefetch.{shown(key)}", details))
    return {key: _received(prefetch, key, template, issues) for key, template in templates.items()}


def _received(prefetch: Json, key: str, template: str, issues: list[Issue]) -> Part:
    if key not in prefetch:
        return Part(key, State.MISSING, why="the key was not sent")
    value = prefetch[key]
    if value is None:
        return Part(key, State.NONE)
    place = f"prefetch.{key}"
    if not isinstance(value, Mapping) or not isinstance(value.get("resourceType"), str):
        return Part(key, State.MISSING)  # reported by `receive`
    return read_answer(key, value, template, place, issues)


def read_answer(key: str, value: Json, template: str, place: str, issues: list[Issue]) -> Part:
    """What a FHIR server answered to a template's query, itself or through the client."""
    type_, slash, _ = template.partition("?")[0].partition("/")
    given = value.get("resourceType")
    if given == "OperationOutcome":
        return Part(key, State.MISSING, why=f"an OperationOutcome stands in its place ({_first_code(value)})")
    if given == "Bundle":
        return _searched(key, value, place, issues)
    if given == type_:
        found = (Found(place, value),)
        return Part(key, State.OBTAINED, found) if slash else Part(
            key, State.PARTIAL, found, "a single resource stands where a search's Bundle belongs"
        )  # fmt: skip
    details = f"`{shown(given)}` does not answer `{template.partition('?')[0]}`; send its result, or null"
    issues.append(Issue("error", BAD_REQUEST, place, details))
    return Part(key, State.MISSING)


def _searched(key: str, bundle: Json, place: str, issues: list[Issue]) -> Part:
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        issues.append(Issue("error", BAD_REQUEST, f"{place}.entry", "it is no list; send the Bundle as it was found"))
        return Part(key, State.MISSING)
    found: list[Found] = []
    notes: list[str] = []
    failed = ""
    matches = 0
    for index, entry in enumerate(entries):
        at = f"{place}.entry[{index}]"
        resource = entry.get("resource") if isinstance(entry, Mapping) else None
        if not isinstance(resource, Mapping):
            details = "the entry holds no resource; send the Bundle as it was found"
            issues.append(Issue("error", BAD_REQUEST, at, details))
        elif resource.get("resourceType") == "OperationOutcome":
            failed = failed or _withheld(resource)
            notes += [_code(issue) for issue in children(resource, "issue")]
        else:
            matches += string(child(entry, "search"), "mode") in (None, "match")
            found.append(Found(f"{at}.resource", resource, string(entry, "fullUrl") or None))
    told = tuple(dict.fromkeys(notes))
    if failed:
        return Part(key, State.MISSING, tuple(found), f"the search failed or was not allowed ({failed})", notes=told)
    further = [link for link in children(bundle, "link") if string(link, "relation") == "next"]
    if further:
        return Part(key, State.PARTIAL, tuple(found), "it has a further page", string(further[0], "url"), told)
    total = bundle.get("total")
    if isinstance(total, int) and not isinstance(total, bool) and total > matches:
        return Part(key, State.PARTIAL, tuple(found), f"{matches} of {total} matches are here", notes=told)
    return Part(key, State.OBTAINED if found else State.NONE, tuple(found), notes=told)


def _withheld(outcome: Json) -> str:
    """The code of the first issue because of which something may be missing; empty where there is none."""
    for issue in children(outcome, "issue"):
        if string(issue, "severity") in ("error", "fatal") or string(issue, "code") not in _HARMLESS:
            return _code(issue)
    return ""


def _first_code(outcome: Json) -> str:
    return next((_code(issue) for issue in children(outcome, "issue")), "no issue")


def _code(issue: Json) -> str:
    return f"{shown(string(issue, 'severity'), 20)} {shown(string(issue, 'code'), 40)}"


# ------------------------------------------------------------------------------------------------------- whose record


def other_patients(found: Iterator[Found] | tuple[Found, ...], patient: str) -> Iterator[Issue]:
    """Every resource that is another patient's than the one in context."""
    for each in found:
        if each.resource.get("resourceType") == "Patient":
            id_ = string(each.resource, "id")
            if id_ != patient:
                told = f"`{shown(id_)}`" if id_ else "no id"
                details = f"the Patient has {told}, and context.patientId is another; send the patient in context"
                yield Issue("error", OTHER_PATIENT, f"{each.place}.id", details)
            continue
        for element in ("subject", "patient"):
            text = (string(child(each.resource, element), "reference") or "").split("/_history/")[0]
            type_, _, id_ = "/".join(text.rsplit("/", 2)[-2:]).partition("/")
            if type_ == "Patient" and id_ and id_ != patient:
                details = f"`{shown(text)}` is not the patient in context; send one patient's record"
                yield Issue("error", OTHER_PATIENT, f"{each.place}.{element}", details)
