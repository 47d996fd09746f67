"""FHIR's primitive types in native code, from fhir.resources' own annotations.

Each accepts less than the library does (no number for a text, no text for a number) and nothing else.
"""

from __future__ import annotations

import re
from typing import Any, Final

from fhir_core import types as fhir
from pydantic import TypeAdapter
from pydantic_core import CoreSchema, core_schema

# The library asks Python's calendar whether a day exists. A pattern asks for the same, and leaves 29 February of a
# century, leap seconds and fractions finer than a microsecond to the judge.
_DAY: Final = (
    "(?:[0-9]{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    "|[0-9]{2}(?:0[48]|[2468][048]|[13579][26])-02-29)"
)
_CLOCK: Final = r"[0-9]{2}:[0-9]{2}:[0-5][0-9](?:\.[0-9]{1,6})?"
_MOMENT: Final = f"{_DAY}T{_CLOCK}(?:Z|[+-][0-9]{{2}}:[0-9]{{2}})"
_MONTH: Final = "[0-9]{4}(?:-[0-9]{2})?"
_CALENDAR: Final = {
    fhir.Date: f"{_MONTH}|{_DAY}",
    fhir.DateTime: f"{_MONTH}|{_DAY}|{_MOMENT}",
    fhir.Instant: _MOMENT,
    fhir.Time: _CLOCK,
}
_BASE64: Final = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)"
_NATIVE: Final = frozenset({"bool", "int", "str"})


def primitive(annotation: Any) -> CoreSchema | None:
    """The native schema of one of the library's annotations of a primitive; `None` where none is known.

    >>> from fhir.resources.R4B.fhirtypes import CodeType
    >>> primitive(CodeType)["type"]
    'str'
    """
    schema = TypeAdapter(annotation).core_schema
    constraints: dict[str, Any] = {k: v for k, v in schema.items() if k not in ("metadata", "serialization")}
    if schema["type"] in _NATIVE:
        return {**constraints, "strict": True}
    if schema["type"] == "uuid":
        return core_schema.chain_schema([_text(), constraints])
    inner: dict[str, Any] = constraints.get("schema", {})
    markers = getattr(annotation, "__metadata__", ())
    return next((found for marker in markers if (found := _marked(marker, inner)) is not None), None)


def _marked(marker: object, inner: dict[str, Any]) -> CoreSchema | None:
    """The native counterpart of what the library checks in Python around its `inner` schema."""
    kind = type(marker)
    if kind in _CALENDAR:
        own: re.Pattern[str] = marker.pattern  # type: ignore[attr-defined]  # only markers with a pattern come here
        return core_schema.chain_schema([_text(own.pattern), _text(_CALENDAR[kind])])
    if kind is fhir.Decimal:
        return core_schema.union_schema(
            [core_schema.int_schema(strict=True), core_schema.decimal_schema(strict=True, allow_inf_nan=False)]
        )
    if kind is fhir.Base64Binary:
        return _text(_BASE64)
    if kind is fhir.Url and inner.get("type") == "str":
        return {**inner, "strict": True}
    return None


def _text(pattern: str | None = None) -> CoreSchema:
    return core_schema.str_schema(pattern=None if pattern is None else f"^(?:{pattern})$", strict=True)
