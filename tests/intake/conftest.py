"""The tables of the rule set in `rules/`, read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds.ruleset.documents import read_document
from cds.ruleset.mapping import MappingTables, load_mapping
from cds.ruleset.model import StructureFile, VocabularyFile
from cds.ruleset.vocabulary_file import build_vocabulary
from cds.vocabulary import Vocabulary
from tests.intake.records import Reader

RULES = "rules/recurrent-head-and-neck"


@pytest.fixture(scope="session")
def vocabulary(repository: Path) -> Vocabulary:
    facts = read_document(repository / RULES / "vocabulary.yaml", "vocabulary.yaml")
    table = read_document(repository / RULES / "structures.yaml", "structures.yaml")
    found, findings = build_vocabulary(
        VocabularyFile.model_validate(facts.data), facts, StructureFile.model_validate(table.data), table
    )
    assert not findings
    return found


@pytest.fixture(scope="session")
def mapping(repository: Path, vocabulary: Vocabulary) -> MappingTables:
    tables, findings = load_mapping(repository / RULES / "mapping", vocabulary)
    assert not findings
    return tables


@pytest.fixture(scope="session")
def read(vocabulary: Vocabulary, mapping: MappingTables) -> Reader:
    return Reader(vocabulary, mapping)
