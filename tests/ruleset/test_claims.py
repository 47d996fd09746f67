"""Every number and every quotation of the shipped rules stands in a claim, and every claim in the evidence.

`claims.yaml` says what each source says, word for word. Here claims are compared with the evidence (its quotation, its
numbers, its section, its tag), and the sentences of the rule set with the claims that they name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from cds.ruleset.model import Claim, Evidence, Grounded, Parameter
from cds.vocabulary import Level
from tests.ruleset.shipped import shipped_folder, shipped_rules

RULES = shipped_rules()
CLAIMS: dict[str, Claim] = dict(RULES.claims)
every_claim = pytest.mark.parametrize("claim", CLAIMS.values(), ids=list(CLAIMS))

STATEMENTS: dict[str, Grounded] = {
    item.id: item
    for item in (
        *RULES.rules,
        *RULES.exceptions,
        *RULES.preferences,
        *RULES.planner.need,
        *RULES.planner.measures,
        *RULES.planner.monitoring,
        *RULES.planner.combinations,
    )
}
every_statement = pytest.mark.parametrize(("name", "statement"), STATEMENTS.items(), ids=list(STATEMENTS))
every_parameter = pytest.mark.parametrize(("name", "parameter"), RULES.parameters.items(), ids=list(RULES.parameters))

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
"""Numbers in words. `one` counts nothing in most sentences, and `zero` names a rule of speech (RC-1)."""
COUNTING = {word: Decimal(value) for value, word in enumerate(WORDS) if value >= 2}

STRUCTURAL = (
    r"\{[^}]*\}",  # a place that the case or a parameter fills
    r"\b(?:dossier|sketch) [\d.]+(?:(?:, | and )[\d.]+)*",  # where to read
    r"\b[A-Z][A-Za-z]{1,3}-\d+[a-z]?\b",  # rules, and scales called after a number: SS-2, TMo-1, ACE-27
    r"\b(?:T[0-4][ab]?|p16|CTCAE 5|ECOG 0|\(1 = first\))",  # categories, markers, schemes, the zero of a scale
    r"\bOxford \(CEBM 2011\)",
    r"\b95 % CI\b",
    r"in \d+ of the \d+ example patients",  # counted by a test (tests/rules/test_distances.py)
)
"""What looks like a number and states none."""

OF_THE_FORM = {
    "DQ-6.done": {Decimal(2)},  # a second reader is the second
    "PL-2": {Decimal(1)},  # a single cryoprobe is one
}
"""Numbers of conditions that are the notion itself, not a finding; 0 is the zero of a scale everywhere."""

UNSOURCED_LINES = {"under 18": "scopeAge"}
"""What texts about the rule set say of a limit that is a parameter."""


def numbers(text: str) -> set[Decimal]:
    """The numbers that a text states, without their signs."""
    for pattern in STRUCTURAL:
        text = re.sub(pattern, " ", text)
    digits = {abs(Decimal(found)) for found in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?!\w)", text)}
    words = {COUNTING[word] for word in re.findall(r"[a-z]+", text.lower()) if word in COUNTING}
    return digits | words


def stated(claim: Claim) -> set[Decimal]:
    """The numbers that a claim states, without their signs."""
    all_of = [*claim.numbers, *(claim.interval or ()), claim.k, claim.n]
    return {abs(Decimal(value)) for value in all_of if value is not None}


def of(evidence: Iterator[Evidence] | tuple[Evidence, ...]) -> set[Decimal]:
    """The numbers of the claims that citations name."""
    return set().union(*(stated(CLAIMS[entry.claim]) for entry in evidence if entry.claim is not None))


EVERY_NUMBER = set().union(*(stated(claim) for claim in CLAIMS.values())) | {
    abs(Decimal(parameter.value)) for parameter in RULES.parameters.values() if parameter.value is not None
}

# ------------------------------------------------------------------------------------------- claims and the evidence


def flat(text: str) -> str:
    """Text with every run of white space as one space."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def places(repository: Path) -> dict[str, str]:
    """The evidence by place: `dossier 7.1`, `sketch TP-9`, `sketch 3`."""
    folder = repository.parent / "shared" / "evidence"
    if not folder.is_dir():
        pytest.skip("the evidence dossier is not beside the repository: nothing to compare the claims with")
    dossier = (folder / "dossier.md").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    starts = [*re.finditer(r"^(?:## |---$|\*\*(\d+\.\d+) )", dossier, re.MULTILINE)]
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        if start[1] is not None:
            found[f"dossier {start[1]}"] = flat(dossier[start.start() : end.start() if end else len(dossier)])
    sketch = (folder / "rules-sketch.md").read_text(encoding="utf-8")
    for row in re.finditer(r"^\| ([A-Z]{2,3}-\d+) \|.*$", sketch, re.MULTILINE):
        found[f"sketch {row[1]}"] = flat(row[0])
    for chapter in re.finditer(r"^## (\d)\. .*?(?=^## |\Z)", sketch, re.MULTILINE | re.DOTALL):
        found[f"sketch {chapter[1]}"] = flat(chapter[0])
    return found


@every_claim
def test_a_claim_is_quoted_word_for_word_where_it_points(places: dict[str, str], claim: Claim) -> None:
    assert claim.locator in places
    assert flat(claim.quote) in places[claim.locator]


@every_claim
def test_the_place_of_a_claim_names_its_source(places: dict[str, str], claim: Claim) -> None:
    chapter = claim.locator.partition(".")[0]
    beside = [text for place, text in places.items() if place.startswith(("sketch ", f"{chapter}."))]
    assert any(claim.cite in text for text in beside)


@every_claim
def test_the_numbers_of_a_claim_stand_in_its_quotation(claim: Claim) -> None:
    quote = claim.quote.replace("−", "-")
    found = {Decimal(text) for text in re.findall(r"\d+(?:\.\d+)?", quote)} | numbers(quote)
    if claim.unit == "mm" and re.search(r"\d ?cm\b", quote):
        found |= {10 * number for number in found}
    if "Single" in quote or re.search(r"\bone\b", quote):
        found.add(Decimal(1))
    assert stated(claim) <= found


@every_claim
def test_a_claim_stands_under_the_tag_of_its_source(claim: Claim) -> None:
    assert claim.tag == RULES.references[claim.cite].tag


def test_a_claim_says_what_it_says_in_one_sentence_and_stands_once() -> None:
    assert all(claim.says.endswith(".") and claim.quote for claim in CLAIMS.values())
    written = yaml.safe_load((shipped_folder() / "claims.yaml").read_text(encoding="utf-8"))["claims"]
    assert len(written) == len(CLAIMS) > 0


# ------------------------------------------------------------------------------------------ statements and the claims


def citations() -> Iterator[tuple[str, Evidence]]:
    for name, statement in STATEMENTS.items():
        yield from ((name, entry) for entry in statement.evidence)
    for name, option in RULES.options.items():
        yield from ((name, entry) for entry in (option.banner.evidence if option.banner else ()))
    for alternative in RULES.alternatives:
        yield from ((alternative.id, entry) for entry in alternative.evidence)


def test_every_claim_carries_something_but_those_that_describe_the_seed_study() -> None:
    used = {entry.claim for _, entry in citations()} | {p.claim for p in RULES.parameters.values()}
    used |= {outcome.claim for option in RULES.options.values() for outcome in option.outcomes}
    describing = {name for name in CLAIMS if name.startswith("seed-")} | {"parvinian-not-established"}
    assert set(CLAIMS) - used <= describing


@every_statement
def test_a_statement_that_is_called_cited_names_what_each_source_says(name: str, statement: Grounded) -> None:
    if statement.basis == "cited":
        assert statement.evidence
        assert all(entry.claim is not None for entry in statement.evidence), name


def test_a_citation_without_a_claim_is_of_a_statement_that_says_it_has_no_published_source() -> None:
    without = {name for name, entry in citations() if entry.claim is None}
    assert without == {"SS-7", "CR-8", "ALT-3"}
    assert all(
        entry.locator.startswith("rule sketch") for name, entry in citations() if entry.claim is None
    ), "the dossier says nothing of them; the sketch does"
    assert all(STATEMENTS[name].basis == "unverified" for name in without if name in STATEMENTS)


@every_statement
def test_every_number_of_a_sentence_stands_in_a_claim_that_it_names(name: str, statement: Grounded) -> None:
    sentences = [getattr(statement, key, None) for key in ("says", "otherwise", "remedy", "condition")]
    for sentence in filter(None, sentences):
        assert numbers(sentence) <= of(statement.evidence), sentence


@every_statement
def test_every_number_of_a_note_stands_in_some_claim(name: str, statement: Grounded) -> None:
    assert numbers(f"{statement.fidelity.note} {statement.note}") <= EVERY_NUMBER


def conditions(name: str, statement: Grounded) -> Iterator[tuple[str, str, set[Decimal]]]:
    """Every condition of a statement: its name, its text, and how many of its conditions have to hold."""
    for key, suffix in (("when", ""), ("done", ".done")):
        condition: Any = getattr(statement, key, None)
        if condition is None:
            continue
        if isinstance(condition, str):
            yield name + suffix, condition, set()
        else:
            yield name + suffix, " ".join(condition.of), {Decimal(condition.at_least)}


@every_statement
def test_every_number_of_a_condition_stands_in_a_claim_or_is_the_notion_itself(name: str, statement: Grounded) -> None:
    for where, text, counted in conditions(name, statement):
        text = re.sub(r"'[^']*'|\w+\.\w+", " ", text)
        written = {Decimal(found) for found in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", text)} | counted
        assert written <= of(statement.evidence) | OF_THE_FORM.get(where, set()) | {Decimal(0)}, where


@every_parameter
def test_a_number_of_a_parameter_stands_in_its_claim_or_is_the_institutions(name: str, parameter: Parameter) -> None:
    if parameter.claim is None:
        assert parameter.status in ("institution-default", "unset")
        assert parameter.cite is None
    else:
        claim = CLAIMS[parameter.claim]
        assert claim.cite == parameter.cite
        assert parameter.value in claim.numbers
        assert claim.unit == parameter.unit


@every_parameter
def test_every_number_that_is_said_of_a_parameter_stands_in_some_claim(name: str, parameter: Parameter) -> None:
    assert numbers(f"{parameter.label} {parameter.note}") <= EVERY_NUMBER


@every_parameter
def test_a_parameter_says_who_answers_for_it(name: str, parameter: Parameter) -> None:
    assert parameter.review is not None
    assert parameter.review.approved is None, "nobody has signed anything"


def other_texts() -> Iterator[tuple[str, str]]:
    """What else the rule set says: about itself, its options, its facts and its structures."""
    yield "intended use", RULES.head.intended_use
    for text, parameter in UNSOURCED_LINES.items():
        assert text in RULES.head.not_for
        assert str(RULES.parameters[parameter].value) in text
    yield "not for", RULES.head.not_for
    for name, option in RULES.options.items():
        yield name, option.label
    for alternative in RULES.alternatives:
        yield alternative.id, alternative.says
    for level in Level:
        for fact in RULES.vocabulary.of(level):
            yield fact.path, f"{fact.label} {' '.join(fact.value_labels.values())}"
    for name, structure in RULES.vocabulary.structures.items():
        yield name, structure.label


@pytest.mark.parametrize(("where", "text"), list(other_texts()), ids=lambda each: str(each)[:40])
def test_every_number_of_any_other_text_stands_in_some_claim(where: str, text: str) -> None:
    assert numbers(text) <= EVERY_NUMBER | {Decimal(2017), Decimal(2026)}


def test_the_banner_and_the_inconsistencies_say_what_the_seed_study_says() -> None:
    seed = set().union(*(stated(claim) for claim in CLAIMS.values() if claim.cite == "schwartz2022"))
    for option in RULES.options.values():
        if option.banner is None:
            continue
        assert numbers(option.banner.says) <= of(option.banner.evidence)
        for sentence in option.banner.population:
            assert numbers(sentence) <= of(option.banner.evidence), sentence
        for sentence in option.banner.known_inconsistencies:
            assert numbers(sentence) <= seed, sentence


def test_every_quotation_of_an_inconsistency_stands_in_the_evidence(places: dict[str, str]) -> None:
    texts = [text for option in RULES.options.values() if option.banner for text in option.banner.known_inconsistencies]
    quotations = [quote for text in texts for quote in re.findall(r'"([^"]+)"', text)]
    assert len(quotations) >= 5
    for quotation in quotations:
        assert flat(quotation).lower() in places["dossier 1.8"].lower(), quotation


# --------------------------------------------------------------------------------------------------- the seed study

SEED = {
    "seed-patients": ((11, 16), None),
    "seed-histology": ((4, 4, 1, 1, 1), None),
    "seed-prior-surgery": ((), (10, 11)),
    "seed-prior-chemotherapy": ((), (7, 11)),
    "seed-prior-radiotherapy": ((), (3, 11)),
    "seed-probes": ((4,), None),
    "seed-thermoprotection": ((), (10, 16)),
    "seed-local-control": ((Decimal("45.4"), Decimal("11.7"), 3, 34), None),
    "seed-local-control-count": ((Decimal("45.45"),), (5, 11)),
    "seed-complications": ((25,), (4, 16)),
    "seed-major": ((Decimal("12.5"),), (2, 16)),
    "seed-each-major": ((Decimal("6.25"),), (1, 16)),
}


OUTCOMES = {"seed-local-control-count", "seed-complications", "seed-major", "seed-thermoprotection"}


@pytest.mark.parametrize(("name", "wanted"), SEED.items(), ids=list(SEED))
def test_the_seed_study_is_held_as_data(name: str, wanted: tuple[tuple[Any, ...], tuple[int, int] | None]) -> None:
    claim = CLAIMS[name]
    values, counts = wanted
    assert tuple(Decimal(number) for number in claim.numbers) == tuple(Decimal(value) for value in values)
    assert (None if claim.k is None else (claim.k, claim.n)) == counts
    assert claim.cite == "schwartz2022"


def test_the_probes_of_the_seed_study_carry_no_rule() -> None:
    assert "seed-probes" not in {entry.claim for name, entry in citations() if name in STATEMENTS}
    assert not any(parameter.claim == "seed-probes" for parameter in RULES.parameters.values())


def test_the_answer_about_cryoablation_says_that_there_is_no_comparator() -> None:
    banner = RULES.options["cryoablation"].banner
    assert banner is not None
    assert "no comparator" in banner.says
    assert "seed-no-comparator" in {entry.claim for entry in banner.evidence}
    assert {name for name in SEED if name not in OUTCOMES} <= {entry.claim for entry in banner.evidence}
    assert {outcome.claim for outcome in RULES.options["cryoablation"].outcomes} == OUTCOMES
    assert RULES.options["salvage-surgery"].outcomes == (), "never a number of cryoablation against surgery"
