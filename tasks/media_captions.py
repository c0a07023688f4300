"""Captions of an open file: the engine that the settings name, and the three files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from config.errors import SettingsError
from config.settings import Settings
from models.media.cues import Cue, cues
from models.media.speech import SpeechEngine, Transcript
from models.media.subtitles import as_srt, as_vtt
from storage.objects import open_store
from tasks.media_files import Opened
from tasks.media_sound import sound


def caption_files(
    settings: Settings, opened: Opened, language: str | None, on_progress: Callable[[float], None]
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """``captions.vtt``, ``captions.srt``, ``captions.json``, and what is told of them.

    Raises:
        InputError: no sound track, too long, damaged, or a language that the engine does not know.
        SettingsError: the engine that the settings name cannot be had.
    """
    heard = 0.0

    def progress(seconds: float) -> None:
        nonlocal heard
        heard = max(heard, seconds)
        on_progress(0.95 * min(1.0, heard / opened.seconds) if opened.seconds else 0.0)

    opened.require_sound()  # before a model is loaded
    with speech_engine(settings) as engine:
        transcript = engine.transcribe(sound(settings, opened), language=language, on_progress=progress)
    shown = cues(transcript.segments)
    facts = {
        "kind": "captions", "engine": transcript.engine, "basic": transcript.basic,
        "language": transcript.language, "seconds": round(opened.seconds or heard, 3), "cues": len(shown),
        "words": sum(len(segment.words) for segment in transcript.segments),
    }  # fmt: skip
    note = f"Made by {transcript.engine}{' (basic, by machine; expect mistakes)' if transcript.basic else ''}"
    return {
        "captions.vtt": as_vtt(shown, note=note).encode(),
        "captions.srt": as_srt(shown).encode(),
        "captions.json": json.dumps(
            {**facts, "segments": _segments(transcript), "shown": _shown(shown)}
        ).encode(),
    }, facts


@contextmanager
def speech_engine(settings: Settings) -> Iterator[SpeechEngine]:
    """The engine of CAPTION_ENGINE; a model of the object store lies in a temporary folder meanwhile.

    Raises:
        SettingsError: `whisper` without CAPTION_MODEL, without its library, or no model there.
    """
    if settings.caption_engine == "sphinx" or (
        settings.caption_engine == "auto" and not settings.caption_model
    ):
        from models.media.sphinx import SphinxEngine

        yield SphinxEngine()
        return
    if not settings.caption_model:
        raise SettingsError(
            "CAPTION_ENGINE is whisper, but there is no CAPTION_MODEL.",
            hint="Name a folder, or a prefix of the artifacts bucket, with a faster-whisper model.",
        )
    from models.media.whisper import WhisperEngine

    with _model_folder(settings, settings.caption_model) as folder:
        yield WhisperEngine(str(folder))


@contextmanager
def _model_folder(settings: Settings, name: str) -> Iterator[Path]:
    if Path(name).is_dir():
        yield Path(name)
        return
    store, prefix = open_store(settings), name.rstrip("/") + "/"
    found = list(store.list(prefix))
    if not found:
        raise SettingsError(
            f"CAPTION_MODEL '{name}' is neither a folder nor a prefix of the artifacts bucket.",
            hint="It holds model.bin and config.json of a faster-whisper model.",
        )
    parent = settings.home / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=parent, prefix="caption-model-") as folder:
        for info in found:
            target = Path(folder) / info.key.removeprefix(prefix)
            target.parent.mkdir(parents=True, exist_ok=True)
            with store.open(info.key) as source, target.open("wb") as file:
                while piece := source.read(1 << 20):
                    file.write(piece)
        yield Path(folder)


def _segments(transcript: Transcript) -> list[dict[str, Any]]:
    return [
        {
            "start": round(segment.start, 3),
            "end": round(segment.end, 3),
            "text": segment.text,
            "words": [[word.text, round(word.start, 3), round(word.end, 3)] for word in segment.words],
        }
        for segment in transcript.segments
    ]


def _shown(shown: list[Cue]) -> list[dict[str, Any]]:
    return [{"start": cue.start / 1000, "end": cue.end / 1000, "lines": list(cue.lines)} for cue in shown]
