"""A call as the client sent it, checked before anything clinical is looked at.

Members that the specification does not name are passed over; `extension` is an object wherever it stands. An optional
member that is `null` counts as not sent. Clients write `Patient/123` where the specification wants `123`: the prefix is
taken off, and a warning says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails

from cds.errors import Issue
from cds.intake.remarks import shown
from cds.service.hooks.problems import BAD_REQUEST, NotAnswered
from cds.service.hooks.services import hooks_of

Json = Mapping[str, object]
UUID: Final = r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"
_ID: Final = r"^[A-Za-z0-9\-.]{1,64}$"
_REFERENCE: Final = r"^[A-Za-z]{1,64}/[A-Za-z0-9\-.]{1,64}$"
_ORDERING: Final = r"^(Practitioner|PractitionerRole)/[A-Za-z0-9\-.]{1,64}$"
_VIEWING: Final = r"^(Practitioner|PractitionerRole|Patient|RelatedPerson)/[A-Za-z0-9\-.]{1,64}$"
_FORMS: Final = {
    UUID: "it is no UUID; send one as `d1577c69-dfbe-44ad-ba6d-3e05e953b2ea`",
    _ID: "it is no id of a resource; send the bare id, of letters, digits, `-` and `.`",
    _REFERENCE: "it is no reference; send the type and the id, as `ServiceRequest/17`",
    _ORDERING: "it is no user of this hook; send the type and the id, as `Practitioner/17` or `PractitionerRole/17`",
    _VIEWING: "it is no user; send `Practitioner/17`, or the like of a PractitionerRole, Patient or RelatedPerson",
}
"""What is wrong with a text that is not of a form, and how it is written."""
_KINDS: Final = {
    "missing": "it is missing; send it",
    "string_type": "it is no text; send a JSON string",
    "dict_type": "it is no object; send a JSON object",
    "model_type": "it is no object; send a JSON object",
    "tuple_type": "it is no list; send a JSON array",
    "int_type": "it is no whole number; send one",
    "greater_than": "it is too small; send more than {gt}",
    "literal_error": "it is none of the values that are known; send {expected}",
    "too_short": "it is empty; send at least one",
    "too_long": "it holds too many; send at most {max_length} at once",
    "string_too_short": "it is empty; send a text, or leave it out",
    "string_too_long": "it is too long; send at most {max_length} characters",
}
"""What is wrong, by the kind of problem that the models tell."""


class Sent(BaseModel):
    """Frozen; what it does not name is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    extension: dict[str, Any] | None = None


def _bare(type_: str) -> BeforeValidator:
    return BeforeValidator(lambda value: value.removeprefix(f"{type_}/") if isinstance(value, str) else value)


PatientId = Annotated[str, _bare("Patient"), Field(pattern=_ID)]
EncounterId = Annotated[str, _bare("Encounter"), Field(pattern=_ID)]
Reference = Annotated[str, Field(pattern=_REFERENCE)]
Ordering = Annotated[str, Field(pattern=_ORDERING)]
Viewing = Annotated[str, Field(pattern=_VIEWING)]


class Context(Sent):
    """What every hook says: whom it is about."""

    patientId: PatientId
    encounterId: EncounterId | None = None


class PatientViewContext(Context):
    """`patient-view` 1.0."""

    userId: Viewing


class Drafts(Sent):
    """A Bundle of orders."""

    resourceType: Literal["Bundle"]
    entry: tuple[dict[str, Any], ...] = ()


class OrderSignContext(Context):
    """`order-sign` 1.0."""

    userId: Ordering
    draftOrders: Drafts


class OrderSelectContext(OrderSignContext):
    """`order-select` 1.0: every selection is one of the drafts."""

    selections: Annotated[tuple[Reference, ...], Field(min_length=1, strict=False)]

    @model_validator(mode="after")
    def _selected_are_drafts(self) -> OrderSelectContext:
        there = {f"{r.get('resourceType')}/{r.get('id')}" for r in resources(self.draftOrders)}
        for selection in self.selections:
            if selection not in there:
                raise ValueError(f"`{selection}` of selections is none of draftOrders; send every selected order there")
        return self


class OrderDispatchContext(Context):
    """`order-dispatch` 1.1: it names no user."""

    dispatchedOrders: Annotated[tuple[Reference, ...], Field(min_length=1, strict=False)]
    performer: Reference
    fulfillmentTasks: tuple[dict[str, Any], ...] = ()

    @model_validator(mode="after")
    def _tasks_are_for_dispatched_orders(self) -> OrderDispatchContext:
        for task in self.fulfillmentTasks:
            named = [task.get("focus"), *(task["basedOn"] if isinstance(task.get("basedOn"), list) else ())]
            told = {str(each.get("reference", "")) for each in named if isinstance(each, dict)}
            if task.get("resourceType") != "Task" or not any(t.endswith(self.dispatchedOrders) for t in told):
                raise ValueError("a fulfillment task is no Task for one of dispatchedOrders; refer to one in `focus`")
        return self


CONTEXTS: Final[Mapping[str, type[Context]]] = {
    "patient-view": PatientViewContext,
    "order-select": OrderSelectContext,
    "order-sign": OrderSignContext,
    "order-dispatch": OrderDispatchContext,
}


class Authorization(Sent):
    """The token with which the client's FHIR server may be asked during this call, and never after it."""

    access_token: SecretStr
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Field(gt=0)]
    scope: str
    subject: str
    patient: str | None = None


class Call(Sent):
    """One call of a service."""

    hook: str
    hookInstance: Annotated[str, Field(pattern=UUID)]
    fhirServer: str | None = None
    fhirAuthorization: Authorization | None = None
    context: Context
    prefetch: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _a_token_is_for_a_server(self) -> Call:
        if self.fhirAuthorization is not None and self.fhirServer is None:
            raise ValueError("fhirAuthorization stands without fhirServer; send the server that the token is for")
        return self


def read_call(body: Json, service: str) -> tuple[Call, tuple[str, ...]]:
    """The call of a service, and warnings for its sender. Raises `NotAnswered` (400) with every problem."""
    hook = body.get("hook")
    accepted = hooks_of(service)
    issues: list[Issue] = []
    if hook not in accepted:
        given = f"`{shown(hook)}` is not offered by this service" if "hook" in body else "it is missing"
        issues.append(Issue("error", BAD_REQUEST, "hook", f"{given}; send {' or '.join(accepted)}"))
    kind = CONTEXTS[hook if isinstance(hook, str) and hook in accepted else accepted[0]]
    raw = {name: value for name, value in body.items() if value is not None}
    context = raw.get("context")
    read: Context | None = None
    if isinstance(context, Mapping):
        present = {name: value for name, value in context.items() if value is not None}
        try:
            read = kind.model_validate(_tupled(present))
        except ValidationError as error:
            issues += problems_of(error, ("context",))
    elif "context" in raw:
        issues.append(Issue("error", BAD_REQUEST, "context", "it is no object; send the hook's context"))
    # The context was read by its own model; what stands in for it here only lets the rest be checked in the same go.
    placeholder = read if read is not None else Context.model_construct(patientId="-")
    rest = {**raw, "hook": hook if isinstance(hook, str) else "-"}
    if "context" in raw:
        rest["context"] = placeholder
    try:
        call = Call.model_validate(rest)
    except ValidationError as error:
        raise NotAnswered(400, [*issues, *problems_of(error)]) from None
    if issues or read is None:
        raise NotAnswered(400, issues)
    return call, tuple(_warnings(context if isinstance(context, Mapping) else {}, call))


def resources(bundle: Drafts) -> Iterable[Mapping[str, object]]:
    """The resources of a Bundle of orders."""
    return (each["resource"] for each in bundle.entry if isinstance(each.get("resource"), dict))


def _tupled(context: Mapping[str, object]) -> dict[str, object]:
    """Arrays as tuples, for the models are frozen and strict."""
    result = {name: tuple(value) if isinstance(value, list) else value for name, value in context.items()}
    drafts = result.get("draftOrders")
    if isinstance(drafts, Mapping) and isinstance(drafts.get("entry"), list):
        result["draftOrders"] = {**drafts, "entry": tuple(drafts["entry"])}
    return result


def _warnings(context: Json, call: Call) -> Iterable[str]:
    for name, type_ in (("patientId", "Patient"), ("encounterId", "Encounter")):
        value = context.get(name)
        if isinstance(value, str) and value.startswith(f"{type_}/"):
            yield f"context.{name}: the prefix `{type_}/` was taken off; send the bare id"
    grant = call.fhirAuthorization
    if grant is not None and "patient/" in grant.scope and grant.patient is None:
        yield "fhirAuthorization.patient: the scope is a patient's, and which patient's is not said"


def problems_of(error: ValidationError, within: tuple[str, ...] = ()) -> Iterable[Issue]:
    """What is wrong with what was sent, each with its place; nothing of it is repeated."""
    problems = error.errors(include_url=False, include_input=False)
    for problem in problems:
        place = problem["loc"]
        within_it = (each for each in problems if each["loc"] != place and each["loc"][: len(place)] == place)
        if problem["type"] == "too_short" and any(within_it):
            continue  # a list is not too short because what stands in it is wrong
        path = ""
        for part in (*within, *place):
            path += f"[{part}]" if isinstance(part, int) else f"{'.' if path else ''}{shown(part)}"
        yield Issue("error", BAD_REQUEST, path, _details(problem))


def _details(problem: ErrorDetails) -> str:
    bounds = problem.get("ctx", {})
    if problem["type"] == "string_pattern_mismatch":
        return _FORMS[bounds["pattern"]]
    if problem["type"] in _KINDS:
        return _KINDS[problem["type"]].format_map(bounds)
    message = str(problem["msg"]).removeprefix("Value error, ")
    return re.sub(r"\.$", "", f"{message[:1].lower()}{message[1:]}")
