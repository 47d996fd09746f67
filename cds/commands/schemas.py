"""The JSON schemas of everything that authors of rules write: the rule set, its claims, its worked cases."""

from __future__ import annotations

from typing import Any

from cds.analysis.declarations import FILE, DeclarationFile
from cds.ruleset.editor_schemas import DIALECT, editor_schemas
from cds.vocabulary import Vocabulary
from cds.worked_case_form import case_schema


def author_schemas(vocabulary: Vocabulary) -> dict[str, dict[str, Any]]:
    """The JSON schema (draft 2020-12) of each kind of file, by its pattern; worked cases speak of a vocabulary's facts.

    >>> from cds.testing import sample_vocabulary
    >>> [pattern for pattern in author_schemas(sample_vocabulary()) if pattern.startswith(("cases", "veri"))]
    ['verification.yaml', 'cases/*.yaml']
    """
    claims = DeclarationFile.model_json_schema(mode="validation")
    lists = [{"required": [name], "properties": {name: {"minItems": 1}}} for name in ("never_adds", "never_removes")]
    claims["$defs"]["Monotone"]["anyOf"] = lists
    return {**editor_schemas(), FILE: DIALECT | claims, "cases/*.yaml": DIALECT | case_schema(vocabulary)}
