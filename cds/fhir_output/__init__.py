"""The rules and the answers as FHIR R4 resources. Pure: no clock, no network, nothing decided."""

from cds.fhir_output.addresses import Addresses
from cds.fhir_output.occasion import Occasion
from cds.fhir_output.plan_definition import artefacts, plan_definition
from cds.fhir_output.proposal import bundle, care_plan
from cds.fhir_output.publication import publication

__all__ = ["Addresses", "Occasion", "artefacts", "bundle", "care_plan", "plan_definition", "publication"]
