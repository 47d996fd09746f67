"""The canonical form of rule files: it says what was said, comment by comment; formatting it again changes nothing."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cds.errors import RuleSetError
from cds.ruleset.documents import parse_document
from cds.ruleset.formatting import format_rules
from tests.ruleset.shipped import shipped_folder

SHIPPED = sorted(file for file in shipped_folder().rglob("*.yaml") if file.parent.name != "cases")
WORKED = sorted((shipped_folder() / "cases").glob("*.yaml"))[::10]

words = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8)
scalars = (
    st.booleans() | st.integers(-999, 999) | st.none() | words
    | st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), max_size=30)
    | st.decimals(-9, 9, places=2).map(str)
)  # fmt: skip
documents = st.dictionaries(
    words,
    st.recursive(
        scalars,
        lambda parts: st.lists(parts, max_size=4) | st.dictionaries(words, parts, max_size=4),
        max_leaves=12,
    ),
    min_size=1,
    max_size=5,
)


def read(text: str) -> object:
    document = parse_document(text, "x.yaml")
    assert not document.findings
    return document.data


def comments(text: str) -> list[str]:
    return sorted(re.findall(r"(?m)(?:^|\s)(#.*?)\s*$", text))


@pytest.mark.parametrize("file", [*SHIPPED, *WORKED], ids=lambda file: file.stem)
def test_every_shipped_file_says_the_same_in_canonical_form(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    formatted = format_rules(text, file.name)
    assert read(formatted) == read(text)
    assert comments(formatted) == comments(text)
    assert format_rules(formatted, file.name) == formatted


@given(documents, st.booleans(), st.integers(2, 7), st.sampled_from([40, 80, 4000]), st.randoms(use_true_random=False))
def test_any_document_says_the_same_in_canonical_form_whatever_form_it_had(
    data: dict[str, object], flow: bool, indent: int, width: int, chance: random.Random
) -> None:
    text = yaml.safe_dump(
        data, default_flow_style=flow, indent=indent, width=width, sort_keys=False, allow_unicode=chance.random() < 0.5
    )
    if chance.random() < 0.5:
        text = text.replace("\n", "  \r\n") if not re.search(r"['\"|>&*!]", text) else f"\n\n{text}\n\n"
    if parse_document(text, "x.yaml").findings:
        return  # two keys that our reader takes for one, and the like: refused before it is formatted
    formatted = format_rules(text, "x.yaml")
    assert read(formatted) == read(text)
    assert format_rules(formatted, "x.yaml") == formatted


MESSY = """\
rules:
- says: "Too cold."   # for the board
  id: A-1
  # two conditions, see the minutes
  when: patient.a   and patient.b
  evidence:
  - {cite:   x,  locator:  y}
  # last comment of the first rule


# before the second rule
- id: A-2
  when: true
"""


CANONICAL = """\
rules:
  - id: A-1
    # two conditions, see the minutes
    when: patient.a   and patient.b
    says: "Too cold." # for the board
    evidence:
      - {cite: x, locator: y}
  # last comment of the first rule

  # before the second rule
  - id: A-2
    when: true
"""


def test_words_are_put_in_order_with_the_comments_above_them_in_their_column() -> None:
    assert format_rules(MESSY, "x.yaml") == CANONICAL
    assert read(CANONICAL) == read(MESSY)
    assert comments(CANONICAL) == comments(MESSY)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("a: 1   \nb:   2", "a: 1\nb: 2\n"),
        ("a:\n- 1\n- 2\n", "a:\n  - 1\n  - 2\n"),
        ("a: 1\n\n\n\nb: ~\n", "a: 1\n\nb: null\n"),
        ("a: 1\r\nb: '2'\r\n", "a: 1\nb: '2'\n"),
        ("a: 1.50\nb: 007\nc: no\n", "a: 1.50\nb: 007\nc: no\n"),
        ("a: |\n  x\n  # no comment\nb: 1\n", "a: |\n  x\n  # no comment\nb: 1\n"),
        ("# nothing but this\n", "# nothing but this\n"),
        ("", ""),
    ],
)
def test_the_form_is_one(text: str, canonical: str) -> None:
    assert format_rules(text, "x.yaml") == canonical


def test_a_condition_stays_in_one_line_so_that_a_caret_can_stand_under_it() -> None:
    condition = " and ".join(f"patient.fact{n}" for n in range(40))
    assert f"when: {condition}\n" in format_rules(f"rules:\n  - id: A\n    when: {condition}\n", "x.yaml")


def test_a_text_that_is_no_rule_file_is_refused_with_its_place() -> None:
    with pytest.raises(RuleSetError, match=r"x\.yaml:2:1: `a` stands twice"):
        format_rules("a: 1\na: 2\n", "x.yaml")
