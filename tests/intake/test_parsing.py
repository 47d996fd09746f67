"""Two parsers read a document: what the native one reads, the strict one reads alike, and finds nothing wrong."""

from __future__ import annotations

import gc
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cds.errors import UnusableInput
from cds.intake import Limits
from cds.intake.document import parse_document, parsed_natively, parsed_strictly
from tests.intake import records as r

RECORD = json.dumps(r.bundle(r.observation("inr", valueQuantity=r.quantity(1.25))), indent=1).encode()
PIECES = (
    b'"a":1,', b'"a":"b",', b',"id":"x"', b'"', b'\\"', b"\\u0022", b"\\\\", b"\\", b"\\ud800", b"\\ud83d\\ude00",
    b"{", b"}", b"[", b"]", b",", b":", b"0", b"-", b".", b"e5", b"1e99", b"-0.0", b"00", b"1" * 25, b"1" * 45, b"NaN",
    b"null", b"tru", b" ", b"\n", b"\t", b"\x00", b"\x0b", b"\xc2\xa0", b"\xff", b"\xed\xa0\x80",
    b"\xef\xbb\xbf", b"/*", b"'",
)  # fmt: skip
SMALL = Limits(depth=5, text=40, entries=2, elements=60)


def read(source: bytes, limits: Limits) -> tuple[Any, set[str]]:
    """What the strict parser, and all that follows it, says of a text."""
    try:
        parsed_strictly(source, limits)
        return parse_document(source, limits), set()
    except UnusableInput as refused:
        return None, {issue.code for issue in refused.issues}


def assert_alike(source: bytes, limits: Limits) -> None:
    tree = parsed_natively(source, limits)
    if tree is not None:
        # Decimals are compared with their digits: 1.50 is not written 1.5.
        assert repr(tree) == repr(parsed_strictly(source, limits))


@given(st.lists(st.tuples(st.integers(0, len(RECORD)), st.sampled_from(PIECES), st.integers(0, 8)), max_size=4))
def test_a_damaged_text_is_read_alike_by_both_parsers(damages: list[tuple[int, bytes, int]]) -> None:
    source = bytearray(RECORD)
    for place, piece, length in damages:
        source[place : place + length] = piece
    assert_alike(bytes(source), Limits())


keys = st.sampled_from(["a", "b", "", '"', "\\", "entry", "é"])
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**22), 10**22), st.floats(-1e9, 1e9), st.text(max_size=50), st.just([]),
    st.just({}),
)  # fmt: skip
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=30
)


@given(st.dictionaries(keys, trees, max_size=4), st.sampled_from([None, 1]), st.booleans())
@example({"a": {"a": {"a": {"a": {}}}}}, None, True)
@example({"a": {"a": {"a": {"a": {"a": {}}}}}}, None, True)
@example({"a": "x" * 41}, None, True)
def test_caps_are_the_same_for_both_parsers(tree: dict[str, Any], indent: int | None, ascii_: bool) -> None:
    source = json.dumps(tree, indent=indent, ensure_ascii=ascii_).encode("utf-8", "surrogatepass")
    assert_alike(source, SMALL)


TWICE = {
    "side by side": b'{"a":1,"a":1}',
    "far apart": b'{"a":{"b":[{"c":1}]},"d":[],"a":{"b":[{"c":1}]}}',
    "one of them escaped": b'{"a":1,"\\u0061":1}',
    "behind quotation marks that are escaped by number": b'{"a":1,"a":1,"b":"\\u0022\\u0022"}',
    "behind quotation marks that are escaped": b'{"a":1,"a":1,"b":"\\"\\""}',
    "in a list in a list": b'{"x":[[{"a":1,"b":2,"a":3}]]}',
    "empty": b'{"":1,"":2}',
}


@pytest.mark.parametrize("source", TWICE.values(), ids=TWICE)
def test_no_way_of_writing_a_key_twice_escapes_the_native_parser(source: bytes) -> None:
    assert parsed_natively(source, Limits()) is None
    assert read(source, Limits())[1] == {"duplicate-key"}


CAPS = {
    "depth": (b'{"a":[[[[[1]]]]]}', "too-deep"),
    "depth of what is empty": (b'{"a":[[[[[]]]]]}', "too-deep"),
    "a text": (b'{"a":"' + b"x" * 41 + b'"}', "text-too-long"),
    "a text with quotation marks": (b'{"a":"' + b'\\"' * 21 + b'"}', "text-too-long"),
    "a key": (b'{"' + b"x" * 41 + b'":1}', "text-too-long"),
    "entries": (b'{"entry":[1,2,3]}', "too-many-entries"),
    "elements": (b'{"a":[' + b"[]," * 40 + b"1]}", "too-large"),
    "digits": (b'{"a":' + b"9" * 41 + b"}", "number-out-of-range"),
    "digits of a fraction": (b'{"a":0.' + b"9" * 41 + b"}", "number-out-of-range"),
    "power of ten": (b'{"a":1e31}', "number-out-of-range"),
}


@pytest.mark.parametrize(("source", "code"), CAPS.values(), ids=CAPS)
def test_what_exceeds_a_cap_is_refused_by_its_code(source: bytes, code: str) -> None:
    assert read(source, SMALL) == (None, {code})
    with pytest.raises(UnusableInput):
        parse_document(source, SMALL)


@pytest.mark.parametrize(
    ("tree", "code"),
    [
        ({"a": "x" * 41}, "text-too-long"),
        ({"x" * 41: 1}, "text-too-long"),
        ({"entry": [1, 2, 3]}, "too-many-entries"),
        ({"a": [[[[[1]]]]]}, "too-deep"),
        ({"a": [[]] * 100}, "too-large"),
    ],
)
def test_parsed_json_keeps_to_the_same_caps(tree: dict[str, Any], code: str) -> None:
    with pytest.raises(UnusableInput) as refused:
        parse_document(tree, SMALL)
    assert [issue.code for issue in refused.value.issues] == [code]


def test_what_just_keeps_to_every_cap_is_read() -> None:
    source = b'{"a":[[[[1]]]],"b":"' + b"x" * 40 + b'","entry":[1,2],"c":' + b"9" * 40 + b"}"
    assert parse_document(source, SMALL)["c"] == 10**40 - 1


def test_a_number_keeps_its_digits_and_no_zero_has_any() -> None:
    source = b'{"a":1.50,"b":-0.0,"c":0e9,"d":1E+2,"e":0.000000000000000000001}'
    tree = parsed_natively(source, Limits())
    assert tree is not None
    assert [str(value) for value in tree.values()] == ["1.50", "0", "0", "1E+2", "1E-21"]
    assert all(isinstance(value, Decimal) for value in tree.values())


@pytest.mark.parametrize("source", [RECORD, b'{"a": 1', b'{"a": 1e99}', b""])
@pytest.mark.parametrize("collecting", [True, False])
def test_the_garbage_collector_is_left_as_it_was(source: bytes, *, collecting: bool) -> None:
    (gc.enable if collecting else gc.disable)()
    try:
        parsed_natively(source, Limits())
        assert gc.isenabled() is collecting
    finally:
        gc.enable()


def test_the_native_parser_reads_real_records_itself(corpus_dir: Path) -> None:
    sources = [file.read_bytes() for file in sorted(corpus_dir.rglob("*.json"))]
    left = [source for source in sources if parsed_natively(source, Limits()) is None]
    assert all(read(source, Limits())[1] for source in left)
    assert len(left) < len(sources) / 50
