"""Is the challenger better than the champion, beyond chance? A paired bootstrap over groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from config.errors import InputError
from models.metrics import bootstrap, group_sums


@dataclass(frozen=True)
class Comparison:
    """Mean loss of the champion minus that of the challenger on the same rows, and its interval.

    ``better`` says that the whole interval lies above zero.
    """

    difference: float
    low: float
    high: float
    better: bool


def compare_losses(
    champion_losses: np.ndarray,
    challenger_losses: np.ndarray,
    groups: np.ndarray,
    confidence: float = 0.95,
    seed: int = 7,
) -> Comparison:
    """Compare two models by their losses (n,) on the same rows, resampling whole groups (n,).

    Raises:
        InputError: there are no rows, the lengths differ, or a loss is not finite.
    """
    champion, challenger = np.asarray(champion_losses, float), np.asarray(challenger_losses, float)
    if not len(champion) == len(challenger) == len(groups) or not len(champion):
        raise InputError("Two models can only be compared by their losses on the same rows, at least one.")
    if not (np.isfinite(champion).all() and np.isfinite(challenger).all()):
        raise InputError("A loss is not finite, so that the models cannot be compared.")
    sums = group_sums(np.stack([champion - challenger, np.ones(len(champion))], axis=1), np.asarray(groups))
    low, high = bootstrap(sums, lambda s: s[:, :1] / s[:, 1:], confidence=confidence, seed=seed)
    difference = float((champion - challenger).mean())
    return Comparison(difference, float(low[0]), float(high[0]), better=bool(low[0] > 0))
