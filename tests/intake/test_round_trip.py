"""What is written for a case is read as that case: two directions that share no code."""

from __future__ import annotations

import json

import pytest

from cds.case import Case
from cds.intake import read_bundle
from cds.intake.rebuild import rebuild
from cds.ruleset.mapping import MappingTables
from cds.testing import random_cases
from cds.vocabulary import Vocabulary


def states(case: Case) -> dict[str, object]:
    found: dict[str, object] = {name: fact.state for name, fact in case.patient.items()}
    for lesion in case.lesions:
        found |= {f"{lesion.id}.{name}": fact.state for name, fact in lesion.facts.items()}
        for structure in lesion.structures:
            found |= {f"{lesion.id}.{structure.key}.{name}": fact.state for name, fact in structure.facts.items()}
    return found


@pytest.mark.parametrize("known", [0.2, 0.9])
def test_a_rebuilt_case_reads_as_itself(known: float, vocabulary: Vocabulary, mapping: MappingTables) -> None:
    for case in random_cases(vocabulary, seed=3, n=15, known=known, lesions=(0, 2)):
        text = json.dumps(rebuild(case, vocabulary)).encode()
        read = read_bundle(text, vocabulary=vocabulary, mapping=mapping, as_of=case.as_of)
        assert states(read) == states(case)
        assert [lesion.label for lesion in read.lesions] == [lesion.label for lesion in case.lesions]
