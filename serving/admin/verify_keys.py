"""One key for each class: its first letter where that is free, else a digit, else any letter that is left."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase

#: Letters that mean something else on the page: type a class, skip, undo, select a range, reject.
RESERVED = frozenset("csuvx")
_DIGITS = "1234567890"


def class_keys(classes: Sequence[str]) -> dict[str, str]:
    """One key a class, all different; a class past the last free key has none, and is typed by its name."""
    keys: dict[str, str] = {}
    free = [letter for letter in ascii_lowercase if letter not in RESERVED]
    for name in classes:
        first = name[:1].casefold()
        if first in free:
            keys[name] = first
            free.remove(first)
    left = [*_DIGITS, *free]
    for name in classes:
        if name not in keys and left:
            keys[name] = left.pop(0)
    return {name: keys[name] for name in classes if name in keys}
