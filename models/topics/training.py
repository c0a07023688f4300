"""Fit: the classifier of categories on labelled texts, and the finer topics on the same texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from config.errors import TrainingError
from models.fit_facts import chosen_params, library_versions
from models.text.baseline import fit_plain
from models.text.classifier import fit_classifier
from models.text.evaluation import texts_of
from models.topics.options import TopicOptions
from models.topics.predictor import TopicPredictor
from models.topics.themes import fit_themes

FEWEST_ROWS = 20
#: More categories are ids; each takes a table of weights.
MOST_CATEGORIES = 100
#: Three folds of TREC's training part are right in 85.7 % with a strength of 2, 86.1 % with 4, 86.3 % with 8.
DEFAULT_PARAMS: dict[str, Any] = {"strength": 4.0, "balance": 0.5}


def fit(
    train: pa.Table, valid: pa.Table, _options: TopicOptions, params: Mapping[str, Any], seed: int
) -> TopicPredictor:
    """A predictor fitted to labelled texts; the same inputs and seed give the same files.

    Raises:
        TrainingError: too few texts, one category or too many, or an unknown parameter.
    """
    chosen = chosen_params("topics", DEFAULT_PARAMS, params)
    texts, labels = texts_of(train), train["label"].to_pylist()
    counts = Counter(labels)
    if len(texts) < FEWEST_ROWS or not 2 <= len(counts) <= MOST_CATEGORIES:
        raise TrainingError(
            f"There are {len(texts)} texts of {len(counts)} categories to learn from; at least"
            f" {FEWEST_ROWS} texts of 2 to {MOST_CATEGORIES} categories are needed.",
            hint="Import labelled texts, or wait for corrections.",
        )
    classifier = fit_classifier(
        texts,
        labels,
        texts_of(valid),
        valid["label"].to_pylist(),
        strength=float(chosen["strength"]),
        balance=float(chosen["balance"]),
        seed=seed,
    )
    number = {name: at for at, name in enumerate(classifier.classes)}
    plain = fit_plain(texts, np.array([number[label] for label in labels]), len(number), seed)
    facts = {
        "params": chosen,
        "seed": seed,
        "libraries": library_versions("scikit-learn", "numpy"),
    }
    return TopicPredictor(classifier, fit_themes([*texts, *texts_of(valid)], seed), plain, facts)
