"""Background work on media: thumbnails, captions, and the frames that moderation looks at.

A source is read from its bucket in ranges and decoded as it comes: no copy of it is written to disk. Results go
to ``media/<job id>/`` of the artifacts bucket, under the same keys when the job is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from config.errors import InputError
from config.settings import Settings
from storage.objects import open_store
from tasks.media_captions import caption_files
from tasks.media_files import Opened, open_object, open_path
from tasks.media_frames import glimpses
from tasks.media_thumbnails import thumbnail_files
from tasks.platform import Platform

#: what a result file is called -> its bytes, and what the result says of them
Made = tuple[dict[str, bytes], dict[str, Any]]
OnProgress = Callable[[float], None]

_SIDE = 640
_LOOKED_AT = 4
_MOST = 96


@dataclass(frozen=True)
class Frame:
    """A frame of a video: seconds, and (h, w, 3) uint8 RGB, upright, of 640 pixels at most."""

    seconds: float
    image: np.ndarray


def run_media_job(
    parts: Platform,
    job: Mapping[str, Any],
    *,
    on_progress: OnProgress,
    still_ours: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Do a job of ``media_jobs`` and store its files; the result names their keys.

    Args:
        parts: the platform.
        job: ``id``, ``kind`` (`captions` or `thumbnails`), ``source`` (key in the media bucket), ``params``
            (of captions: ``language``).
        on_progress: told the share that is done, 0 to 1, never falling; what it raises ends the work, so that
            a deadline or a wish to stop is checked there.
        still_ours: asked right before files are written, and before older ones are deleted. What it raises
            leaves those that are there to the worker who has the job now.

    Raises:
        InputError: the file does not fit: no such track, too long, too large, damaged. Trying again is no help.
        StoreError: the object store.
    """
    store = open_store(parts.settings)
    media = open_store(parts.settings, parts.settings.media_bucket)
    with open_object(parts.settings, media, str(job["source"])) as opened:
        files, result = _work(parts.settings, str(job["kind"]), opened, job.get("params") or {}, on_progress)
    folder = f"media/{job['id']}/"
    still_ours()
    for name, data in files.items():
        store.put(folder + name, data)
    still_ours()
    # An earlier try may have found more.
    for left in [info.key for info in store.list(folder) if info.key.removeprefix(folder) not in files]:
        store.delete(left)
    on_progress(1.0)
    return {**result, "objects": {name: folder + name for name in sorted(files)}}


def work_on_file(
    settings: Settings, kind: str, path: Path, out: Path, *, on_progress: OnProgress
) -> dict[str, Any]:
    """The same for a file of this machine; the files lie in ``out``, named after it.

    Raises:
        InputError: as :func:`run_media_job`.
    """
    with open_path(settings, path) as opened:
        files, result = _work(settings, kind, opened, {}, on_progress)
    out.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, data in sorted(files.items()):
        target = out / (path.stem + name.removeprefix(kind) if name.startswith(kind) else f"{path.stem}-{name}")
        if target.absolute() == path.absolute():
            raise InputError(f"{target} is the file itself.", hint="Name another folder with --out.")
        target.write_bytes(data)
        written[name] = str(target)
    on_progress(1.0)
    return {**result, "objects": written}


def sample_frames(parts: Platform, source: str, *, limit: int) -> list[Frame]:
    """Up to ``limit`` frames of a video, in order: one of each scene first, then the widest gaps filled.

    Args:
        parts: the platform.
        source: key in the media bucket.
        limit: at least 1.

    Raises:
        InputError: no video track, too long, too large, damaged.
        ObjectNotFound: there is no such object.
    """
    from models.media.scenes import scene_numbers, signature

    media = open_store(parts.settings, parts.settings.media_bucket)
    found, marks = [], []
    with open_object(parts.settings, media, source) as opened:
        count = max(limit, min(_MOST, _LOOKED_AT * limit))
        for glimpse in glimpses(parts.settings, opened, count):
            found.append(Frame(glimpse.seconds, glimpse.pixels(_SIDE)))
            marks.append(signature(glimpse.small))
    times = np.array([frame.seconds for frame in found])
    scenes = scene_numbers(times, np.stack(marks), longest=float("inf"))
    return [found[at] for at in _spread(times, scenes, limit)]


def _spread(times: np.ndarray, scenes: np.ndarray, limit: int) -> list[int]:
    """Which frames to keep: the middle one of each scene (of evenly spread ones, where there are
    more), then whichever is farthest from the kept.
    """
    groups = [np.flatnonzero(scenes == scene) for scene in np.unique(scenes)]
    middles = [int(group[len(group) // 2]) for group in groups]
    even = np.linspace(0, len(middles) - 1, min(limit, len(middles)))
    kept = sorted({middles[round(at)] for at in even})
    while len(kept) < min(limit, len(times)):
        away = np.abs(times[:, None] - times[kept][None, :]).min(axis=1)
        away[kept] = -1
        kept.append(int(np.argmax(away)))
    return sorted(kept)


def _work(
    settings: Settings, kind: str, opened: Opened, params: Mapping[str, Any], on_progress: OnProgress
) -> Made:
    rising = _rising(on_progress)
    if kind == "thumbnails":
        return thumbnail_files(settings, opened, rising)
    if kind == "captions":
        return caption_files(settings, opened, params.get("language"), rising)
    raise InputError(f"There is no media work '{kind}'.", hint="There are captions and thumbnails.")


def _rising(on_progress: OnProgress) -> OnProgress:
    highest = 0.0

    def told(share: float) -> None:
        nonlocal highest
        highest = max(highest, min(1.0, share))
        on_progress(highest)

    return told
