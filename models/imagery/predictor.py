"""The fitted model of pictures behind a typed ``predict``: plain files, no torch, safe in many threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from models.imagery.options import SAFE, ImageryOptions
from models.images.animation import decode_frames
from models.images.formats import ImageInvalid
from models.images.limits import ImageLimits
from models.images.predictor import PhotoPredictor, load_photo_model


@dataclass(frozen=True, eq=False)
class _Seen:
    """A picture's frames: (k, size, size, 3) uint8, its size upright, how many frames it has in all, and
    whether those looked at reach from the first to the last.
    """

    crops: np.ndarray
    width: int
    height: int
    frames: int
    whole: bool


class ImageryPredictor(PhotoPredictor):
    """Answers how likely a picture is not safe for work, or violent.

    Of an animation several frames are looked at, and each label's score is the highest among them.

    Raises:
        ModelInvalid: the arrays do not fit together.
    """

    family: ClassVar[str] = "imagery"
    options_class: ClassVar[type[ImageryOptions]] = ImageryOptions

    @property
    def labels(self) -> tuple[str, ...]:
        """What there is a score of: the classes but ``safe``."""
        return tuple(name for name in self.classes if name != SAFE)

    def answer_photo(self, photo: bytes, limits: ImageLimits | None = None) -> dict[str, Any]:
        """The answer for an image file; ``limits``: those of the service. Raises ImageInvalid."""
        return self._answered([self._look(photo, limits)])[0]

    def answer_photos(
        self, photos: Sequence[bytes], limits: ImageLimits | None = None
    ) -> list[dict[str, Any] | ImageInvalid]:
        """An answer for each image file, or why there is none; a bad picture does not touch the others.

        An answer has ``label`` and ``confidence``, ``scores`` (label -> calibrated probability, without safe),
        ``probabilities`` (of all classes, of the frame that is least likely safe), ``none_of_these`` (it is far
        from all that was learned) and ``distance``, ``width`` and ``height`` in pixels, ``frames``, and
        ``whole`` (see :class:`models.images.animation.Frames`).
        """
        seen: list[_Seen | ImageInvalid] = []
        for photo in photos:
            try:
                seen.append(self._look(photo, limits))
            except ImageInvalid as error:
                seen.append(error)
        answers = iter(self._answered([each for each in seen if isinstance(each, _Seen)]))
        return [next(answers) if isinstance(each, _Seen) else each for each in seen]

    def scores(self, pixels: Sequence[np.ndarray]) -> np.ndarray:
        """(n, labels) calibrated probabilities of decoded pictures or frames, each (h, w, 3) uint8 RGB."""
        if not len(pixels):
            return np.zeros((0, len(self.labels)))
        found = self.classifier.classify(np.stack([self.prepare.cut(each) for each in pixels]))
        return self._of_labels(self.spread(found.probabilities))

    def _look(self, photo: bytes, limits: ImageLimits | None) -> _Seen:
        size = self.classifier.size
        frames = decode_frames(photo, limits or self.options.limits, shortest=size)
        crops = np.stack([self.prepare.cut(pixels) for pixels in frames.pixels])
        first = frames.first
        return _Seen(crops, first.width, first.height, first.frames, frames.whole)

    def _answered(self, seen: Sequence[_Seen]) -> list[dict[str, Any]]:
        if not seen:
            return []
        found = self.classifier.classify(np.concatenate([each.crops for each in seen]))
        chances = self.spread(found.probabilities)
        answers, start = [], 0
        for each in seen:
            rows = slice(start, start + len(each.crops))
            start += len(each.crops)
            answers.append(self._said(each, chances[rows], found.nobody[rows], found.distances[rows]))
        return answers

    def _said(
        self, seen: _Seen, chances: np.ndarray, nobody: np.ndarray, distances: np.ndarray
    ) -> dict[str, Any]:
        """One answer out of (k, classes) chances of its frames, whether each is none of the classes (k,), and
        distances (k,).
        """
        scores = self._of_labels(chances)
        worst = chances[int(scores.sum(axis=1).argmax())]
        best = int(worst.argmax())
        return {
            "label": self.classes[best],
            "confidence": float(worst[best]),
            "scores": dict(zip(self.labels, scores.max(axis=0).tolist(), strict=True)),
            "probabilities": dict(zip(self.classes, worst.tolist(), strict=True)),
            "none_of_these": bool(nobody.any()),
            "distance": float(distances.max()),
            "width": seen.width,
            "height": seen.height,
            "frames": seen.frames,
            "whole": seen.whole,
        }

    def _of_labels(self, chances: np.ndarray) -> np.ndarray:
        """(n, labels) of (n, classes)."""
        return chances[:, [number for number, name in enumerate(self.classes) if name != SAFE]]


def load(files: Mapping[str, bytes]) -> ImageryPredictor:
    """The predictor out of the files of :meth:`ImageryPredictor.to_files`.

    Raises:
        ModelInvalid: the files are not such a model; the message names what is wrong.
    """
    return load_photo_model(ImageryPredictor, files)
