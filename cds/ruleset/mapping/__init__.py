"""Mapping tables: which codes of a record speak of which fact. Data of the rule set, compiled for the intake.

A folder `mapping/` holds YAML files; each may have any of the sections of `MappingFile`, and a name stands once in all
of them together. Every group of codes names its source. A code is known by (system, code), never by its display.

In the order in which they are read: the files (`model`) are put together (`merging`), become `tables`, and what these
name is checked (`checks`); `loading` does all of it.
"""

from cds.ruleset.mapping.loading import load_mapping
from cds.ruleset.mapping.model import (
    ConditionReader,
    DoneReader,
    ImagingReader,
    Local,
    MappingFile,
    MedicationReader,
    ObservationReader,
    RefusalReader,
    TreatmentReader,
)
from cds.ruleset.mapping.tables import ABSENT, Coded, MappingTables, ValueSet
from cds.vocabulary import fact_key

__all__ = [
    "ABSENT",
    "Coded",
    "ConditionReader",
    "DoneReader",
    "ImagingReader",
    "Local",
    "MappingFile",
    "MappingTables",
    "MedicationReader",
    "ObservationReader",
    "RefusalReader",
    "TreatmentReader",
    "ValueSet",
    "fact_key",
    "load_mapping",
]
