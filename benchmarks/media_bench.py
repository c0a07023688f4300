"""Thumbnails beside FFmpeg decoding the same file to nothing, and basic captions beside plain pocketsphinx.

FFmpeg is the library that PyAV brings, with as many threads as it likes, every frame decoded and dropped: what
``ffmpeg -i FILE -f null -`` does, without that program, which need not be there. Both sides in turn, medians.
"""

from __future__ import annotations

import csv
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from config.settings import Settings, load_settings

DATA = Path(os.environ.get("ASSAY_DATA", Path(__file__).parents[2] / "shared" / "data")) / "media"
ROUNDS = 5
#: repeats of one clip, for a film of ten minutes
_LOOPS = 60


def run() -> list[dict[str, Any]]:
    """Seconds of film a second on each clip and on one of ten minutes; word error rate and real-time factor."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(assay_home=Path(folder))
        clips = sorted((DATA / "video").glob("*.mp4"))
        rows = [row for clip in clips for row in _thumbnails(settings, clip.name, clip, Path(folder) / "out")]
        film = Path(folder) / "film.mp4"
        looped(DATA / "video" / "bikes.mp4", film, _LOOPS)
        rows += _thumbnails(settings, f"bikes.mp4 {_LOOPS} times", film, Path(folder) / "out")
        return rows + _captions(settings)


def _thumbnails(settings: Settings, name: str, path: Path, out: Path) -> list[dict[str, Any]]:
    from tasks.media_work import work_on_file

    ours, other = [], []
    for _ in range(ROUNDS):
        ours.append(
            _seconds(lambda: work_on_file(settings, "thumbnails", path, out, on_progress=lambda _: None))
        )
        other.append(_seconds(lambda: _decode(path)))
    length = _length(path)
    mine, theirs = length / statistics.median(ours), length / statistics.median(other)
    return [
        {
            "figure": f"thumbnails, {name}",
            "ours": round(mine, 1),
            "other": round(theirs, 1),
            "ratio": round(mine / theirs, 2),
            "unit": "s/s",
            "note": f"seconds of film a second, {length:.0f} s long; other: all frames decoded and dropped",
        }
    ]


def _captions(settings: Settings) -> list[dict[str, Any]]:
    import jiwer

    ours: list[str] = []
    plain: list[str] = []
    truth: list[str] = []
    took, took_plain, length = 0.0, 0.0, 0.0
    for row in csv.DictReader((DATA / "speech" / "transcripts.csv").open()):
        path = DATA / "speech" / row["file"]
        truth.append(row["transcript"])
        took += _seconds(lambda path=path: ours.append(_ours(settings, path)))  # type: ignore[misc]
        took_plain += _seconds(lambda path=path: plain.append(_plain(path)))  # type: ignore[misc]
        length += _length(path)
    how = f"basic engine, {len(truth)} recordings of {length:.0f} s; other: pocketsphinx on the whole file"
    rates = [jiwer.wer(truth, ours), jiwer.wer(truth, plain)]
    return [
        {"figure": "captions, word error rate", "ours": round(rates[0], 3), "other": round(rates[1], 3),
         "ratio": round(rates[1] / rates[0], 2), "unit": "", "note": how},
        {"figure": "captions, real-time factor", "ours": round(took / length, 3),
         "other": round(took_plain / length, 3), "ratio": round(took_plain / took, 2), "unit": "s/s",
         "note": f"{how}; the model is loaded each time"},
    ]  # fmt: skip


def _ours(settings: Settings, path: Path) -> str:
    from tasks.media_captions import speech_engine
    from tasks.media_files import open_path
    from tasks.media_sound import sound

    with open_path(settings, path) as opened, speech_engine(settings) as engine:
        heard = engine.transcribe(sound(settings, opened), language="en", on_progress=lambda _: None)
    return " ".join(segment.text for segment in heard.segments)


def _plain(path: Path) -> str:
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=16_000, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(samples(path), full_utt=True)
    decoder.end_utt()
    return str(decoder.hyp().hypstr) if decoder.hyp() else ""


def samples(path: Path) -> bytes:
    """The sound of a file: 16 kHz, mono, 16 bits."""
    import av

    pieces = io.BytesIO()
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    with av.open(str(path)) as container:
        for frame in [*container.decode(audio=0), None]:
            for piece in resampler.resample(frame):
                pieces.write(piece.to_ndarray().tobytes())
    return pieces.getvalue()


def _decode(path: Path) -> None:
    import av

    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for _ in container.decode(video=0):
            pass


def looped(clip: Path, film: Path, times: int) -> None:
    """The clip's packets ``times`` times over, as ``ffmpeg -stream_loop -c copy`` does."""
    import av

    with av.open(str(film), "w") as target:
        stream: Any = None
        offset = 0
        for _ in range(times):
            with av.open(str(clip)) as source:
                given: Any = source.streams.video[0]
                stream = stream or target.add_stream_from_template(given)
                for packet in source.demux(given):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, stream
                    target.mux(packet)
                offset += given.duration


def _length(path: Path) -> float:
    import av

    with av.open(str(path)) as container:
        return float(container.duration or 0) / av.time_base


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
