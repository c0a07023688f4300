"""The best frames of a video, from different scenes, kept while the video goes by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from models.images.align import Face
from models.media.looks import Looks, looks
from models.media.scenes import CUT, difference, signature

T = TypeVar("T")

_CANDIDATES = 8
_ALIKE = 0.04
_WORTH = 0.1  # a black or blank frame is below it
_FACE_GAIN = 0.25


@dataclass(frozen=True)
class Candidate(Generic[T]):
    """A frame that may become a thumbnail: seconds, reduced pixels, its looks, and the whole frame."""

    seconds: float
    small: np.ndarray
    looks: Looks
    signature: np.ndarray
    whole: T
    faces: tuple[Face, ...] = ()
    score: float = 0.0


class Chooser(Generic[T]):
    """Keeps the best frame of each scene, and of these the best eight, so that memory is bounded.

    Args:
        longest: seconds after which a scene without a cut counts as another one.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._kept: list[Candidate[T]] = []
        self._best: Candidate[T] | None = None
        self._last: np.ndarray | None = None
        self._began = 0.0

    def add(self, seconds: float, small: np.ndarray, motion: float, whole: T) -> None:
        """Look at the next frame: reduced (h, w, 3) uint8 RGB, and whatever the whole frame is."""
        seen, mark = looks(small, motion), signature(small)
        cut = self._last is not None and difference(self._last, mark) >= CUT
        if self._last is None or cut or seconds - self._began >= self._longest:
            self._close()
            self._began = seconds
        self._last = mark
        if self._best is None or seen.total > self._best.score:
            self._best = Candidate(seconds, small, seen, mark, whole, score=seen.total)

    def best(self, count: int, find: Callable[[np.ndarray], Sequence[Face]]) -> list[Candidate[T]]:
        """Up to ``count`` frames, best first; fewer where the others look the same, or are black or blank.

        Where all frames are black or blank, the best of them is given. ``find`` finds faces in reduced pixels.
        """
        self._close()
        ranked = sorted(
            (_with_faces(one, find) for one in self._kept), key=lambda one: (-one.score, one.seconds)
        )
        chosen: list[Candidate[T]] = []
        for one in ranked:
            alike = any(difference(one.signature, other.signature) < _ALIKE for other in chosen)
            if not chosen or (one.score >= _WORTH and not alike):
                chosen.append(one)
        return chosen[:count]

    def _close(self) -> None:
        if self._best is not None:
            self._kept = sorted([*self._kept, self._best], key=lambda one: -one.score)[:_CANDIDATES]
        self._best = None


def _with_faces(one: Candidate[T], find: Callable[[np.ndarray], Sequence[Face]]) -> Candidate[T]:
    faces = tuple(find(one.small)) if one.score >= _WORTH else ()
    height, width = one.small.shape[:2]
    shown = sum(face.score * min(1.0, 12 * face.width * face.height / (height * width)) for face in faces)
    return replace(one, faces=faces, score=one.score + _FACE_GAIN * min(1.0, shown))
