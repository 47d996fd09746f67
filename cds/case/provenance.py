"""Where a fact was read: the resource, its version, the element, and the mapping that read it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Role(enum.Enum):
    """What an element did for a fact."""

    VALUE = "value"
    """It carried the value (or one of the values that conflict)."""
    ABSENCE = "absence"
    """It said that the value is not known, or could not be read."""
    EXCLUSION = "exclusion"
    """It decided that a resource was not used: its status, `refuted`, a specimen, an unknown modifier extension."""
    CONTEXT = "context"
    """It made a value readable: the focus, the subject, the unit, the problem list whose silence counts."""


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """One element of the record.

    `resource` is `Type/id`; `path` a FHIRPath from the resource's type (`Observation.valueQuantity`): deleting that
    element takes the source away; `date` the element's clinical date as the record gives it; `entry` where it stood in
    the bundle (`Bundle.entry[3].resource`); `mapping` the id of the mapping table's line that read it.

    >>> Source("Observation/arc1", "1", "Observation.valueQuantity", "2026-10-30").path
    'Observation.valueQuantity'
    """

    resource: str
    version: str | None
    path: str
    date: str | None = None
    entry: str = ""
    mapping: str = ""
    role: str = Role.VALUE.value
