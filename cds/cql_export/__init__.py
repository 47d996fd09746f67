"""The rule set as a library of HL7 CQL, and a case as what any CQL engine evaluates it on.

The library holds every definition and every criterion as a `define` over tuple-typed parameters; nothing in it names
FHIR. What an engine that takes single values only is not told (intervals), and what that changes, says `case`.
"""

from cds.cql_export.case import case_parameters, without_intervals
from cds.cql_export.library import Library, cql_library

__all__ = ["Library", "case_parameters", "cql_library", "without_intervals"]
