"""What `assay up` prints: its own sentences, and every part's lines behind the part's coloured name."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TextIO

_COLOURS = (36, 33, 35, 32, 34, 96, 93, 95, 92)


class Console:
    """Writes prefixed lines to ``stream``; ``lines`` False keeps the parts' own lines out of it."""

    def __init__(self, stream: TextIO, names: Iterable[str], *, lines: bool = True) -> None:
        self._stream = stream
        self._lines = lines
        self._colours = {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(names)}
        self._width = max(map(len, self._colours), default=0)
        self._coloured = stream.isatty() and "NO_COLOR" not in os.environ

    def say(self, sentence: str) -> None:
        """A sentence of the platform's own."""
        self._write(self._paint("assay".rjust(self._width), 1) + f" │ {sentence}\n")

    def line(self, part: str, line: str) -> None:
        """A line that ``part`` wrote."""
        if self._lines:
            self._write(self._paint(part.rjust(self._width), self._colours.get(part, 37)) + f" │ {line}\n")

    def _paint(self, text: str, colour: int) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._coloured else text

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal is gone: the files still have every line
            self._lines = False
