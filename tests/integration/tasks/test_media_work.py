"""Thumbnails, captions and frames of real files, made here by FFmpeg's encoders."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from config.errors import InputError, ObjectNotFound, SettingsError
from config.settings import Settings, load_settings
from storage.objects import open_store
from tasks.media_work import run_media_job, sample_frames, work_on_file
from tasks.platform import Platform

_LIST = "cannot be read as video"
COLOURS = [(200, 60, 40), (40, 170, 60), (50, 80, 200)]


@pytest.fixture
def parts(tmp_path: Path) -> Platform:
    return Platform(load_settings(assay_home=tmp_path / "home"))


def picture(at: int, width: int = 160, height: int = 96) -> np.ndarray:
    """Three scenes of ten frames; the upper left corner is white, so that one sees which side is up."""
    rng = np.random.default_rng(at // 10)
    pixels = np.full((height, width, 3), COLOURS[at // 10 % 3], np.uint8)
    for _ in range(12):
        x, y = int(rng.integers(40, width)), int(rng.integers(0, height))
        shade = [int(part) for part in rng.integers(0, 255, 3)]
        cv2.rectangle(pixels, (x, y), (x + 20, y + 14), shade, -1)
    pixels[:32, :32] = 255
    return pixels


def clip(
    codec: str = "libx264", pix: str = "yuv420p", form: str = "mp4", *, frames: int = 30,
    times: Callable[[int], int] = lambda at: at * 100, draw: Callable[[int], np.ndarray] = picture,
    rotation: int = 0, full: bool = False, gop: int = 12,
) -> bytes:  # fmt: skip
    """A video of ten frames a second; ``times`` gives each frame's milliseconds."""
    file = io.BytesIO()
    options = {"libx264": {"preset": "ultrafast", "qp": "10"}, "libx265": {"x265-params": "log-level=none"},
               "libvpx-vp9": {"cpu-used": "8", "crf": "15"}, "libsvtav1": {"preset": "12"}}  # fmt: skip
    with av.open(file, "w", format=form) as container:
        stream: Any = container.add_stream(codec, rate=10, options=options.get(codec, {}))
        first = draw(0)
        stream.width, stream.height, stream.pix_fmt = first.shape[1], first.shape[0], pix
        stream.gop_size = gop
        stream.codec_context.time_base = Fraction(1, 1000)
        if full:
            stream.codec_context.color_range = 2
        if rotation:
            stream.set_display_rotation(rotation)
        for at in range(frames):
            frame = av.VideoFrame.from_ndarray(draw(at), format="rgb24").reformat(
                format=pix, dst_color_range="JPEG" if full else None
            )
            frame.pts, frame.time_base = times(at), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def wav(seconds: float, level: float = 0.0) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="wav") as container:
        stream: Any = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        noise = np.random.default_rng(0).normal(0, level, int(seconds * 8000))
        frame = av.AudioFrame.from_ndarray(
            (np.clip(noise, -1, 1) * 32767).astype(np.int16)[None], format="s16", layout="mono"
        )
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def silent(_: float) -> None:
    """Nobody asks how far the work is."""


def put(parts: Platform, data: bytes, key: str = "video") -> str:
    open_store(parts.settings, parts.settings.media_bucket).put(key, data)
    return key


def work(parts: Platform, data: bytes, kind: str = "thumbnails", **params: Any) -> dict[str, Any]:
    job = {"id": "a-job", "kind": kind, "source": put(parts, data), "params": params}
    return run_media_job(parts, job, on_progress=silent)


def left_files(settings: Settings) -> list[Path]:
    return [path for path in (settings.home / "tmp").rglob("*") if path.is_file()]


CODECS = [
    ("libx264", "yuv420p", "mp4"), ("libx264", "yuv420p10le", "mp4"), ("libx264", "yuv444p", "matroska"),
    ("libx265", "yuv420p", "mp4"), ("libx265", "yuv420p10le", "matroska"), ("libvpx-vp9", "yuv420p", "webm"),
    ("libsvtav1", "yuv420p", "mp4"), ("libsvtav1", "yuv420p10le", "webm"), ("mpeg4", "yuv420p", "mpegts"),
]  # fmt: skip


@pytest.mark.parametrize(("codec", "pix", "form"), CODECS)
def test_every_codec_gives_three_scenes_in_three_shapes_and_true_colours(
    parts: Platform, codec: str, pix: str, form: str
) -> None:
    result = work(parts, clip(codec, pix, form))
    store = open_store(parts.settings)
    assert sorted(int(one["at"]) for one in result["thumbnails"]) == [0, 1, 2]
    assert len(result["objects"]) == 9
    for one in result["thumbnails"]:
        data = store.get(result["objects"][f"{one['number']}-16x9.jpg"])
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert [pixels.shape[1], pixels.shape[0]] == one["sizes"]["16x9"] == [160, 90]
    for frame in sample_frames(parts, "video", limit=3):
        expected = np.array(COLOURS[int(frame.seconds)])
        assert np.abs(np.median(frame.image[60:, :36], axis=(0, 1)) - expected).max() < 14


def test_full_range_has_the_same_colours(parts: Platform) -> None:
    put(parts, clip(full=True))
    (frame,) = sample_frames(parts, "video", limit=1)
    expected = np.array(COLOURS[int(frame.seconds)])
    assert np.abs(np.median(frame.image[60:, :36], axis=(0, 1)) - expected).max() < 14
    assert frame.image[4:28, 4:28].min() > 245


@pytest.mark.parametrize(("rotation", "corner"), [(90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))])
def test_a_turned_video_comes_upright(parts: Platform, rotation: int, corner: tuple[int, int]) -> None:
    # Turned counter-clockwise by 90 degrees, the upper left corner becomes the lower left one.
    put(parts, clip(rotation=rotation))
    (frame,) = sample_frames(parts, "video", limit=1)
    assert frame.image.shape[:2] == ((160, 96) if rotation % 180 else (96, 160))
    white = frame.image[
        corner[0] * 16 + (16 if not corner[0] else 0), corner[1] * 16 + (16 if not corner[1] else 0)
    ]
    assert white.min() > 235


def test_times_are_seconds_where_the_frame_rate_varies(parts: Platform) -> None:
    times = [0, 40, 80, 1000, 1040, 5000, 5040, 9000]
    put(parts, clip(frames=8, times=lambda at: times[at]))
    shown = [frame.seconds for frame in sample_frames(parts, "video", limit=20)]
    assert shown == sorted(shown)
    assert {round(1000 * seconds) for seconds in shown} <= set(times)
    assert any(4.9 < seconds < 5.1 for seconds in shown)


@pytest.mark.parametrize("gop", [10, 10_000])
def test_of_a_long_video_a_bounded_number_of_frames_is_looked_at(parts: Platform, gop: int) -> None:
    put(parts, clip("mpeg4", frames=1200, times=lambda at: at * 1000, gop=gop))
    shown = [frame.seconds for frame in sample_frames(parts, "video", limit=12)]
    assert len(shown) == 12
    assert shown[0] < 200
    assert shown[-1] > 1000


def test_a_single_frame_gives_one_thumbnail_and_one_frame(parts: Platform) -> None:
    assert len(work(parts, clip(frames=1))["thumbnails"]) == 1
    assert len(sample_frames(parts, "video", limit=5)) == 1


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"", "thumbnails", "is empty"),
        (b"no media at all" * 100, "thumbnails", "cannot be read"),
        (wav(1), "thumbnails", "no video track"),
        (cv2.imencode(".png", picture(0))[1].tobytes(), "thumbnails", "no video track"),
        (cv2.imencode(".jpg", picture(0))[1].tobytes(), "thumbnails", "no video track"),
        (b"#EXTM3U\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", "thumbnails", _LIST),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "thumbnails", _LIST),
    ],
)  # fmt: skip
def test_what_is_no_video_is_refused_with_a_reason(parts: Platform, data: bytes, kind: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        work(parts, data, kind)


def test_a_video_without_sound_has_no_captions(parts: Platform) -> None:
    with pytest.raises(InputError, match="no sound track"):
        work(parts, clip(frames=3), "captions")


def test_a_cover_picture_is_no_video(parts: Platform) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        sound: Any = container.add_stream("aac", rate=16000, layout="mono")
        cover: Any = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 160, 96, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(picture(0), format="rgb24")))
        container.mux(cover.encode())
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    with pytest.raises(InputError, match="no video track"):
        work(parts, file.getvalue())


def test_limits_are_checked_before_the_work(tmp_path: Path) -> None:
    data = clip()
    small = Platform(load_settings(assay_home=tmp_path / "a", media_max_bytes=len(data) - 1))
    with pytest.raises(InputError, match="MEDIA_MAX_BYTES"):
        work(small, data)
    short = Platform(load_settings(assay_home=tmp_path / "b", media_max_seconds=2.5))
    with pytest.raises(InputError, match="MEDIA_MAX_SECONDS"):
        work(short, data)
    with pytest.raises(InputError, match="MEDIA_MAX_SECONDS"):
        work(short, wav(3), "captions")


def test_a_missing_object_is_not_found(parts: Platform) -> None:
    with pytest.raises(ObjectNotFound):
        run_media_job(parts, {"id": "1", "kind": "thumbnails", "source": "none"}, on_progress=silent)


@pytest.mark.parametrize("form", ["mp4", "matroska", "mpegts"])
def test_a_file_cut_off_or_damaged_anywhere_gives_frames_or_a_reason(parts: Platform, form: str) -> None:
    whole, rng, given = clip(form=form), np.random.default_rng(5), 0
    refused = 0
    for at in range(30):
        data = bytearray(whole[: int(rng.integers(1, len(whole)))] if at % 2 else whole)
        for place in rng.integers(0, len(data), 20 if at % 2 == 0 else 0):
            data[place] = rng.integers(0, 256)
        put(parts, bytes(data))
        try:
            given += len(sample_frames(parts, "video", limit=3)) > 0
        except InputError:
            refused += 1
    assert given + refused == 30
    assert given > 5


def test_the_same_job_again_leaves_the_same_objects(parts: Platform) -> None:
    data = clip()
    first = work(parts, data)
    open_store(parts.settings).put("media/a-job/4-1x1.jpg", b"of an earlier try")
    assert work(parts, data) == first
    assert [info.key for info in open_store(parts.settings).list("media/")] == sorted(first["objects"].values())


def test_progress_rises_to_1_and_what_it_raises_ends_the_work(parts: Platform) -> None:
    told: list[float] = []
    job = {"id": "a", "kind": "thumbnails", "source": put(parts, clip()), "params": {}}
    run_media_job(parts, job, on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 5

    def stop(_: float) -> None:
        raise TimeoutError("too late")

    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(TimeoutError):
        run_media_job(parts, {**job, "id": "b"}, on_progress=stop)
    assert not list(open_store(parts.settings).list("media/b/"))
    assert left_files(parts.settings) == []
    assert len(os.listdir("/proc/self/fd")) <= len(before)


def test_silence_gives_captions_without_a_cue_and_says_basic(parts: Platform) -> None:
    result = work(parts, wav(2), "captions")
    assert {"engine": "sphinx", "basic": True, "language": "en", "cues": 0}.items() <= result.items()
    store = open_store(parts.settings)
    assert store.get("media/a-job/captions.vtt").startswith(b"WEBVTT\n\nNOTE Made by sphinx (basic")
    assert store.get("media/a-job/captions.srt") == b""
    assert json.loads(store.get("media/a-job/captions.json"))["segments"] == []


def test_basic_captions_of_another_language_are_refused(parts: Platform) -> None:
    with pytest.raises(InputError, match="English only"):
        work(parts, wav(1), "captions", language="de")


@pytest.mark.parametrize("prefix", [True, False])
def test_a_whisper_model_that_cannot_be_had_is_named_and_leaves_no_file(tmp_path: Path, prefix: bool) -> None:
    parts = Platform(load_settings(assay_home=tmp_path / "home", caption_model="models/whisper"))
    if prefix:
        open_store(parts.settings).put("models/whisper/model.bin", b"no model")
    with pytest.raises(SettingsError, match="CAPTION_MODEL"):
        work(parts, wav(1), "captions")
    assert left_files(parts.settings) == []


def test_a_file_of_this_machine_gets_its_results_beside_it(parts: Platform, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(clip())
    result = work_on_file(parts.settings, "thumbnails", path, tmp_path, on_progress=silent)
    assert (tmp_path / "film-1-16x9.jpg").is_file()
    assert len(result["objects"]) == 9
