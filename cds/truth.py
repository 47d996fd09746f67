"""The three truth values of every condition, and CQL's tables for combining them.

Stands at the bottom of the package because everything above it has to tell "no" from "not known".
The tables are those of HL7 CQL 1.5, *Author's Guide*, "Three-valued logic" (Kleene's strong logic): `null` there is
`UNKNOWN` here.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final


class Truth(enum.Enum):
    """What is known about a yes/no question: `TRUE`, `FALSE` or `UNKNOWN`.

    `UNKNOWN` is not a weak `FALSE`: whatever rests on it is undecided. A `Truth` therefore refuses to be used as
    a Python condition.

    >>> Truth.UNKNOWN & Truth.FALSE      # settled already, whatever the unknown turns out to be
    <Truth.FALSE: 'false'>
    >>> ~Truth.UNKNOWN
    <Truth.UNKNOWN: 'unknown'>
    """

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"

    __hash__ = object.__hash__  # members are singletons, and the tables are looked up on every step of every derivation

    def __bool__(self) -> bool:
        raise TypeError("a Truth has three values; write `is Truth.TRUE`")

    def __and__(self, other: Truth) -> Truth:
        return AND[self, other]

    def __or__(self, other: Truth) -> Truth:
        return OR[self, other]

    def __xor__(self, other: Truth) -> Truth:
        return XOR[self, other]

    def __invert__(self) -> Truth:
        return NOT[self]

    def implies(self, other: Truth) -> Truth:
        """CQL's `implies`: false only where this is true and `other` is false.

        >>> Truth.FALSE.implies(Truth.UNKNOWN)
        <Truth.TRUE: 'true'>
        """
        return IMPLIES[self, other]

    @property
    def is_known(self) -> bool:
        """Whether the question is answered, either way.

        >>> Truth.FALSE.is_known, Truth.UNKNOWN.is_known
        (True, False)
        """
        return self is not Truth.UNKNOWN

    @staticmethod
    def of(value: bool) -> Truth:
        """The truth value of a Python `bool`.

        >>> Truth.of(3 > 2)
        <Truth.TRUE: 'true'>
        """
        return Truth.TRUE if value else Truth.FALSE


_T, _F, _U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN

# One line per cell, so that each can be read against the standard and is tested by itself.
NOT: Final = {_T: _F, _F: _T, _U: _U}
AND: Final = {
    (_T, _T): _T, (_T, _F): _F, (_T, _U): _U,
    (_F, _T): _F, (_F, _F): _F, (_F, _U): _F,
    (_U, _T): _U, (_U, _F): _F, (_U, _U): _U,
}  # fmt: skip
OR: Final = {
    (_T, _T): _T, (_T, _F): _T, (_T, _U): _T,
    (_F, _T): _T, (_F, _F): _F, (_F, _U): _U,
    (_U, _T): _T, (_U, _F): _U, (_U, _U): _U,
}  # fmt: skip
XOR: Final = {
    (_T, _T): _F, (_T, _F): _T, (_T, _U): _U,
    (_F, _T): _T, (_F, _F): _F, (_F, _U): _U,
    (_U, _T): _U, (_U, _F): _U, (_U, _U): _U,
}  # fmt: skip
IMPLIES: Final = {
    (_T, _T): _T, (_T, _F): _F, (_T, _U): _U,
    (_F, _T): _T, (_F, _F): _T, (_F, _U): _T,
    (_U, _T): _T, (_U, _F): _U, (_U, _U): _U,
}  # fmt: skip


def all_of(truths: Iterable[Truth]) -> Truth:
    """Kleene's *and* of any number of questions; `TRUE` for none.

    >>> all_of([Truth.TRUE, Truth.UNKNOWN])
    <Truth.UNKNOWN: 'unknown'>
    """
    result = Truth.TRUE
    for truth in truths:
        result = AND[result, truth]
    return result


def any_of(truths: Iterable[Truth]) -> Truth:
    """Kleene's *or* of any number of questions; `FALSE` for none.

    Use it over an enumerated set only: over what happens to be reported, an unreported member would count as "no".

    >>> any_of([Truth.FALSE, Truth.UNKNOWN])
    <Truth.UNKNOWN: 'unknown'>
    """
    result = Truth.FALSE
    for truth in truths:
        result = OR[result, truth]
    return result
