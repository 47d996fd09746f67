"""Claims: what rests on one says what it says, under its reference's own tag; the answer carries its words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cds.case.reading import case_from_mapping
from cds.explanation.text import render
from cds.reasoning.conditions import ReferenceEngine
from cds.recommendation import Recommendation, recommend
from cds.ruleset import RuleSet
from tests.ruleset.workshop import (
    PARAMETERS,
    PLANNER,
    REFERENCES,
    RULE_SET,
    a_rule,
    findings_of,
    only_finding,
    rules_of,
    small,
    small_rules,
)

CLAIM = '  - {id: c, cite: book, tag: V1, locator: p. 9, says: It says so., quote: "1.8, they say", value: 1.8}\n'
CLAIMS = f"claims:\n{CLAIM}"
CITING = rules_of(a_rule("R-1", "against", "patient.ratio > parameters.ratioLimit", basis="cited",
                         evidence="[{cite: book, locator: p. 9, claim: c}]"))  # fmt: skip
LIMIT = PARAMETERS.replace("cite: book, from", "cite: book, claim: c, from")


def answer(rules: RuleSet, **patient: Any) -> Recommendation:
    case = case_from_mapping(rules.vocabulary, {"as_of": "2026-11-22", "patient": patient, "lesions": [{"id": "T1"}]})
    return recommend(case, rules, engine=ReferenceEngine())


def test_the_answer_carries_the_words_and_the_numbers_of_the_claim(tmp_path: Path) -> None:
    made = answer(small_rules(tmp_path, CITING, parameters=LIMIT, claims=CLAIMS), ratio=2.0)
    reason = next(r for o in made.lesions[0].options for r in o.reasons if r.rule == "R-1")
    for claim in (reason.evidence[0].claim, reason.parameters[0].claim):
        assert claim is not None
        assert (claim.id, claim.says, claim.quote) == ("c", "It says so.", "1.8, they say")
        assert (claim.values, claim.locator) == (("1.8",), "p. 9")
    assert "It says so." in " ".join(render(made, unfold=True).split())


@pytest.mark.parametrize(
    ("claims", "code", "file", "told"),
    [
        ("claims: []", "unknown-claim", "rules/all.yaml", "no claim `c`"),
        (CLAIMS.replace("id: c", "id: d"), "unknown-claim", "rules/all.yaml", "no claim `c`"),
        (CLAIMS.replace("tag: V1", "tag: V2"), "claim-mismatch", "claims.yaml", "`book` is V1"),
        (CLAIMS + CLAIM, "duplicate-id", "claims.yaml", "stands twice"),
        (CLAIMS.replace("value: 1.8", "value: 1.8, values: [1, 2]"), "file-shape", "claims.yaml", "`value` or a list"),
        (CLAIMS.replace("value: 1.8", "k: 3"), "file-shape", "claims.yaml", "`k` of `n`"),
        (CLAIMS.replace("value: 1.8", "vale: 1.8"), "file-shape", "claims.yaml", "did you mean `value`"),
    ],
)
def test_a_claim_that_is_wrong_or_not_there_is_found(
    tmp_path: Path, claims: str, code: str, file: str, told: str
) -> None:
    found = only_finding(small(tmp_path, CITING, claims=claims))
    assert (found.code, found.position.file) == (code, f"small/{file}")
    assert told in found.message


def test_a_claim_of_another_reference_is_found(tmp_path: Path) -> None:
    other = REFERENCES.replace("]\n", "").replace("}", '}, {"id": "other", "type": "book", "title": "O", '
                               '"x-tag": "V1", "x-verified": true}]')  # fmt: skip
    claims = CLAIMS.replace("cite: book", "cite: other")
    found = only_finding(small(tmp_path, CITING, claims=claims, references=other))
    assert (found.code, found.position.file) == ("claim-mismatch", "small/rules/all.yaml")
    assert "is a claim of `other`, cited here is `book`" in found.message


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("value: 1.8", "value: 1.7"),
        ("value: 1.8", "value: 1.8, unit: mm"),
    ],
)
def test_a_parameter_says_what_its_claim_says(tmp_path: Path, wrong: str, told: str) -> None:
    found = only_finding(small(tmp_path, CITING, parameters=LIMIT, claims=CLAIMS.replace(wrong, told)))
    assert (found.code, found.position.file) == ("claim-mismatch", "small/parameters.yaml")


def test_an_outcome_counts_what_its_claim_counts(tmp_path: Path) -> None:
    counted = "outcomes: [{says: control, k: 5, n: 11, per: patient, cite: book, claim: c}]"
    folder = small(tmp_path, CITING, claims=CLAIMS.replace("value: 1.8", "k: 5, n: 12"))
    (folder / "ruleset.yaml").write_text(RULE_SET.replace("established: false", f"established: false, {counted}"))
    found = only_finding(folder)
    assert (found.code, found.position.file) == ("claim-mismatch", "small/ruleset.yaml")
    assert "does not say 5 of 11" in found.message


# --- how well the sources were seen ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "support", "told"),
    [
        (["V1"], "primary", ""),
        (["V2"], "second-hand", "seen second-hand only"),
        (["REF"], "listing-only", "only its listing seen"),
        (["U"], "unverified", "source unverified"),
        (["V2", "V1"], "primary", ""),
        (["U", "REF"], "listing-only", "only its listing seen"),
        ([], "none", "no published source"),
    ],
)
@pytest.mark.parametrize("unfold", [True, False])
def test_a_rule_that_nobody_saw_the_source_of_says_so_in_the_answer_and_in_its_text(
    tmp_path: Path, tags: list[str], support: str, told: str, unfold: bool
) -> None:
    entries = json.loads(REFERENCES) + [
        {"id": f"r{n}", "type": "book", "title": "x", "x-tag": tag, "x-verified": False} for n, tag in enumerate(tags)
    ]
    cites = "[" + ", ".join(f"{{cite: r{n}}}" for n in range(len(tags))) + "]"
    basis = "cited" if tags else "unverified"
    rules = rules_of(a_rule("R-1", "against", "patient.flagB", basis=basis, evidence=cites))
    made = answer(small_rules(tmp_path, rules, references=json.dumps(entries)), flagB=True)
    reason = next(r for o in made.lesions[0].options for r in o.reasons if r.rule == "R-1")
    assert (reason.support, [each.tag for each in reason.evidence]) == (support, tags)
    text = " ".join(render(made, unfold=unfold).split())
    bracket = text.partition("[R-1; ")[2].partition("]")[0]
    assert bracket
    for words in ("seen second-hand only", "only its listing seen", "source unverified", "no published source"):
        assert (words in bracket) is (words == told)


# --- what stands side by side ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("combination", "code", "told"),
    [
        ("{id: C-1, together: [water, glove], says: x}", "unknown-measure", "did you mean `gloves`"),
        ("{id: C-1, together: [water], says: x}", "file-shape", "two or more"),
        ("{id: C-1, together: [water, gloves], excludes: [water, camera], says: x}", "file-shape", "two or more"),
        ("{id: N-1, excludes: [water, gloves], says: x}", "duplicate-id", "`N-1` is taken"),
        ("{id: C-1, excludes: [water, gloves], basis: cited, says: x}", "uncited", "cites nothing"),
        ("{id: C-1, excludes: [water, gloves], evidence: [{cite: nobody}], says: x}", "unknown-reference", "nobody"),
    ],
)
def test_a_combination_that_means_nothing_is_found(tmp_path: Path, combination: str, code: str, told: str) -> None:
    planner = f"{PLANNER}combinations:\n  - {combination}\n"
    findings = findings_of(small(tmp_path, thermoprotection=planner))
    assert [f.code for f in findings] == [code]
    assert told in findings[0].message
    assert findings[0].position.file == "small/thermoprotection.yaml"
