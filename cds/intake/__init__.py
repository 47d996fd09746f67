"""FHIR R4 or R4B bundle in, typed case out; or every problem of the bundle at once."""

from cds.intake.document import Limits
from cds.intake.reader import read_bundle

__all__ = ["Limits", "read_bundle"]
