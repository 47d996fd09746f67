"""Files of a rule set: strict YAML, in which every value has a place and nothing is guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.ruleset.documents import Document, parse_document, scalar


def codes(text: str) -> list[str]:
    return [finding.code for finding in parse_document(text, "x.yaml").findings]


@pytest.mark.parametrize(
    "text", ["no", "yes", "on", "off", "No", "YES", "y", "n", "True", "FALSE", "TRUE", "Null", "NULL"]
)
def test_only_the_plain_words_true_false_and_null_are_more_than_text(text: str) -> None:
    assert parse_document(f"a: {text}", "x.yaml").data == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("270", 270),
        ("-4", -4),
        ("007", 7),
        ("1.50", Decimal("1.50")),
        ("0.1", Decimal("0.1")),
        (".5", Decimal("0.5")),
        ("1e3", "1e3"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("12:30:00", "12:30:00"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2026-11-22", "2026-11-22"),
        ("'true'", "true"),
        ('"270"', "270"),
        ("'null'", "null"),
        ("''", ""),
        ("|\n  true", "true"),
        (">-\n  12", "12"),
    ],
)
def test_a_scalar_is_what_it_plainly_says(text: str, value: object) -> None:
    data = parse_document(f"a: {text}", "x.yaml").data
    assert data == {"a": value}
    assert type(data["a"]) is type(value)


def test_a_decimal_is_never_a_float() -> None:
    assert scalar("0.1", plain=True) == Decimal("0.1") != 0.1


def test_a_key_that_stands_twice_is_found_where_it_stands_again() -> None:
    document = parse_document("a: 1\nb: {c: 1, c: 2}\na: 3\n", "x.yaml")
    assert [(f.code, str(f.position)) for f in document.findings] == [
        ("duplicate-key", "x.yaml:2:11"),
        ("duplicate-key", "x.yaml:3:1"),
    ]
    assert "`c` stands twice" in document.findings[0].message


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1}\nc: *x\n",
        "a: &x [1]\nc: *x\n",
        "a: &x 5\nc: *x\n",
        "a: &x {b: 1}\nc: {<<: *x}\n",
    ],
)
def test_an_alias_is_found_also_of_a_single_value(text: str) -> None:
    assert "alias" in codes(text)


@pytest.mark.parametrize(
    "tagged",
    [
        "!knife 3",
        "!!python/name:os.system ''",
        "!!float 3",
        "!!str 3",
        "!!binary aGVsbG8=",
        "!!set {a, b}",
        "!<tag:example.org,2026:x> 3",
    ],
)
def test_a_tag_is_found_whoever_defined_it(tagged: str) -> None:
    assert "tag" in codes(f"a: {tagged}\n")


@pytest.mark.parametrize(
    "text",
    [
        "a: [1\n",
        "a: {b\n",
        "a: 'x\n",
        "\tx: 1\n",
        "a: 1\n b: 2\n",
        "---\na: 1\n---\nb: 2\n",
        "a: *nobody\n",
        "@x\n",
        "%YAML 9\n",
    ],
)
def test_what_is_no_yaml_is_a_finding_with_its_place(text: str) -> None:
    document = parse_document(text, "x.yaml")
    assert [finding.code for finding in document.findings] == ["not-yaml"]
    assert document.findings[0].position.line >= 1
    assert document.findings[0].message.startswith("not YAML: ")


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x1b", "\x7f", "\ufffe"])
def test_a_character_that_no_yaml_holds_is_a_finding_too(character: str) -> None:
    assert codes(f"a: b{character}c\n") == ["not-yaml"]


def test_every_value_has_the_place_where_it_stands() -> None:
    document = parse_document("a:\n  - id: x\n    when: 'y'\n", "x.yaml")
    assert str(document.position(("a", 0, "when"))) == "x.yaml:3:11"
    assert str(document.text_position(("a", 0, "when"))) == "x.yaml:3:12"  # after the quotation mark
    assert str(document.text_position(("a", 0, "id"))) == "x.yaml:2:9"


def test_what_is_missing_has_the_place_of_what_is_around_it() -> None:
    document = parse_document("a:\n  - id: x\n", "x.yaml")
    assert str(document.position(("a", 0, "says"))) == "x.yaml:2:5"
    assert str(Document("x.yaml", None, {}, frozenset()).position(("a",))) == "x.yaml:1:1"


def test_an_empty_file_holds_nothing_and_nothing_is_wrong_with_its_form() -> None:
    assert (parse_document("# only words\n", "x.yaml").data, codes("")) == (None, [])


@given(st.text(max_size=40) | st.text("a: {}[],'\"&*!|>-\n\t#%~<1.", max_size=40))
def test_any_text_is_read_or_has_findings_and_never_an_exception(text: str) -> None:
    document = parse_document(text, "x.yaml")
    assert document.data is None or isinstance(document.data, (bool, int, str, Decimal, list, dict))
