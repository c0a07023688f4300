"""Measure a model of image moderation: as any model of pictures, and by what its thresholds would do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.family import Evaluation, Rows
from models.imagery.options import SAFE, ImageryOptions
from models.imagery.predictor import ImageryPredictor
from models.images import measuring


def evaluate(predictor: ImageryPredictor, test: Rows, options: ImageryOptions, seed: int) -> Evaluation:
    """The figures of :func:`models.images.measuring.evaluate` and those of :func:`threshold_figures`.

    Without the pictures of the worst mistakes: nobody should come upon them in a report.

    Raises:
        InputError: there are no rows to measure on, or one has a label that is none of the classes.
    """
    found = measuring.evaluate(
        predictor,
        test,
        options,
        seed,
        more=lambda truth, chances: threshold_figures(truth, chances, options),
    )
    return replace(found, mistakes=())


def threshold_figures(truth: np.ndarray, chances: np.ndarray, options: ImageryOptions) -> dict[str, float]:
    """What the scores part, and what the thresholds would do.

    ``auc/<label>``: area under the ROC curve of the label's score, its pictures against all others (of each
    class but safe). Where the label has a threshold: ``rejected/<label>`` and ``caught/<label>``, the shares of
    its pictures that are rejected by its own score, and rejected or shown to a person by the score of any
    label; ``rejected/safe`` and ``caught/safe`` are the same shares of the safe pictures, by any label.

    Args:
        truth: (n,) true class numbers.
        chances: (n, classes) calibrated probabilities.
        options: the classes, thresholds, and from which share of a threshold on a person looks.
    """
    found: dict[str, float] = {}
    limits = np.array([options.thresholds.get(name, np.inf) for name in options.classes])
    rejected = np.asarray(chances >= limits)
    seen = np.asarray((chances >= limits * options.review_at).any(axis=1))
    for number, name in enumerate(options.classes):
        of_it = np.asarray(truth == number)
        if name != SAFE and 0 < of_it.sum() < len(truth):
            found[f"auc/{name}"] = auc(chances[of_it, number], chances[~of_it, number])
        if not of_it.any() or not options.thresholds or (name != SAFE and name not in options.thresholds):
            continue
        own = rejected[:, number] if name != SAFE else np.asarray(rejected.any(axis=1))
        found[f"rejected/{name}"] = float(own[of_it].mean())
        found[f"caught/{name}"] = float(seen[of_it].mean())
    return found


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """The chance that a score of ``positive`` (p,) is above one of ``negative`` (n,); a tie counts half.

    The Mann-Whitney statistic over p * n: the area under the ROC curve (Hanley and McNeil 1982).
    """
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    up_to = np.searchsorted(ordered, positive, side="right")
    return float((below + up_to).mean() / 2.0 / len(negative))
