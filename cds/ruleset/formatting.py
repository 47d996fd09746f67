"""The canonical form of a rule file: one way to indent, to space and to order, so that a difference is a difference.

A file is only ever rewritten into one that reads as the same, comment by comment and value by value; what cannot be
rewritten so stays as it is.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.emitter import RoundTripEmitter
from ruamel.yaml.error import YAMLError, YAMLStreamError
from ruamel.yaml.events import SequenceEndEvent

from cds.errors import RuleSetError
from cds.ruleset.documents import parse_document

ORDER: Final = (
    "id", "from", "option", "for_each", "phase", "effect", "topic", "ground", "status", "measure", "class", "order",
    "exception_to", "remedy", "when", "if", "done", "before", "who", "together", "excludes", "says", "otherwise",
    "strength", "basis", "evidence", "threshold", "fidelity", "review", "note",
)  # fmt: skip
"""The order of the words of a rule: what it is, when it holds, what it says, and what it rests on."""
ORDERED: Final = ("rules", "exceptions", "preferences", "need", "measures", "monitoring", "combinations")
"""The lists of a rule file whose items are in that order."""
_ANY_WIDTH: Final = 1_000_000
_LIST_WIDTH: Final = 110  # a list in brackets goes on in the next line from this column on
_ROUNDS: Final = 4  # after which a form that does not come to rest is given up


def format_rules(text: str, name: str) -> str:
    r"""The text of a rule file in canonical form; formatting it again changes nothing.

    Two spaces a level, lists indented, no space at the end of a line, no second blank line, a line break at the end; a
    value in one line, however long, so that a caret can stand under it. The words of a rule are in the order of
    `ORDER`. Comments, quotation marks, numbers as they are written and folded texts stay. Raises `RuleSetError` for a
    text that is not readable as a rule file; `name` is what findings call it.

    >>> print(format_rules("rules:\n- when:   true   # always\n  id: A\n\n\n\n", "x.yaml"), end="")
    rules:
      - id: A
        when: true   # always
    """
    document = parse_document(text, name)
    if document.findings:
        raise RuleSetError(document.findings)
    steps: tuple[Callable[[str], str], ...] = (_spaced, _written_anew, _ordered, _aligned, _spaced)
    meaning = _meaning(text, name)
    for _ in range(_ROUNDS):
        before = text
        for step in steps:
            changed = _tried(step, text)
            text = changed if changed == text or _meaning(changed, name) == meaning else text
        if text == before:
            break
    return text


def _tried(step: Callable[[str], str], text: str) -> str:
    """What a step makes of a text. ruamel.yaml reads fewer texts than our reader does; those keep their form."""
    try:
        return step(text)
    except (YAMLError, YAMLStreamError, ValueError):
        return text


def _meaning(text: str, name: str) -> tuple[str, tuple[str, ...], bool]:
    """Every value (`1.0` is not `1.00`), every comment, and whether it is readable."""
    document = parse_document(text, name)
    return repr(_sorted(document.data)), tuple(sorted(_comments(text))), bool(document.findings)


def _sorted(data: Any) -> Any:
    """The data with every mapping in one order; YAML gives the order of keys no meaning."""
    if isinstance(data, dict):
        return {key: _sorted(data[key]) for key in sorted(data)}
    return [_sorted(each) for each in data] if isinstance(data, list) else data


def _comments(text: str) -> Iterator[str]:
    """The comments of a text. What begins with `#` inside a text value counts too: then too little is changed."""
    for line in text.split("\n"):
        found = re.search(r"(?:^|\s)(#.*)$", line)
        if found is not None:
            yield found[1].rstrip()


# --- spaces ----------------------------------------------------------------------------------------------------------


def _spaced(text: str) -> str:
    """Line feeds only, no space at the end of a line, one blank line at most, none at either end."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return f"{joined}\n" if joined else ""


# --- indentation -----------------------------------------------------------------------------------------------------


class _Emitter(RoundTripEmitter):
    """Breaks a line between the items of a list in brackets only, never within a value."""

    def expect_flow_sequence_item(self) -> None:
        """An item further to the right than a reader looks begins a line."""
        if not isinstance(self.event, SequenceEndEvent):
            self.best_width = _LIST_WIDTH
        super().expect_flow_sequence_item()
        self.best_width = _ANY_WIDTH

    def write_plain(self, text: Any, split: Any = True) -> None:
        """A text without quotation marks, in one line."""
        self.best_width = _ANY_WIDTH
        super().write_plain(text, False)

    def write_single_quoted(self, text: Any, split: Any = True) -> None:
        """A text in single quotation marks, in one line."""
        self.best_width = _ANY_WIDTH
        super().write_single_quoted(text, False)

    def write_double_quoted(self, text: Any, split: Any = True) -> None:
        """A text in double quotation marks, in one line."""
        self.best_width = _ANY_WIDTH
        super().write_double_quoted(text, False)


def _written_anew(text: str) -> str:
    """The document as ruamel.yaml writes it, which keeps comments, quotation marks and numbers."""
    writer = YAML(typ="rt")
    writer.Emitter = _Emitter
    writer.preserve_quotes = True
    writer.width = _ANY_WIDTH
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.representer.add_representer(type(None), _null)
    data = writer.load(text)
    if data is None:
        return text  # a file of comments alone
    out = io.StringIO()
    writer.dump(data, out)
    return out.getvalue()


def _null(representer: Any, _: None) -> Any:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


# --- comments --------------------------------------------------------------------------------------------------------


def _aligned(text: str) -> str:
    """Every line of comment in the column of what it stands above; what is inside a text value is no comment."""
    texts = set(_lines_of_texts(yaml.compose(text, Loader=yaml.SafeLoader)))
    lines = text.split("\n")
    column = 0
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if number in texts or not line.strip():
            continue
        if line.lstrip().startswith("#"):
            lines[number] = " " * column + line.lstrip()
        else:
            column = len(line) - len(line.lstrip())
    return "\n".join(lines)


def _lines_of_texts(node: yaml.Node | None) -> Iterator[int]:
    """The lines of texts that take more than one."""
    match node:
        case yaml.MappingNode():
            for key, value in node.value:
                yield from _lines_of_texts(key)
                yield from _lines_of_texts(value)
        case yaml.SequenceNode():
            for each in node.value:
                yield from _lines_of_texts(each)
        case yaml.ScalarNode():
            yield from range(node.start_mark.line + 1, node.end_mark.line)
        case _:
            pass  # an empty file


# --- the order of words ----------------------------------------------------------------------------------------------


def _ordered(text: str) -> str:
    """The words of every rule in order, each with the comment above it."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return text
    items = [
        item
        for key, value in root.value
        if key.value in ORDERED and isinstance(value, yaml.SequenceNode) and not value.flow_style
        for item in value.value
        if isinstance(item, yaml.MappingNode) and not item.flow_style and len(item.value) > 1
    ]
    for item in reversed(items):  # from the end, so that places further up stay
        text = _with_words_in_order(text, item)
    return text


def _with_words_in_order(text: str, item: yaml.MappingNode) -> str:
    names = [str(key.value) for key, _ in item.value]
    wanted = sorted(range(len(names)), key=lambda n: (_place(names[n]), n))
    if wanted == sorted(wanted):
        return text
    starts = [key.start_mark.index for key, _ in item.value]
    column = item.value[0][0].start_mark.column
    end = _end_of_value(text[starts[-1] : item.end_mark.index]) + starts[-1]
    parts: list[tuple[str, str]] = []  # the comment above a word, and the word with its value
    above = ""
    for start, stop in zip(starts, [*starts[1:], end], strict=True):
        body, below = _apart(text[start:stop], column)
        parts.append((above, body))
        above = below
    indent = " " * column
    return text[: starts[0]] + f"\n{indent}".join(f"{parts[n][0]}{parts[n][1]}" for n in wanted) + text[end:]


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


def _end_of_value(part: str) -> int:
    """Where the last value ends, before the blank lines and comments that lead to what comes next."""
    lines = part.split("\n")
    while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    return len("\n".join(lines))


def _apart(part: str, column: int) -> tuple[str, str]:
    """A word with its value, and the comment lines that belong to the next word: those that stand in its column."""
    lines = part.rstrip(" ").rstrip("\n").split("\n")
    below: list[str] = []
    while len(lines) > 1 and (not lines[-1].strip() or _is_comment_at(lines[-1], column)):
        below.insert(0, lines.pop())
    indent = " " * column
    return "\n".join(lines), "".join(f"{line.strip()}\n{indent}" for line in below if line.strip())


def _is_comment_at(line: str, column: int) -> bool:
    return line.lstrip().startswith("#") and len(line) - len(line.lstrip()) == column
