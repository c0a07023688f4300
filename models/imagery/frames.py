"""One answer for a video out of the scores of its frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from config.errors import InputError
from models.imagery.options import HARMS

#: Frames that together speak for the video. One frame alone may be a mistake, and a scene of a few seconds is
#: enough to reject a film of an hour, so that neither the highest score nor the mean of all will do.
TOP = 2


def aggregate_frames(
    times: Sequence[float], scores: np.ndarray, *, labels: Sequence[str] = HARMS, top: int = TOP
) -> tuple[dict[str, float], dict[str, tuple[float, ...]]]:
    """The score of each label for the whole video: the mean of its ``top`` highest frames (of all, if fewer).

    With two, a lone frame that is surely bad gives a half: a person looks (by default from 0.35 or 0.375 on),
    and a second such frame rejects the video. From two frames on more never lower a score, so that nothing
    hides in a long video.

    Args:
        times: (n,) seconds from the start of the video.
        scores: (n, labels) calibrated probabilities, such as :meth:`ImageryPredictor.scores` gives.
        labels: names of the columns.
        top: how many frames count.

    Returns:
        Score by label, and by label the times, in order, of those counted frames whose own score is at least
        the video's: what caused it.

    Raises:
        InputError: there are no frames, shapes do not fit, or a score is none between 0 and 1.
    """
    if len(times) == 0 or scores.shape != (len(times), len(labels)) or top < 1:
        raise InputError(
            f"Scores of the shape {scores.shape} are not those of {len(times)} frames and {len(labels)} labels."
        )
    if not ((scores >= 0.0) & (scores <= 1.0)).all():  # not-a-number is neither
        raise InputError("A frame's score is not between 0 and 1.")
    together: dict[str, float] = {}
    causes: dict[str, tuple[float, ...]] = {}
    for label, column in zip(labels, scores.T, strict=True):
        counted = np.argsort(-column, kind="stable")[: min(top, len(column))]
        together[label] = float(column[counted].mean())
        caused = [row for row in counted if column[row] >= together[label] > 0.0]
        causes[label] = tuple(sorted(float(times[row]) for row in caused))
    return together, causes
