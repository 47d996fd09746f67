"""What is collected while a bundle is read: issues, and the elements that kept something from being used."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cds.case import Role, Source
from cds.errors import Issue, Severity, UnusableInput


@dataclass(slots=True)
class Remarks:
    """Grows while one bundle is read. Never holds a text of the record beyond codes, ids and short values."""

    issues: dict[tuple[str, str, str], Issue] = field(default_factory=dict)
    excluded: dict[Source, None] = field(default_factory=dict)

    def add(self, severity: Severity, code: str, expression: str, details: str) -> None:
        """Report something once."""
        self.issues.setdefault((code, expression, details), Issue(severity, code, expression, details))

    def error(self, code: str, expression: str, details: str) -> None:
        """Report something that makes the whole bundle unusable."""
        self.add("error", code, expression, details)

    def warn(self, code: str, expression: str, details: str) -> None:
        """Report something that a person should look at."""
        self.add("warning", code, expression, details)

    def inform(self, code: str, expression: str, details: str) -> None:
        """Report something worth knowing."""
        self.add("information", code, expression, details)

    def exclude(self, *sources: Source) -> None:
        """Name elements that decided that something was not used."""
        for source in sources:
            plain = source.role == Role.EXCLUSION.value and not source.mapping
            self.excluded.setdefault(source if plain else replace(source, role=Role.EXCLUSION.value, mapping=""))

    @property
    def unusable(self) -> bool:
        """Whether anything found so far makes the bundle unusable."""
        return any(issue.severity == "error" for issue in self.issues.values())

    def stop_if_unusable(self) -> None:
        """Raise `UnusableInput` with every issue, if any is an error."""
        if self.unusable:
            raise UnusableInput(tuple(self.issues.values()))


def one_line(text: str, length: int) -> str:
    r"""A text of the record on one line of at most `length` characters, without a character that does not show.

    A control character, or one that only changes the direction or the joining of letters, is written as its escape.

    >>> one_line(" level\nII\x1b[31m\u202e ", 40), one_line("x" * 50, 8)
    ('level II\\x1b[31m\\u202e', 'xxxxxxx…')
    """
    # Ten characters are the longest escape; what lies behind cannot be shown, so it need not be looked at.
    line = " ".join(text[: 10 * length].split())
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    whole = len(line) <= length and len(text) <= 10 * length
    return line if whole else f"{line[: length - 1]}…"


def shown(text: object, length: int = 60) -> str:
    r"""A text of the record for a message: short, on one line, and without the backticks that messages quote with.

    >>> shown("a\n`b`")
    "a 'b'"
    """
    return one_line(str(text).replace("`", "'"), length)
