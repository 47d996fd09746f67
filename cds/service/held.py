"""The bytes of large bodies that one worker holds: bounded, however many requests come at once.

Counted is what has arrived, not what was announced: who announces much and sends nothing takes no room. Bodies that are
not large are not counted; their number is bounded.
"""

from __future__ import annotations


class Held:
    """The room for large bodies in one worker: `most` bytes at once, beside bodies of up to `small` bytes each.

    Used on the event loop alone.

    >>> held = Held(most=100, small=10)
    >>> one, other = held.share(), held.share()
    >>> one.hold(90), other.hold(10), other.hold(11)
    (True, True, False)
    """

    def __init__(self, *, most: int, small: int) -> None:
        self._most = most
        self._small = small
        self._taken = 0

    def share(self) -> Share:
        """The share of one request, which holds nothing yet."""
        return Share(self)

    def change(self, before: int, after: int) -> bool:
        """Have one share hold `after` bytes instead of `before`, if there is room."""
        taken = self._taken - self._counted(before) + self._counted(after)
        if after > before and taken > self._most:
            return False
        self._taken = taken
        return True

    def _counted(self, size: int) -> int:
        return size if size > self._small else 0


class Share:
    """What one request holds."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._size = 0

    def hold(self, size: int) -> bool:
        """Hold so many bytes in all from now on, if there is room for them; else what was held is held on."""
        has_room = self._held.change(self._size, size)
        self._size = size if has_room else self._size
        return has_room
