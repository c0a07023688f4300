"""Fitting the linear model: TF-IDF of hashed n-grams, and a logistic regression for each head.

Training sees what answering sees: the same features, scaled in the same way (``models/text/linear.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.text.encoder import TextEncoder
from models.text.facts import FACTS, fact_matrix
from models.text.linear import FARTHEST, GROUP_WEIGHTS, LinearText, chunks
from models.text.ngrams import BUCKETS, Grams, grams

#: A bucket counts if so many texts have it.
LEAST_TEXTS = 2
#: A fact that hardly varies in training is not blown up by another world's values.
LEAST_SPREAD = 0.1
#: Facts are few, and are kept from outweighing the words.
FACT_WEIGHT = 0.1
#: Vectors of an encoder have length one, as the words of a text do.
VECTOR_WEIGHT = 1.0
#: A head that no text is known to have: about a quarter of a per cent.
_NEVER = -6.0
_SMALLEST = 1e-12


class Matrix:
    """The features of n texts, made once for all heads and folds.

    Attributes:
        groups: for each group of features a sparse (n, BUCKETS) matrix of counts.
        facts: (n, FACTS).
        encoder: that is plugged in; None: there is none.
        dense: (n, size) vectors of the texts by it.
    """

    def __init__(
        self,
        groups: Sequence[Any],
        facts: np.ndarray,
        encoder: TextEncoder | None = None,
        dense: np.ndarray | None = None,
    ) -> None:
        self.groups, self.facts = list(groups), facts
        self.encoder, self.dense = encoder, dense

    @classmethod
    def of(cls, texts: Sequence[str], encoder: TextEncoder | None = None) -> Matrix:
        """The features of ``texts``, of which there is at least one."""
        import scipy.sparse

        parts: list[list[Any]] = []
        facts: list[np.ndarray] = []
        for start, end in chunks(texts):
            folded, found = grams(texts[start:end])
            parts.append([_counts(group) for group in found])
            facts.append(fact_matrix(texts[start:end], folded))
        groups = [scipy.sparse.vstack(group, format="csr") for group in zip(*parts, strict=True)]
        dense = encoder.embed(texts) if encoder is not None else None
        return cls(groups, np.concatenate(facts), encoder, dense)

    def rows(self, rows: np.ndarray) -> Matrix:
        """The features of some of the texts."""
        dense = self.dense[rows] if self.dense is not None else None
        return Matrix([group[rows] for group in self.groups], self.facts[rows], self.encoder, dense)

    def rarity(self) -> np.ndarray:
        """(BUCKETS,) inverse document frequency, smoothed; 0 for what fewer than ``LEAST_TEXTS`` texts have."""
        seen = sum(np.bincount(group.indices, minlength=BUCKETS) for group in self.groups)
        count = self.facts.shape[0]
        rare = np.log((1.0 + count) / (1.0 + np.asarray(seen))) + 1.0
        return np.where(np.asarray(seen) >= min(LEAST_TEXTS, count), np.maximum(rare, _SMALLEST), 0.0)

    def scaled(self, rarity: np.ndarray) -> Any:
        """Sparse (n, BUCKETS): each group of a text at length one, times its weight, added."""
        import scipy.sparse

        found = None
        for weight, group in zip(GROUP_WEIGHTS, self.groups, strict=True):
            squares = group @ (rarity**2)
            scale = weight / np.sqrt(np.maximum(squares, _SMALLEST))
            part = scipy.sparse.diags_array(scale) @ group @ scipy.sparse.diags_array(rarity)
            found = part if found is None else found + part
        return scipy.sparse.csr_array(found)

    def logits(self, model: LinearText) -> np.ndarray:
        """(n, heads) scores, as ``model`` gives the texts."""
        rarity = np.sqrt(model.table[:, -1].astype(np.float64))
        weights = np.zeros((BUCKETS, model.heads))
        kept = np.flatnonzero(rarity)
        weights[kept] = model.table[kept, :-1] / rarity[kept, None]
        facts = np.clip((self.facts - model.center) / model.spread, -FARTHEST, FARTHEST)
        found = np.asarray(self.scaled(rarity) @ weights + facts @ model.facts + model.bias)
        if self.dense is not None and model.dense is not None:
            found = found + self.dense @ model.dense
        return found


def fit_linear(
    matrix: Matrix,
    targets: np.ndarray,
    *,
    strength: float = 2.0,
    balance: float = 0.5,
    ratios: bool = False,
    seed: int = 0,
) -> LinearText:
    """A head for each column of ``targets``.

    Args:
        matrix: features of n texts.
        targets: (n, heads) 1, 0, or NaN where it is not known whether the head holds.
        strength: inverse of the regularisation (scikit-learn's C).
        balance: 0: each text weighs the same; 1: both sides of a head weigh the same; between: in between.
        ratios: each head is the mean of two regressions of one spread: of the features, and of the features
            times the log of the ratio of their counts on both sides (NB-SVM; Wang and Manning 2012).
        seed: of the solver.

    Returns:
        the model. A head of which one side only is known says how rare it is, and nothing else.
    """
    import scipy.sparse

    rarity = matrix.rarity()
    kept = np.flatnonzero(rarity)
    center, spread = matrix.facts.mean(0), np.maximum(matrix.facts.std(0), LEAST_SPREAD)
    facts = np.clip((matrix.facts - center) / spread, -FARTHEST, FARTHEST) * FACT_WEIGHT
    vectors = np.zeros((len(facts), 0)) if matrix.dense is None else matrix.dense
    features = scipy.sparse.hstack(
        [
            matrix.scaled(rarity)[:, kept],
            scipy.sparse.csr_array(facts),
            scipy.sparse.csr_array(vectors * VECTOR_WEIGHT),
        ],
        format="csr",
    )
    heads = targets.shape[1]
    table = np.zeros((BUCKETS, heads + 1), np.float32)
    table[:, -1] = rarity**2
    fact_weights, bias = np.zeros((len(FACTS), heads)), np.zeros(heads)
    dense = np.zeros((vectors.shape[1], heads))
    for head in range(heads):
        rows = np.flatnonzero(~np.isnan(targets[:, head]))
        truth = targets[rows, head] > 0.5
        if truth.all() or not truth.any():
            bias[head] = _NEVER if not truth.any() else -_NEVER
            continue
        part = features[rows]
        weights, bias[head] = _logistic(part, truth, strength, balance, seed)
        if ratios:
            ratio = _log_ratios(part, truth, len(kept))
            again, shift = _logistic(part @ scipy.sparse.diags_array(ratio), truth, strength, balance, seed)
            weights, bias[head] = _mean(part, (weights, bias[head]), (again * ratio, shift))
        table[kept, head] = weights[: len(kept)] * rarity[kept]
        beside = len(kept) + len(FACTS)
        fact_weights[:, head] = weights[len(kept) : beside] * FACT_WEIGHT
        dense[:, head] = weights[beside:] * VECTOR_WEIGHT
    if matrix.encoder is None:
        return LinearText(table, fact_weights, center, spread, bias)
    return LinearText(table, fact_weights, center, spread, bias, matrix.encoder, dense)


def _log_ratios(features: Any, truth: np.ndarray, words: int) -> np.ndarray:
    """(features,) log of how much more often a feature occurs where the head holds; 1 past ``words``."""
    there = features > 0
    held, other = (1.0 + np.asarray(there[side].sum(axis=0)).ravel()[:words] for side in (truth, ~truth))
    found = np.ones(features.shape[1])
    found[:words] = np.log((held / held.sum()) / (other / other.sum()))
    return found


def _mean(features: Any, *models: tuple[np.ndarray, float]) -> tuple[np.ndarray, float]:
    """(features,) weights and the bias of the mean of models, each scaled to the spread of the first."""
    spreads = [float((features @ weights).std()) or 1.0 for weights, _ in models]
    shares = [spreads[0] / spread / len(models) for spread in spreads]
    weights = sum(share * weights for share, (weights, _) in zip(shares, models, strict=True))
    bias = sum(share * bias for share, (_, bias) in zip(shares, models, strict=True))
    return np.asarray(weights), float(bias)


def _logistic(
    features: Any, truth: np.ndarray, strength: float, balance: float, seed: int
) -> tuple[np.ndarray, float]:
    """(features,) weights and the bias of a logistic regression (liblinear, dual)."""
    from sklearn.linear_model import LogisticRegression

    share = np.array([1.0 - truth.mean(), truth.mean()])
    weights = (0.5 / share) ** balance
    model = LogisticRegression(
        C=strength, solver="liblinear", dual=True, tol=0.1, max_iter=300, random_state=seed,
        class_weight={False: weights[0], True: weights[1]},
    )  # fmt: skip
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # near enough after so many rounds
        model.fit(features, truth)
    return model.coef_[0], float(model.intercept_[0])


def _counts(group: Grams) -> Any:
    import scipy.sparse

    ones = np.ones(len(group.buckets), np.float32)
    shape = (len(group.bounds) - 1, BUCKETS)
    matrix = scipy.sparse.csr_array(
        (ones, group.buckets.astype(np.int32), group.bounds.astype(np.int32)), shape
    )
    matrix.sum_duplicates()
    return matrix
