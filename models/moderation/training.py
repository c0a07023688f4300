"""Fit: a head for each label, calibrated on rows that it had not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.errors import TrainingError
from models.fit_facts import chosen_params, library_versions
from models.moderation.identity import training_sentences
from models.moderation.labels import CLASSES, LABELS, class_chances, head_targets, read_label, targets
from models.moderation.options import ENCODER, ModerationOptions
from models.moderation.predictor import FAMILY, ModerationPredictor, probabilities
from models.splits import bucket
from models.text.baseline import fit_plain
from models.text.calibration import chosen_offsets, platt
from models.text.classifier import macro_f1_of
from models.text.encoder import TextEncoder
from models.text.evaluation import texts_of
from models.text.fitting import Matrix, fit_linear
from models.text.own_classes import OwnClasses, fit_own

#: Chosen by cross-validation on training rows of public data, once for all (benchmarks/moderation_bench.py).
DEFAULTS: Mapping[str, Any] = {"strength": 1.0, "balance": 0.5, "neutral_share": 0.1, "folds": 4}
_TINY = 1e-12
#: Slope and shift of a head that holds for every text it is asked about, whatever its score.
_ALWAYS = (0.001, 6.0)


def fit(
    train: pa.Table, valid: pa.Table, options: ModerationOptions, params: Mapping[str, Any], seed: int
) -> ModerationPredictor | OwnClasses:
    """A predictor fitted to labelled texts. Where none of the labels is ours (plain files with other classes,
    see ``models/text/clean.py``), a classifier of those classes.

    Calibration and offsets are fitted to scores of rows that the model which gave them had not seen: the rows
    are dealt into folds by their group. The model itself is then fitted to all of them, ``valid`` too. Neutral
    sentences with identity terms (``models/moderation/identity.py``), up to ``neutral_share`` of the rows,
    stand on the clean side, so that a term alone flags nothing.

    Raises:
        TrainingError: too few texts or labels to learn from, or an unknown parameter.
    """
    chosen = chosen_params(FAMILY, DEFAULTS, params)
    labels = train["label"].to_pylist()
    if labels and all(read_label(label, "") is None for label in set(labels)):
        return fit_own(FAMILY, train, valid, seed)
    if len(set(labels)) < 2:
        raise TrainingError(
            f"The training texts have one label only: {', '.join(set(labels)) or 'none'}.",
            hint="Import labelled texts, or review decisions.",
        )
    rows = pa.concat_tables([train, valid])
    rows = rows.filter(pc.is_in(rows["label"], value_set=pa.array(CLASSES, pa.string())))
    texts, labels = texts_of(rows), rows["label"].to_pylist()
    neutral = _neutral(len(texts), float(chosen["neutral_share"]), seed)
    encoder = TextEncoder(options.assets[ENCODER]) if ENCODER in options.assets else None
    matrix = Matrix.of([*texts, *neutral], encoder)
    truth = head_targets(np.concatenate([targets(labels), np.zeros((len(neutral), len(LABELS)))]))
    settings: dict[str, Any] = {
        "strength": float(chosen["strength"]), "balance": float(chosen["balance"]), "ratios": True,
        "seed": seed,
    }  # fmt: skip
    groups = rows["group"].to_pylist() if "group" in rows.column_names else texts
    unseen = _unseen(matrix, truth, _folds(groups, int(chosen["folds"])), settings)
    numbers = np.array([CLASSES.index(label) for label in labels])
    slope, shift, offsets = calibrated(unseen, numbers)
    return ModerationPredictor(
        fit_linear(matrix, truth, **settings),
        slope,
        shift,
        offsets,
        fit_plain(texts, numbers, len(CLASSES), seed),
        {
            "options": options.describe(),
            "encoder": encoder.sha256 if encoder is not None else None,
            "params": chosen,
            "rows": {"train": train.num_rows, "valid": valid.num_rows, "neutral": len(neutral)},
            "class_counts": {name: int((numbers == at).sum()) for at, name in enumerate(CLASSES)},
            "versions": library_versions("numpy", "scikit-learn"),
        },
    )


def calibrated(logits: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slopes and shifts (LABELS,), and offsets (CLASSES,).

    Args:
        logits: (n, LABELS) of rows that the model which gave them had not seen.
        numbers: (n,) their class numbers. A label that none has keeps saying that it is never so, and a class
            that none has is never answered.
    """
    truth = targets([CLASSES[number] for number in numbers]) > 0.5
    slope, shift = np.ones(len(LABELS)), np.zeros(len(LABELS))
    toxic = truth[:, LABELS.index("toxicity")]
    for at, name in enumerate(LABELS):
        asked = toxic if name == "hate" else np.ones(len(truth), bool)
        if asked.any() and truth[asked, at].all():
            slope[at], shift[at] = _ALWAYS
        elif truth[asked, at].any():
            slope[at], shift[at] = platt(logits[asked, at], truth[asked, at])
    live = np.unique(numbers)
    offsets = np.full(len(CLASSES), -np.inf)
    chances = np.log(np.maximum(class_chances(probabilities(logits, slope, shift)), _TINY))
    offsets[live] = chosen_offsets(chances[:, live], np.searchsorted(live, numbers), macro_f1_of)
    return slope, shift, offsets


def _unseen(matrix: Matrix, truth: np.ndarray, folds: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    """(n, LABELS) logits of the first n rows, each by a model fitted without its fold; what stands behind them
    is always learned from.
    """
    count = len(folds)
    found = np.zeros((count, len(LABELS)))
    behind = np.arange(count, len(truth))
    for fold in np.unique(folds).tolist():
        held = np.flatnonzero(folds == fold)
        rest = np.concatenate([np.flatnonzero(folds != fold), behind])
        model = fit_linear(matrix.rows(rest), truth[rest], **settings)
        found[held] = matrix.rows(held).logits(model)
    return found


def _folds(groups: list[str], count: int) -> np.ndarray:
    """(n,) the fold of each row, by a hash of its group."""
    known = {group: bucket(str(group), "moderation folds") % max(count, 2) for group in set(groups)}
    return np.array([known[group] for group in groups])


def _neutral(rows: int, share: float, seed: int) -> list[str]:
    """Neutral sentences, in an order that depends on ``seed``: at most ``share`` of ``rows``."""
    sentences = [sentence.text for sentence in training_sentences()]
    order = np.random.default_rng(seed).permutation(len(sentences))
    return [sentences[at] for at in order[: int(rows * share)]]
