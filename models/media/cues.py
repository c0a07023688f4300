"""Captions as a viewer reads them: short, in time, never two at once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models.media.speech import Segment, Word

WIDTH = 42  # characters of a line
LINES = 2
LONGEST = 7_000  # milliseconds
_ARROW = re.compile("-+>")


@dataclass(frozen=True)
class Cue:
    """What is shown from ``start`` to ``end``, in milliseconds; 1 or 2 lines of at most 42 characters."""

    start: int
    end: int
    lines: tuple[str, ...]


def cues(segments: Sequence[Segment]) -> list[Cue]:
    """Cut segments into cues: at most 2 lines of 42 characters and 7 seconds, none overlapping another.

    A cue never reaches over the pause between two segments. A word longer than a line is cut.
    """
    made: list[Cue] = []
    for segment in sorted(segments, key=lambda segment: segment.start):
        group: list[Word] = []
        for word in _tokens(segment.words):
            if group and not _fits([*group, word]):
                _close(made, group)
                group = []
            group.append(word)
        if group:
            _close(made, group)
    return made


def _fits(group: list[Word]) -> bool:
    times = [time for word in group for time in (word.start, word.end)]
    return (
        len(_wrap([word.text for word in group])) <= LINES
        and round(1000 * max(times)) - round(1000 * min(times)) <= LONGEST
    )


def _close(made: list[Cue], group: list[Word]) -> None:
    after = made[-1].end if made else 0
    start = max(after, round(1000 * min(word.start for word in group)))
    end = max(start + 1, round(1000 * max(word.end for word in group)))
    made.append(Cue(start, min(end, start + LONGEST), tuple(_wrap([word.text for word in group]))))


def _wrap(words: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _tokens(words: Sequence[Word]) -> Iterator[Word]:
    """Words without white space, of at most a line; the parts of a longer one share its time."""
    for word in sorted(words, key=lambda word: word.start):
        parts = [
            token[at : at + WIDTH]
            for token in _clean(word.text).split()
            for at in range(0, len(token), WIDTH)
        ]  # fmt: skip
        step = (word.end - word.start) / max(1, len(parts))
        for at, part in enumerate(parts):
            yield Word(part, word.start + at * step, word.start + (at + 1) * step)


def _clean(text: str) -> str:
    # `-->` ends the text of a cue in both formats.
    text = _ARROW.sub("→", text)
    return "".join(" " if unicodedata.category(one) in ("Cc", "Zl", "Zp", "Cs") else one for one in text)
