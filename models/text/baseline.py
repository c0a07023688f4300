"""The plain model that ours is measured against: TF-IDF of words and a logistic regression.

It is fitted with each model, on the same texts, and kept with it as JSON: its words, their rarity and weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.text.calibration import softmax

#: So many words are kept, the most frequent ones.
WORDS = 5_000


@dataclass(frozen=True)
class PlainModel:
    """The fitted baseline; ``state`` is JSON-ready."""

    state: Mapping[str, Any]

    def chances(self, texts: Sequence[str]) -> np.ndarray:
        """(n, classes) probabilities."""
        import scipy.sparse
        from sklearn.feature_extraction.text import CountVectorizer

        words = self.state["words"]
        if not words:
            return np.tile(softmax(np.array([self.state["bias"]])), (len(texts), 1))
        counted = CountVectorizer(vocabulary={word: at for at, word in enumerate(words)}).transform(texts)
        rows = counted.multiply(np.array(self.state["rarity"])).tocsr()
        length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
        scaled = scipy.sparse.diags(1.0 / np.maximum(length, 1e-12)) @ rows
        return softmax(np.asarray(scaled @ np.array(self.state["weights"])) + np.array(self.state["bias"]))


def fit_plain(texts: Sequence[str], numbers: np.ndarray, classes: int, seed: int) -> PlainModel:
    """The baseline fitted to ``texts`` (n,) and their class numbers (n,)."""
    import warnings

    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    counts = np.bincount(numbers, minlength=classes) + 0.5
    prior = {"words": [], "rarity": [], "weights": [], "bias": np.log(counts / counts.sum()).tolist()}
    vectorizer = TfidfVectorizer(max_features=WORDS, min_df=2)
    try:
        rows = vectorizer.fit_transform(texts)
    except ValueError:  # no word at all
        return PlainModel(prior)
    present = np.unique(numbers)
    if len(present) < 2:
        return PlainModel(prior)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(max_iter=200, random_state=seed).fit(rows, numbers)
    weights, bias = np.zeros((rows.shape[1], classes)), np.full(classes, -20.0)
    if len(present) == 2:
        weights[:, present[1]], bias[present] = model.coef_[0], (0.0, float(model.intercept_[0]))
    else:
        weights[:, present], bias[present] = model.coef_.T, model.intercept_
    return PlainModel(
        {
            "words": vectorizer.get_feature_names_out().tolist(),
            "rarity": np.round(vectorizer.idf_, 4).tolist(),
            "weights": np.round(weights, 4).tolist(),
            "bias": bias.tolist(),
        }
    )
