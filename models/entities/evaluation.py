"""Measure an entities model on held-out texts by whole names, beside the rules and the most frequent tag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from config.errors import InputError
from models.entities.options import EntityOptions
from models.entities.predictor import EntityPredictor
from models.entities.rules import name_spans
from models.entities.tags import OUTSIDE, Span, spans_of
from models.entities.tokens import Token, tokenize
from models.family import Evaluation
from models.metrics import bootstrap, group_sums

NONE = "none"
METRICS = ("f1", "precision", "recall")


def evaluate(predictor: EntityPredictor, test: pa.Table, _options: EntityOptions, seed: int) -> Evaluation:
    """F1, precision and recall of whole names: type and both ends must be right (Tjong Kim Sang and De Meulder
    2003), with intervals over groups. The loss of a text is how many names were missed or made up.

    Raises:
        InputError: there are no rows to measure on.
    """
    if test.num_rows == 0:
        raise InputError("There are no test texts with tags.")
    texts = [text or "" for text in test["text"].to_pylist()]
    tokens = [tokenize(text) for text in texts]
    truth = [_spans(label.split(), row) for label, row in zip(test["label"].to_pylist(), tokens, strict=True)]
    found = [_spans(tags, row) for row, tags in predictor.tagged(texts)]
    groups = np.asarray(test["group"].to_pylist(), dtype=object)
    words = predictor.info["words"]
    usual = _usual_type(predictor)
    baselines = {
        "majority": [_spans([words.get(_key(token), OUTSIDE) for token in row], row) for row in tokens],
        "rules": [{span._replace(type=usual) for span in name_spans(row)} for row in tokens],
    }
    counts = _counts(truth, found)
    metrics, intervals = figures(counts, groups, seed)
    measured = {name: figures(_counts(truth, said), groups, seed) for name, said in baselines.items()}
    classes = (*sorted({span.type for row in (*truth, *found) for span in row}), NONE)
    return Evaluation(
        metrics={**metrics, **_by_type(truth, found, classes[:-1])},
        intervals=intervals,
        baselines={name: each[0] for name, each in measured.items()},
        classes=classes,
        confusion=_confusion(truth, found, classes),
        calibration=[],
        losses=_losses(counts),
        groups=groups,
        baseline_losses={name: _losses(_counts(truth, said)) for name, said in baselines.items()},
        rows=test.num_rows,
        baseline_intervals={name: each[1] for name, each in measured.items()},
    )


def figures(
    counts: np.ndarray, groups: np.ndarray, seed: int
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """``METRICS`` and their 95 % intervals of (n, 3) right, answered and true names of each text."""

    def statistic(sums: np.ndarray) -> np.ndarray:
        right, said, true = sums.T
        f1 = 2.0 * right / np.maximum(said + true, 1.0)
        return np.stack([f1, right / np.maximum(said, 1.0), right / np.maximum(true, 1.0)], axis=1)

    sums = group_sums(counts, groups)
    low, high = bootstrap(sums, statistic, confidence=0.95, seed=seed)
    values = statistic(sums.sum(axis=0, keepdims=True))[0].tolist()
    ends = list(zip(low.tolist(), high.tolist(), strict=True))
    return dict(zip(METRICS, values, strict=True)), dict(zip(METRICS, ends, strict=True))


def _spans(tags: Sequence[str], tokens: Sequence[Token]) -> set[Span]:
    if len(tags) != len(tokens):
        return set()
    return set(spans_of(tags, [(token.start, token.end) for token in tokens]))


def _key(token: Token) -> str:
    from models.entities.features import word_of

    return word_of(token)


def _counts(truth: Sequence[set[Span]], found: Sequence[set[Span]]) -> np.ndarray:
    """(n, 3) names of each text that are right, that were answered, and that there are."""
    rows = [(len(a & b), len(b), len(a)) for a, b in zip(truth, found, strict=True)]
    return np.array(rows, np.float64).reshape(len(rows), 3)


def _losses(counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts[:, 1] + counts[:, 2] - 2.0 * counts[:, 0])


def _confusion(truth: Sequence[set[Span]], found: Sequence[set[Span]], classes: tuple[str, ...]) -> np.ndarray:
    """(classes, classes) of names by their ends: true type by answered type, ``none`` where there is none."""
    place = {name: at for at, name in enumerate(classes)}
    table = np.zeros((len(classes), len(classes)), np.int64)
    for true, said in zip(truth, found, strict=True):
        types: dict[tuple[int, int], list[Any]] = {}
        for column, spans in enumerate((true, said)):
            for span in spans:
                types.setdefault((span.start, span.end), [NONE, NONE])[column] = span.type
        for a, b in types.values():
            table[place[a], place[b]] += 1
    return table


def _by_type(truth: Sequence[set[Span]], found: Sequence[set[Span]], types: Sequence[str]) -> dict[str, float]:
    scores = {}
    for name in types:
        rows = _counts(
            [{span for span in row if span.type == name} for row in truth],
            [{span for span in row if span.type == name} for row in found],
        )
        right, said, true = rows.sum(axis=0).tolist()
        if true:
            scores[f"f1/{name}"] = 2.0 * right / (said + true)
    return scores


def _usual_type(predictor: EntityPredictor) -> str:
    counts = predictor.info["type_counts"]
    return str(max(sorted(counts), key=lambda name: counts[name]))
