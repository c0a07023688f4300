"""Engines hear sound in bounded pieces, in time, and say what they are."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from config.errors import InputError, SettingsError
from models.media.speech import RATE, Word
from models.media.sphinx import SphinxEngine, _utterances
from models.media.whisper import WhisperEngine, windows


def silent(_: float) -> None:
    """Nobody asks."""


def noise(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, int(seconds * RATE)).astype(np.float32)


def pieces(samples: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for at in range(0, len(samples), size):
        yield samples[at : at + size]


def test_a_window_ends_in_the_quietest_moment_and_nothing_is_lost() -> None:
    samples = np.ones(1300 * RATE, np.float32)
    samples[595 * RATE : 595 * RATE + RATE // 2] = 0
    found = list(windows(pieces(samples, 7 * RATE)))
    assert 595 <= found[1][0] <= 595.5
    assert max(len(window) for _, window in found) <= 600 * RATE
    assert np.array_equal(np.concatenate([window for _, window in found]), samples)


def test_speech_without_a_pause_is_cut_after_20_seconds_and_stays_in_time() -> None:
    buzz = np.sign(np.sin(np.arange(50 * RATE) * 2 * np.pi * 140 / RATE)).astype(np.float32) * 0.3
    sound = np.concatenate([np.zeros(RATE, np.float32), buzz, np.zeros(RATE, np.float32)])
    heard: list[float] = []
    found = list(_utterances(pieces(sound, 1234), heard.append))
    assert len(found) >= 2
    assert abs(found[0][0] - 1) < 0.5
    for (start, pcm), (following, _) in itertools.pairwise(found):
        assert len(pcm) / 2 / RATE <= 21
        assert following >= start + len(pcm) / 2 / RATE - 0.4
    assert heard[-1] == pytest.approx(52)


@pytest.mark.parametrize("samples", [0, 1, 479, 480, 481, RATE])
def test_silence_of_any_length_has_no_words(samples: int) -> None:
    transcript = SphinxEngine().transcribe(
        [np.zeros(samples, np.float32)], language="en-GB", on_progress=silent
    )
    assert (transcript.segments, transcript.basic, transcript.language) == ((), True, "en")


def test_the_basic_engine_refuses_other_languages() -> None:
    with pytest.raises(InputError, match="English only"):
        SphinxEngine().transcribe([], language="fr", on_progress=silent)


def test_whisper_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(SettingsError, match="extra `whisper`"):
        WhisperEngine("/nowhere")


def test_whisper_keeps_the_language_and_the_time_of_later_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []

    class Model:
        def __init__(self, folder: str, **_: Any) -> None:
            assert folder == "folder"

        def transcribe(self, samples: np.ndarray, *, language: str | None, **_: Any) -> Any:
            assert samples.dtype == np.float32
            asked.append(language)
            word = SimpleNamespace(word=" bonjour", start=1.0, end=1.5, probability=0.9)
            part = SimpleNamespace(start=1.0, end=1.5, text=" bonjour", words=[word])
            return iter([part]), SimpleNamespace(language="fr", duration=2.0)

    module = ModuleType("faster_whisper")
    module.WhisperModel = Model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    transcript = WhisperEngine("folder").transcribe(
        pieces(np.ones(700 * RATE, np.float32), RATE), language=None, on_progress=silent
    )
    assert asked == [None, "fr"]
    assert (transcript.language, transcript.basic) == ("fr", False)
    first, second = (segment.words[0] for segment in transcript.segments)
    assert first == Word("bonjour", 1.0, 1.5)
    assert 591 <= second.start <= 601
