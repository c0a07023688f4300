"""What a speech engine is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

#: samples a second of all sound that an engine is given
RATE = 16_000


@dataclass(frozen=True)
class Word:
    """A word, and when it is said, in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Segment:
    """Words between two pauses; seconds."""

    start: float
    end: float
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words in a line."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True)
class Transcript:
    """What was said. ``basic``: by an engine whose answers are a rough aid, and are to be labelled so."""

    segments: tuple[Segment, ...]
    language: str
    engine: str
    basic: bool


class SpeechEngine(Protocol):
    """Speech to text."""

    def transcribe(
        self,
        audio: Iterable[np.ndarray],
        *,
        language: str | None,
        on_progress: Callable[[float], None],
    ) -> Transcript:
        """Listen to the end.

        Args:
            audio: float32 pieces of any length, mono, 16 kHz, -1 to 1. They are read as they come.
            language: ISO 639-1; None lets the engine find out, or take its own.
            on_progress: told how many seconds have been heard; what it raises ends the work.

        Raises:
            InputError: the engine does not know the language.
        """
        ...
