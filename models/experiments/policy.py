"""With which probabilities a variant is chosen, and the choice itself: one draw, so that the logged propensity
is the probability that it was drawn with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from models.experiments.definition import Definition, VariantCounts
from models.experiments.posterior import posteriors


def probabilities(definition: Definition, counts: Sequence[VariantCounts]) -> np.ndarray:
    """(k,) probability of each variant under a fixed or a Thompson policy; they sum to 1.

    Thompson sampling draws once from every posterior and takes the greatest, so a variant's probability is that
    of being best (Thompson 1933; Russo et al. 2018, "A tutorial on Thompson sampling", section 3): it is
    computed, then floored, then drawn from.

    Raises:
        ValueError: the policy is contextual: ask its bandit.
    """
    policy = definition.policy
    if policy.kind == "fixed":
        return shares(definition)
    if policy.kind == "thompson":
        return floored(posteriors(definition, counts).best(), policy.exploration)
    raise ValueError("probabilities of a contextual policy come from models.experiments.bandit.Bandit")


def shares(definition: Definition) -> np.ndarray:
    """(k,) parts of the traffic under a fixed split."""
    parts = np.array([variant.share for variant in definition.variants])
    return np.asarray(parts / parts.sum())


def floored(chances: np.ndarray, exploration: float) -> np.ndarray:
    """(k,) ``chances`` mixed with the uniform split so that each is at least ``exploration``."""
    mixed = (1.0 - len(chances) * exploration) * chances + exploration
    return np.asarray(mixed / mixed.sum())


def draw(chances: np.ndarray, uniform: float) -> int:
    """Place of the variant that ``uniform`` in [0, 1) falls on; never one whose probability is zero."""
    edges = np.cumsum(chances)
    place = int(np.searchsorted(edges, uniform * edges[-1], side="right"))
    # The last edge may round below the number asked for.
    return min(place, int(np.flatnonzero(chances)[-1]))


def uniform_of(definition: Definition, subject: str, purpose: str) -> float:
    """A number in [0, 1) that belongs to the subject in this experiment: the same one whenever it is asked for.

    Numbers of other subjects, experiments, salts and purposes (who takes part, who gets what) are independent.
    """
    # JSON keeps ("a", "bc") and ("ab", "c") apart, and surrogates encodable.
    words = json.dumps([definition.salt, definition.id, purpose, subject])
    digest = hashlib.blake2b(words.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2.0**53
