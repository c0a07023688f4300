"""Looking at pictures of published content and at frames of its video; what people may have to see is kept."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from config.errors import ObjectNotFound
from models.imagery.answering import ImageScore, score_images
from models.imagery.frames import aggregate_frames
from models.images.limits import ImageLimits, Room
from storage.contents import StoredContent
from storage.moderation_images import store_image
from storage.objects import open_store
from tasks.content_judging import Seen
from tasks.content_models import InUse
from tasks.platform import Platform

IMAGE, VIDEO = "image", "video"
#: Frames of a video that are kept for people: those that weighed most, and some beside them.
KEPT_FRAMES = 6
NOT_THERE = "there is no such object in the media bucket"


def limits_of(parts: Platform) -> ImageLimits:
    """Of one picture, and of what is unfolded at a time."""
    most = parts.settings.image_max_pixels
    return ImageLimits(parts.settings.image_max_bytes, most, Room(most))


def look_at_pictures(parts: Platform, content: StoredContent, model: InUse | None) -> Seen:
    """Scores of the pictures that the content names: the worst of each label. A bad one leaves it to a person.

    Raises:
        StoreUnavailable: the media bucket cannot be reached: try again later.
    """
    keys = list(content.images or ())
    if not keys:
        return Seen()
    store, limits = open_store(parts.settings, parts.settings.media_bucket), limits_of(parts)
    found: list[ImageScore] = []
    for key in keys:
        try:
            if store.stat(key).size > limits.max_bytes:
                found.append(ImageScore(None, "file too large"))
                continue
            found += score_images(model.predictor if model else None, [store.get(key)], limits)
        except ObjectNotFound:
            found.append(ImageScore(None, NOT_THERE))
    scores, causes = _worst(keys, found)
    return Seen(
        scores=scores,
        keys=keys,
        missing=(IMAGE,) if any(one.reason for one in found) else (),
        images=causes,
        version=model.version if model else None,
    )


def _worst(keys: Sequence[str], found: Sequence[ImageScore]) -> tuple[dict[str, float], dict[str, list[str]]]:
    """Each label's highest score, and which pictures have it."""
    scores: dict[str, float] = {}
    causes: dict[str, list[str]] = {}
    for key, one in zip(keys, found, strict=True):
        for label, score in (one.scores or {}).items():
            if score > scores.get(label, -1.0):
                scores[label], causes[label] = score, [key]
            elif score == scores[label]:
                causes[label].append(key)
    return scores, causes


def look_at_frames(parts: Platform, frames: Sequence[Any], model: InUse | None) -> Seen:
    """Scores of a video by its frames; those that weighed most are kept for people.

    Args:
        parts: the platform.
        frames: with ``seconds`` and ``image`` (h, w, 3) uint8, in order of time.
        model: the image model; None: a person looks.
    """
    if not frames:
        return Seen(missing=(VIDEO,))
    if model is None:
        return Seen(keys=_keep(parts, _spread(frames)), missing=(VIDEO,))
    scores, causes = frame_scores(frames, model)
    times = [float(frame.seconds) for frame in frames]
    by_time = dict(zip(times, frames, strict=True))
    weighed = sorted({at for each in causes.values() for at in each})
    kept = dict(zip(weighed, _keep(parts, [by_time[at] for at in weighed]), strict=True))
    others = [frame for frame in _spread(frames) if float(frame.seconds) not in kept][: KEPT_FRAMES - len(kept)]
    return Seen(
        scores=scores,
        keys=[*kept.values(), *_keep(parts, others)],
        frames=causes,
        images={label: [kept[at] for at in each] for label, each in causes.items()},
        version=model.version,
    )


def frame_scores(frames: Sequence[Any], model: InUse) -> tuple[dict[str, float], dict[str, tuple[float, ...]]]:
    """Each label's score by all ``frames``, and the seconds of those that caused it."""
    scored = model.predictor.scores([frame.image for frame in frames])
    return aggregate_frames([float(frame.seconds) for frame in frames], scored)


def both(pictures: Seen, frames: Seen) -> Seen:
    """What was seen in pictures and in frames, as one: each label's higher score counts."""
    scores = dict(pictures.scores)
    images: dict[str, Sequence[str]] = dict(pictures.images)
    seconds: dict[str, Sequence[float]] = {}
    for label, score in frames.scores.items():
        if score >= scores.get(label, -1.0):
            scores[label] = score
            images[label] = frames.images.get(label, ())
            seconds[label] = frames.frames.get(label, ())
    return replace(
        pictures,
        scores=scores,
        keys=[*pictures.keys, *frames.keys],
        frames=seconds,
        missing=[*pictures.missing, *frames.missing],
        images=images,
        version=frames.version or pictures.version,
    )


def _spread(frames: Sequence[Any]) -> list[Any]:
    """Some frames, evenly over the video."""
    step = max(1, len(frames) // KEPT_FRAMES)
    return list(frames[::step][:KEPT_FRAMES])


def _keep(parts: Platform, frames: Sequence[Any]) -> list[str]:
    from PIL import Image

    keys = []
    for frame in frames:
        buffer = io.BytesIO()
        Image.fromarray(frame.image).save(buffer, "JPEG", quality=85)
        keys.append(store_image(parts.store, buffer.getvalue()))
    return keys
