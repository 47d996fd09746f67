"""JSON schemas of the files of a rule set, for editors that complete and check YAML while it is written.

They say what each file by itself may hold; what holds between files (a reference that is there, a fact that the
vocabulary has) is for `cds check`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from cds.ruleset.files import Overlay
from cds.ruleset.mapping import MappingFile
from cds.ruleset.model import (
    ClaimFile,
    DefinitionFile,
    ParameterFile,
    PlannerFile,
    PreferenceFile,
    RuleFile,
    RuleSetFile,
    StructureFile,
    VocabularyFile,
)

MODELS: Final[Mapping[str, type[BaseModel]]] = {
    "ruleset.yaml": RuleSetFile,
    "vocabulary.yaml": VocabularyFile,
    "structures.yaml": StructureFile,
    "parameters.yaml": ParameterFile,
    "definitions.yaml": DefinitionFile,
    "preferences.yaml": PreferenceFile,
    "thermoprotection.yaml": PlannerFile,
    "claims.yaml": ClaimFile,
    "rules/*.yaml": RuleFile,
    "mapping/*.yaml": MappingFile,
    "overlay.yaml": Overlay,
}
"""The files of a rule set, and an institution's overlay, by their places in the folder."""
DIALECT: Final = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def editor_schemas() -> dict[str, dict[str, Any]]:
    """The JSON schema (draft 2020-12) of each kind of file, by its pattern.

    >>> sorted(editor_schemas()["rules/*.yaml"]["properties"])
    ['exceptions', 'rules']
    """
    return {pattern: DIALECT | model.model_json_schema(mode="validation") for pattern, model in MODELS.items()}


def schema_name(pattern: str) -> str:
    """What the schema's file is called.

    >>> schema_name("rules/*.yaml"), schema_name("parameters.yaml")
    ('rules.schema.json', 'parameters.schema.json')
    """
    return f"{pattern.removesuffix('.yaml').removesuffix('/*')}.schema.json"
