"""The FHIR door: what the rules are, and what they come to for a patient, as FHIR R4 resources."""

from cds.service.fhir.door import add_to

__all__ = ["add_to"]
