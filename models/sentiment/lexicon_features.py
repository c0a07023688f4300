"""What the lexicon says of a text, as numbers for a model: VADER's shares, and the emojis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.sentiment.emojis import valence, without_known
from models.sentiment.lexicon import MOST_CHARACTERS, vader

FEATURES = (
    "negative", "neutral", "positive", "compound", "strong", "emojis", "questions", "exclamations", "glad",
    "bad",
)  # fmt: skip
_MOST_SIGNS = 3


def lexicon_features(texts: Sequence[str]) -> np.ndarray:
    """(n, FEATURES) of texts, each in about [-1, 1]."""
    return np.array([_features(text[:MOST_CHARACTERS]) for text in texts]).reshape(len(texts), len(FEATURES))


def _features(text: str) -> tuple[float, ...]:
    said = vader(without_known(text))
    compound = said["compound"]
    return (
        said["neg"],
        said["neu"],
        said["pos"],
        compound,
        compound * abs(compound),
        max(-1.0, min(1.0, valence(text) / 4.0)),
        min(text.count("?"), _MOST_SIGNS) / _MOST_SIGNS,
        min(text.count("!"), _MOST_SIGNS) / _MOST_SIGNS,
        float(said["pos"] > 0.0),
        float(said["neg"] > 0.0),
    )
