"""The engine that is always there: pocketsphinx with the English model that it ships. Basic."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from config.errors import InputError
from models.media.speech import RATE, Segment, Transcript, Word

_LONGEST = 20.0  # seconds without a pause, after which a segment is ended; bounds the memory too
_NOT_WORDS = re.compile(r"^(<.*>|\[.*\]|\+\+.*\+\+)$")
_VARIANT = re.compile(r"\(\d+\)$")
_BYTES = 2
_SILENCE = b"\0\0"  # the endpointer refuses an empty frame


class SphinxEngine:
    """English only; words without punctuation, often wrong outside clear dictation."""

    name = "sphinx"

    def transcribe(
        self, audio: Iterable[np.ndarray], *, language: str | None, on_progress: Callable[[float], None]
    ) -> Transcript:
        """Listen to the end; see :class:`models.media.speech.SpeechEngine`.

        Raises:
            InputError: ``language`` is not English.
        """
        if language is not None and language.lower().replace("_", "-").split("-")[0] != "en":
            raise InputError(
                f"The basic caption engine knows English only, not '{language}'.",
                hint="Set CAPTION_MODEL to a faster-whisper model for other languages.",
            )
        from pocketsphinx import Decoder

        decoder = Decoder(samprate=RATE, loglevel="FATAL")
        segments = []
        for start, pcm in _utterances(audio, on_progress):
            words = _words(decoder, start, pcm)
            if words:
                segments.append(Segment(words[0].start, words[-1].end, words))
        return Transcript(tuple(segments), "en", self.name, basic=True)


def _utterances(
    audio: Iterable[np.ndarray], on_progress: Callable[[float], None]
) -> Iterator[tuple[float, bytes]]:
    """Stretches of speech between pauses: where each begins in seconds, and its 16-bit samples."""
    from pocketsphinx import Endpointer

    points = Endpointer(sample_rate=RATE)
    held, start = bytearray(), 0.0
    longest = int(_LONGEST * RATE) * _BYTES
    for frame in _frames(audio, points.frame_bytes, on_progress):
        before = points.in_speech
        if len(frame) == points.frame_bytes:
            speech = points.process(frame)
        else:
            speech = points.end_stream(frame or _SILENCE) if before else None
        if speech is None:
            continue
        if not held and not before:
            start = points.speech_start
        held += speech
        if not points.in_speech or len(held) >= longest:
            yield start, bytes(held)
            start += len(held) / (_BYTES * RATE)
            held.clear()
    if held:
        yield start, bytes(held)


def _frames(audio: Iterable[np.ndarray], size: int, on_progress: Callable[[float], None]) -> Iterator[bytes]:
    """Frames of ``size`` bytes; the last one, shorter and maybe empty, says that the sound has ended."""
    rest, heard = b"", 0
    for piece in audio:
        samples = np.clip(np.nan_to_num(piece), -1, 1) * 32767
        rest += samples.astype("<i2").tobytes()
        whole = len(rest) - len(rest) % size
        for at in range(0, whole, size):
            yield rest[at : at + size]
        rest = rest[whole:]
        heard += len(piece)
        on_progress(heard / RATE)
    yield rest


def _words(decoder: Any, start: float, pcm: bytes) -> tuple[Word, ...]:
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    if decoder.hyp() is None:
        return ()
    second = float(decoder.config["frate"])
    end = start + len(pcm) / (_BYTES * RATE)
    return tuple(
        Word(
            _VARIANT.sub("", part.word),
            min(end, start + part.start_frame / second),
            min(end, start + (part.end_frame + 1) / second),
        )
        for part in decoder.seg()
        if not _NOT_WORDS.match(part.word)
    )
