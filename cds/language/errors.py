"""What is wrong with one condition: where in its text, and what to write instead.

The language knows only the text of a condition. Whoever read the text from a file knows where the file holds it, and
gets a `Finding` with file, line and column from `finding` or `findings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from cds.errors import Finding, Position, RuleSetError
from cds.language.syntax import Span

_SHOWN: Final = 100  # widest excerpt; a longer line is cut around the caret


class ConditionError(RuleSetError):
    """One problem of one condition.

    `message` says what is wrong, `hint` what to write instead (or is empty), `span` where it stands in `text`.
    `text` is empty where only the tree was at hand; then there is no excerpt.

    >>> error = ConditionError("`==` is not in the language", Span(7, 9), "write `=`", text="'a.b' == 1")
    >>> error.span.start, error.hint
    (7, 'write `=`')
    """

    code: ClassVar[str] = "condition-error"

    def __init__(self, message: str, span: Span, hint: str = "", *, text: str = "") -> None:
        self.message = message
        self.span = span
        self.hint = hint
        self.text = text
        super().__init__([finding(self, text, Position("condition", 1, 1))])


class ConditionErrors(RuleSetError):
    """Every problem of one condition, in the order of its text; `errors` holds at least one.

    >>> problem = ConditionError("no `lesion.sight`", Span(0, 12), "did you mean `lesion.site`?")
    >>> ConditionErrors([problem]).errors == (problem,)
    True
    """

    code: ClassVar[str] = "condition-error"

    def __init__(self, errors: Sequence[ConditionError]) -> None:
        self.errors = tuple(errors)
        super().__init__([found for error in self.errors for found in error.findings])


def finding(error: ConditionError, text: str, position: Position) -> Finding:
    """The finding that a rule set reports for `error`, with the offending line of `text` and a caret line under it.

    `position` is where the first character of `text` stands in its file. Further lines of `text` are taken to start in
    the same column, as they do in a YAML block scalar.

    >>> error = ConditionError("`==` is not in the language", Span(7, 9), "write `=`")
    >>> print(finding(error, "'a.b'  == 1", Position("rules/surgery.yaml", 12, 9)))
    rules/surgery.yaml:12:16: `==` is not in the language; write `=` [condition-error]
        'a.b'  == 1
               ^^
    """
    start = max(0, min(error.span.start, len(text)))
    before = text[:start].split("\n")
    line, column = len(before) - 1, len(before[-1])
    message = f"{error.message}; {error.hint}" if error.hint else error.message
    place = Position(position.file, position.line + line, position.column + column)
    return Finding(
        error.code, place, message, _excerpt(text, line, column, error.span.end - error.span.start)
    )


def findings(error: ConditionError | ConditionErrors, text: str, position: Position) -> tuple[Finding, ...]:
    """One finding for each problem that `error` holds; see `finding`.

    >>> error = ConditionErrors([ConditionError("one", Span(0, 1)), ConditionError("two", Span(2, 3))])
    >>> [str(found.position) for found in findings(error, "a b", Position("r.yaml", 1, 5))]
    ['r.yaml:1:5', 'r.yaml:1:7']
    """
    errors = error.errors if isinstance(error, ConditionErrors) else (error,)
    return tuple(finding(each, text, position) for each in errors)


def _excerpt(text: str, line: int, column: int, length: int) -> str:
    """The line of `text` and, under `column`, as many carets as the span has characters on that line."""
    if not text.strip():
        return ""
    shown = text.split("\n")[line].rstrip()
    first = max(0, column - _SHOWN // 2) if len(shown) > _SHOWN else 0
    last = min(first + _SHOWN, max(len(shown), column))
    carets = max(1, min(length, last - column))
    head, tail = "…" if first else "", "…" if last < len(shown) else ""
    visible = "".join(character if character.isprintable() else " " for character in shown[first:last])
    return f"    {head}{visible}{tail}\n    {' ' * (len(head) + column - first)}{'^' * carets}"
