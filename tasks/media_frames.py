"""Frames of a video at even steps, upright and in true colours, without decoding what is not looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from config.errors import InputError
from config.settings import Settings
from models.media.looks import motion
from tasks.media_files import Opened, check_seconds, media_errors

#: a video up to this long is decoded from end to end; of a longer one only the frames at the steps
_WHOLE = 30.0
_FEWEST = 8
_SMALL = 320
_UNTOLD = 2  # AVCOL_SPC_UNSPECIFIED
_HIGH = 720


@dataclass(frozen=True)
class Glimpse:
    """A decoded frame: when it is shown, its reduced pixels, and how much it moves (0 to 1)."""

    seconds: float
    small: np.ndarray
    motion: float
    frame: Any
    aspect: float

    def pixels(self, longest: int) -> np.ndarray:
        """The frame itself, upright, (h, w, 3) uint8 RGB, its longer side reduced to that many pixels."""
        return to_rgb(self.frame, longest, self.aspect)


def glimpses(settings: Settings, opened: Opened, count: int) -> Iterator[Glimpse]:
    """About ``count`` frames over the whole length, in order; fewer of a short video or a damaged one.

    Raises:
        InputError: there is no video track, not one frame can be decoded, or it is too long.
    """
    stream = opened.video
    stream.codec_context.thread_type = "AUTO"
    given = 0
    seconds = opened.seconds
    if seconds is not None and seconds > _WHOLE:
        for glimpse in _by_seeking(opened, stream, seconds, count):
            given += 1
            yield glimpse
        if given >= min(_FEWEST, count):
            return
        # Hardly any key frame: what was skipped lies between them, and has to be decoded.
        with media_errors():
            opened.container.seek(0)
    for glimpse in _by_decoding(settings, opened, stream, count):
        given += 1
        yield glimpse
    if not given:
        raise InputError("No frame of the video can be decoded.", hint="It may be cut off or damaged.")


def to_rgb(frame: Any, longest: int, aspect: float = 1.0) -> np.ndarray:
    """Pixels of a decoded frame, (h, w, 3) uint8 RGB: square pixels, upright, never enlarged.

    Where the file does not tell its colour matrix, high definition is taken for BT.709, the rest for BT.601.

    Args:
        frame: of PyAV, of any depth and range.
        longest: pixels that the longer side is reduced to.
        aspect: width of a pixel by its height.
    """
    from av.video.reformatter import ColorRange, Colorspace

    untold = int(frame.colorspace) == _UNTOLD
    matrix = (Colorspace.ITU709 if frame.height >= _HIGH else Colorspace.ITU601) if untold else None
    wide, high = (frame.width * aspect, frame.height) if aspect < 1 else (frame.width, frame.height / aspect)
    shrink = min(1.0, longest / max(wide, high))
    made = frame.reformat(
        width=max(1, round(wide * shrink)),
        height=max(1, round(high * shrink)),
        format="rgb24",
        src_colorspace=matrix,
        src_color_range=frame.color_range or None,
        dst_color_range=ColorRange.JPEG,
        threads=1,
        interpolation="AREA" if shrink < 1 else None,
    )
    return np.ascontiguousarray(np.rot90(made.to_ndarray(), round(frame.rotation / 90) % 4))


def _by_decoding(settings: Settings, opened: Opened, stream: Any, count: int) -> Iterator[Glimpse]:
    step = (opened.seconds or 0.0) / count if opened.seconds else 1.0
    wanted, waiting, given = 0.0, None, 0
    for frame, seconds in _decoded(opened, stream):
        check_seconds(settings, seconds)
        if waiting is not None:
            yield _glimpse(stream, *waiting, frame)
            given, waiting = given + 1, None
        if seconds >= wanted:
            waiting = (frame, seconds)
            # Where the length is not told, steps grow, so that their number stays bounded.
            step = max(step, seconds / count) if opened.seconds is None else step
            wanted = max(wanted + step, seconds) if given else seconds + step
    if waiting is not None:
        yield _glimpse(stream, *waiting, None)


def _by_seeking(opened: Opened, stream: Any, seconds: float, count: int) -> Iterator[Glimpse]:
    """The key frame before each step, and the frame behind it for its motion."""
    import av

    last = -1.0
    for at in range(count):
        wanted = (at + 0.5) * seconds / count
        if wanted <= last:
            continue
        target = int((opened.start + wanted) / stream.time_base)
        try:
            opened.container.seek(target, stream=stream, backward=True)
        except av.FFmpegError:
            continue
        pair: list[tuple[Any, float]] = []
        for frame, when in _decoded(opened, stream):
            if pair and when <= pair[0][1]:
                continue
            pair.append((frame, when))
            if len(pair) == 2 or pair[0][1] <= last:
                break
        if pair and pair[0][1] > last:
            last = pair[0][1]
            yield _glimpse(stream, pair[0][0], last, pair[1][0] if len(pair) == 2 else None)


def _decoded(opened: Opened, stream: Any) -> Iterator[tuple[Any, float]]:
    """Whole frames and their seconds."""
    for frame in opened.decoded(stream):
        if not frame.is_corrupt and frame.pts is not None:
            yield frame, max(0.0, float(frame.pts * frame.time_base) - opened.start)


def _glimpse(stream: Any, frame: Any, seconds: float, following: Any) -> Glimpse:
    aspect = float(stream.sample_aspect_ratio or 1) or 1.0
    small = to_rgb(frame, _SMALL, aspect)
    other = to_rgb(following, _SMALL, aspect) if following is not None else small
    moved = motion(small, other) if other.shape == small.shape else 1.0
    return Glimpse(seconds, small, moved, frame, aspect)
