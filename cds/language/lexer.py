"""The words and signs of a condition.

A mistake does not stop the lexer: it becomes a token that the parser raises when it gets there, so that the first
mistake in the text is the one reported.

Source: HL7 CQL 1.5, appendix A, "Lexer Rules". Stricter in three points: a text stays on one line, an unknown escape is
an error, and names are not quoted.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

from cds.language.errors import ConditionError
from cds.language.refused import SYMBOLS
from cds.language.syntax import Span


class Kind(enum.Enum):
    """What a token is."""

    NUMBER = "number"
    TEXT = "text"
    WORD = "word"
    SIGN = "sign"
    END = "end"
    MISTAKE = "mistake"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its spelling, where it stands, for a `TEXT` the text it encloses, for a `MISTAKE` the error."""

    kind: Kind
    spelling: str
    start: int
    end: int
    value: str = ""
    error: ConditionError | None = None


_SKIPPED: Final = re.compile(r"(?:[ \r\n\t]+|//[^\r\n]*|/\*.*?\*/)+", re.DOTALL)
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIGN: Final = re.compile(r"!=|<=|>=|[(){},.+\-*/=<>]")
_QUOTED: Final = re.compile(r"'(?:[^'\\\r\n]|\\.)*'")
_REFUSED_WHOLE: Final = re.compile(r'"[^"\r\n]*"|`[^`\r\n]*`|[‘’“”][^‘’“”\r\n]*[‘’“”]|@[0-9A-Za-z:.+-]*')
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_ESCAPED: Final = {
    "`": "`",
    "'": "'",
    '"': '"',
    "\\": "\\",
    "/": "/",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}


def tokens(text: str) -> list[Token]:
    """The tokens of `text`, an `END` last. A `MISTAKE` is followed by the `END` at once.

    >>> [token.spelling for token in tokens("lesion.size > 5 'mm' // large")]
    ['lesion', '.', 'size', '>', '5', "'mm'", '']
    """
    found: list[Token] = []
    position = 0
    while True:
        skipped = _SKIPPED.match(text, position)
        position = skipped.end() if skipped else position
        if position >= len(text):
            break
        token = _token(text, position)
        found.append(token)
        if token.kind is Kind.MISTAKE:
            break
        position = token.end
    found.append(Token(Kind.END, "", len(text), len(text)))
    return found


def _token(text: str, start: int) -> Token:
    # Refused signs come first: `==` is one mistake, not two equals signs.
    for sign, refusal in SYMBOLS.items():
        if text.startswith(sign, start) and not text.startswith("!=", start):
            whole = _REFUSED_WHOLE.match(text, start)
            end = whole.end() if whole else start + len(sign)
            return _mistake(text, start, end, f"`{sign}` is refused: {refusal.why}", refusal.instead)
    for kind, pattern in ((Kind.NUMBER, _NUMBER), (Kind.WORD, _WORD)):
        if match := pattern.match(text, start):
            following = text[match.end() : match.end() + 1]
            if following.isalnum() and not following.isascii():
                return _strange(text, match.end())
            return Token(kind, match.group(), start, match.end())
    if text[start] == "'":
        return _quoted(text, start)
    if text.startswith("/*", start):
        return _mistake(text, start, start + 2, "this comment does not end", "write `*/` after it")
    if match := _SIGN.match(text, start):
        return Token(Kind.SIGN, match.group(), start, match.end())
    return _strange(text, start)


def _strange(text: str, start: int) -> Token:
    return _mistake(
        text,
        start,
        start + 1,
        f"{character_name(text[start])} is not in the language",
        "names have the letters a to z, digits and `_`; signs are `( ) { } , . + - * / = != < <= > >=`",
    )


def _quoted(text: str, start: int) -> Token:
    match = _QUOTED.match(text, start)
    if match is None:
        line_end = re.compile(r"[\r\n]|\Z").search(text, start)
        end = line_end.start() if line_end else len(text)
        return _mistake(text, start, end, "this text does not end", "close it with `'` on the same line")
    # Pairs of `\uD83D\uDE00` are one character of CQL's UTF-16 and are joined; half a pair is no character.
    pieces, last = [], start + 1
    for escape in _ESCAPE.finditer(text, start + 1, match.end() - 1):
        pieces.append(text[last : escape.start()])
        last = escape.end()
        if escape.group(1):
            pieces.append(chr(int(escape.group(1), 16)))
        elif escape.group(2) in _ESCAPED:
            pieces.append(_ESCAPED[escape.group(2)])
        else:
            problem = f"`{escape.group()}` is not an escape of CQL"
            hint = r"write `\\` for a backslash; the escapes are \' \" \` \\ \/ \f \n \r \t \uXXXX"
            return _mistake(text, escape.start(), escape.end(), problem, hint)
    pieces.append(text[last : match.end() - 1])
    try:
        value = "".join(pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return _mistake(
            text, start, match.end(), "this text holds half a character", "write both halves, or neither"
        )
    return Token(Kind.TEXT, match.group(), start, match.end(), value)


def _mistake(text: str, start: int, end: int, message: str, hint: str) -> Token:
    error = ConditionError(message, Span(start, end), hint, text=text)
    return Token(Kind.MISTAKE, text[start:end], start, end, error=error)


def character_name(character: str) -> str:
    """How a message names a character: as it is if it can be seen, else by its number.

    >>> character_name("é"), character_name(chr(0xA0))
    ('`é`', 'the invisible character U+00A0')
    """
    return f"`{character}`" if character.isprintable() and character.strip() else (
        f"the invisible character U+{ord(character):04X}"
    )  # fmt: skip
