"""Fit: n-grams on all texts; how much they count beside the lexicon, on texts that they have not seen.

The lexicon knows many more words than a thousand texts teach, and the n-grams know what the lexicon does not. A
logistic regression joins both (stacking: Wolpert 1992): its inputs for each text are the scores of n-grams
learned without that text. It calibrates at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from config.errors import TrainingError
from models.fit_facts import chosen_params, library_versions
from models.sentiment.labels import class_names
from models.sentiment.lexicon_features import lexicon_features
from models.sentiment.options import SentimentOptions
from models.sentiment.predictor import SentimentPredictor
from models.text.baseline import fit_plain
from models.text.calibration import chosen_offsets, softmax
from models.text.classifier import macro_recall_of
from models.text.evaluation import texts_of
from models.text.fitting import Matrix, fit_linear

FEWEST_ROWS = 20
FOLDS = 3
#: ``strength`` hardly matters: 2 to 8 are right in 79.7 % of three folds of SST-2's training part.
DEFAULT_PARAMS: dict[str, Any] = {"strength": 2.0, "balance": 0.5, "joint_strength": 1.0}
_TINY = 1e-12


def fit(
    train: pa.Table, valid: pa.Table, _options: SentimentOptions, params: Mapping[str, Any], seed: int
) -> SentimentPredictor:
    """A predictor fitted to labelled texts of both tables; the same inputs and seed give the same files.

    Raises:
        TrainingError: too few texts, one class only, or an unknown parameter.
    """
    chosen = chosen_params("sentiment", DEFAULT_PARAMS, params)
    texts = [*texts_of(train), *texts_of(valid)]
    labels = [*train["label"].to_pylist(), *valid["label"].to_pylist()]
    classes = class_names(labels)
    counts = {name: labels.count(name) for name in classes}
    if len(texts) < FEWEST_ROWS or min(counts.values(), default=0) < FOLDS or len(classes) < 2:
        raise TrainingError(
            f"There are {len(texts)} texts to learn from, by class: {counts}. At least {FEWEST_ROWS}, and"
            f" {FOLDS} of each of two classes, are needed.",
            hint="Import labelled texts, or wait for corrections.",
        )
    truth = np.array([classes.index(label) for label in labels])
    matrix = Matrix.of(texts)
    settings: dict[str, Any] = {
        "strength": float(chosen["strength"]),
        "balance": float(chosen["balance"]),
        "seed": seed,
    }
    targets = np.eye(len(classes))[truth]
    unseen = _held_out(matrix, texts, targets, _folds(truth, seed), settings)
    inputs = np.hstack([unseen, lexicon_features(texts)])
    joint, bias = _joined(inputs, truth, len(classes), float(chosen["joint_strength"]))
    chances = softmax(inputs @ joint + bias)
    offsets = chosen_offsets(np.log(np.maximum(chances, _TINY)), truth, macro_recall_of)
    facts = {
        "rows": {"train": train.num_rows, "valid": valid.num_rows},
        "class_counts": counts,
        "params": chosen,
        "seed": seed,
        "libraries": library_versions("scikit-learn", "numpy", "vaderSentiment"),
    }
    return SentimentPredictor(
        classes,
        fit_linear(matrix, targets, **settings),
        joint,
        bias,
        offsets,
        fit_plain(texts, truth, len(classes), seed),
        facts,
    )


def _folds(truth: np.ndarray, seed: int) -> np.ndarray:
    """(n,) fold of each text; each class is dealt out evenly."""
    folds = np.zeros(len(truth), np.int64)
    rng = np.random.default_rng(seed)
    for number in np.unique(truth):
        rows = rng.permutation(np.flatnonzero(truth == number))
        folds[rows] = np.arange(len(rows)) % FOLDS
    return folds


def _held_out(
    matrix: Matrix, texts: Sequence[str], targets: np.ndarray, folds: np.ndarray, settings: Mapping[str, Any]
) -> np.ndarray:
    """(n, classes) scores of each text by n-grams that were learned without its fold."""
    found = np.zeros_like(targets)
    for fold in range(FOLDS):
        held = np.flatnonzero(folds == fold)
        rest = np.flatnonzero(folds != fold)
        linear = fit_linear(matrix.rows(rest), targets[rest], **settings)
        found[held] = linear.logits([texts[row] for row in held.tolist()])
    return found


def _joined(
    inputs: np.ndarray, truth: np.ndarray, classes: int, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """(inputs, classes) weights and (classes,) biases of the regression that joins what is known of a text."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=1000).fit(inputs, truth)
    if classes == 2:
        weights, bias = model.coef_[0] / 2.0, float(model.intercept_[0]) / 2.0
        return np.stack([-weights, weights], axis=1), np.array([-bias, bias])
    return model.coef_.T.copy(), model.intercept_.copy()
