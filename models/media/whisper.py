"""faster-whisper with a model from a folder: the engine for captions that people are to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from config.errors import InputError, SettingsError
from models.media.speech import RATE, Segment, Transcript, Word

_WINDOW = 600 * RATE
_SEARCHED = 10 * RATE
_QUIET = RATE // 10


class WhisperEngine:
    """Args: ``folder`` holds a CTranslate2 Whisper model (``model.bin``, ``config.json``, ...).

    Raises:
        SettingsError: the extra `whisper` is not installed, or the folder holds no model.
    """

    name = "whisper"

    def __init__(self, folder: str) -> None:
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise SettingsError(
                "CAPTION_MODEL is set, but faster-whisper is not installed.",
                hint="Install the extra `whisper`, or set CAPTION_ENGINE=sphinx.",
            ) from error
        try:
            self._model: Any = WhisperModel(folder, local_files_only=True)
        except (OSError, RuntimeError, ValueError) as error:
            raise SettingsError(f"CAPTION_MODEL is no faster-whisper model: {error}") from error

    def transcribe(
        self, audio: Iterable[np.ndarray], *, language: str | None, on_progress: Callable[[float], None]
    ) -> Transcript:
        """Listen to the end, ten minutes at a time; see :class:`models.media.speech.SpeechEngine`.

        The language is the given one, or the one that the first window is in.
        """
        segments: list[Segment] = []
        for start, samples in windows(audio):
            try:
                found, facts = self._model.transcribe(
                    samples, language=language, word_timestamps=True, vad_filter=True
                )
            except ValueError as error:
                raise InputError(f"The caption model does not know the language '{language}'.") from error
            language = language or facts.language
            for part in found:
                segments.append(_segment(part, start))
                on_progress(start + part.end)
            on_progress(start + len(samples) / RATE)
        return Transcript(tuple(segments), language or "und", self.name, basic=False)


def windows(audio: Iterable[np.ndarray]) -> Iterator[tuple[float, np.ndarray]]:
    """Sound in windows of at most ten minutes, each cut at the quietest moment of its last ten seconds."""
    held: list[np.ndarray] = []
    length, start = 0, 0
    for piece in audio:
        held.append(np.asarray(piece, np.float32))
        length += len(piece)
        while length >= _WINDOW:
            joined = np.concatenate(held)
            cut = _quietest(joined)
            yield start / RATE, joined[:cut]
            held, start, length = [joined[cut:]], start + cut, length - cut
    if length:
        yield start / RATE, np.concatenate(held)


def _quietest(samples: np.ndarray) -> int:
    tail = samples[_WINDOW - _SEARCHED : _WINDOW]
    loud = np.square(tail.reshape(-1, _QUIET)).mean(axis=1)
    return _WINDOW - _SEARCHED + int(np.argmin(loud)) * _QUIET + _QUIET // 2


def _segment(part: Any, start: float) -> Segment:
    words = tuple(
        Word(word.word.strip(), start + word.start, start + word.end)
        for word in part.words or ()
        if word.word.strip()
    )
    if not words and part.text.strip():
        words = (Word(part.text.strip(), start + part.start, start + part.end),)
    return Segment(start + part.start, start + part.end, words)
