"""Scores of pictures as a service or a worker asks for them, with what could not be said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.imagery.predictor import ImageryPredictor
from models.images.formats import ImageInvalid
from models.images.limits import ImageLimits

NO_VERSION = "no version of image moderation is in production"
UNLIKE = "the picture is unlike all that was learned from"
NOT_WHOLE = "the animation could not be looked at to its end"


@dataclass(frozen=True)
class ImageScore:
    """What is known of one picture.

    Attributes:
        scores: label -> calibrated probability; None: nothing could look at it.
        reason: why the scores alone must not approve the picture, in a few words; None: they may. Whoever
            decides then takes the picture for one that nothing could look at (``missing=("image",)`` of
            ``models.moderation.decide``): at least ``review_required``, or rejected by a score that is there.
    """

    scores: Mapping[str, float] | None
    reason: str | None = None


def score_images(
    predictor: ImageryPredictor | None, images: Sequence[bytes], limits: ImageLimits | None = None
) -> list[ImageScore]:
    """The scores of each image file, in order; a bad picture does not touch the others. Never raises for one.

    Args:
        predictor: the version in production; None: there is none, and no picture is approved.
        images: image files as they came.
        limits: of the service; None: those that the model was trained with.
    """
    if predictor is None:
        return [ImageScore(None, NO_VERSION) for _ in images]
    found: list[ImageScore] = []
    for answer in predictor.answer_photos(images, limits):
        if isinstance(answer, ImageInvalid):
            found.append(ImageScore(None, answer.reason))
            continue
        doubt = UNLIKE if answer["none_of_these"] else None
        found.append(ImageScore(answer["scores"], doubt if answer["whole"] else NOT_WHOLE))
    return found


def worst(found: Sequence[ImageScore]) -> tuple[dict[str, float], tuple[str, ...]]:
    """One answer for all pictures of a piece of content: each label's highest score, and the reasons why the
    scores alone must not approve it, each once.
    """
    scores: dict[str, float] = {}
    for each in found:
        for label, score in (each.scores or {}).items():
            scores[label] = max(score, scores.get(label, 0.0))
    return scores, tuple(dict.fromkeys(each.reason for each in found if each.reason))
