"""Measure a moderation model: by label, language and group, on held-out texts and on neutral sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from config.errors import InputError
from models.family import Evaluation
from models.metrics import CALIBRATION_BINS, calibration_bins, calibration_error
from models.moderation.identity import groups_of, test_sentences
from models.moderation.labels import CLASSES, LABELS, class_chances, targets
from models.moderation.options import ModerationOptions
from models.moderation.predictor import ModerationPredictor
from models.text.evaluation import evaluate_classes, texts_of
from models.text.normalise import fold
from models.text.own_classes import OwnClasses, evaluate_own

#: A rate of fewer texts says nothing.
LEAST_TEXTS = 10


def evaluate(
    predictor: ModerationPredictor | OwnClasses, test: pa.Table, _options: ModerationOptions, seed: int
) -> Evaluation:
    """Accuracy, macro-F1 (over what holds together), log loss and calibration error with intervals over groups;
    for each label that occurs precision, recall, F1, AUC, calibration error and false-positive rate; that rate
    by language (``fpr_hate/lang/en``) and by the group that a text mentions (``fpr_hate/group/women``); and on
    the neutral sentences (``identity_fpr_hate``), which training never sees.

    The baselines are the training rows' shares (``majority``) and TF-IDF words with a logistic regression
    (``plain_words``).

    Raises:
        InputError: there are no rows to measure on, or one has a label that is none.
    """
    if test.num_rows == 0:
        raise InputError("There are no labelled test texts.")
    if isinstance(predictor, OwnClasses):
        return evaluate_own(predictor, test, seed)
    labels = test["label"].to_pylist()
    strange = sorted(set(labels) - set(CLASSES))
    if strange:
        raise InputError(f"'{strange[0]}' is no label.", hint=f"Labels: {', '.join(CLASSES)}.")
    texts = texts_of(test)
    scores = predictor.score(texts)
    answers = predictor.answers(scores)
    plain = predictor.baseline.chances(texts)
    met = [at for at, name in enumerate(CLASSES) if name in {*labels, *answers} or predictor.taught(at)]
    said = targets(answers) > 0.5
    truth = targets(labels) > 0.5
    return evaluate_classes(
        labels,
        [CLASSES[at] for at in met],
        class_chances(scores)[:, met],
        answers,
        test["group"].to_pylist(),
        shares=predictor.facts["class_counts"],
        baselines={"plain_words": (plain[:, met], plain[:, met].argmax(axis=1))},
        more={
            **by_label(truth, scores, said),
            **by_slice(truth, said, "lang", [[name] if name else [] for name in test["language"].to_pylist()]),
            **by_slice(truth, said, "group", mentioned(texts)),
            **identity(predictor),
        },
        seed=seed,
    )


def by_label(truth: np.ndarray, scores: np.ndarray, said: np.ndarray) -> dict[str, float]:
    """Figures of each label that occurs, of (n, LABELS) truth, scores and answers."""
    found: dict[str, float] = {}
    for at, name in enumerate(LABELS):
        has, answer = truth[:, at], said[:, at]
        if not has.any() or has.all():
            continue
        hits = int((has & answer).sum())
        found[f"precision_{name}"] = hits / max(int(answer.sum()), 1)
        found[f"recall_{name}"] = hits / int(has.sum())
        found[f"f1_{name}"] = 2 * hits / max(int(answer.sum() + has.sum()), 1)
        found[f"auc_{name}"] = _auc(has, scores[:, at])
        found[f"calibration_error_{name}"] = _calibration_error(has, scores[:, at])
        found[f"fpr_{name}"] = float(answer[~has].mean())
    return found


def by_slice(
    truth: np.ndarray, said: np.ndarray, kind: str, members: Sequence[Sequence[str]]
) -> dict[str, float]:
    """``fpr_<label>/<kind>/<slice>``: the share of a slice's texts without the label that were given it."""
    rows: dict[str, list[int]] = {}
    for row, names in enumerate(members):
        for name in names:
            rows.setdefault(name, []).append(row)
    found = {}
    for name, where in sorted(rows.items()):
        for at, label in enumerate(LABELS):
            without = [row for row in where if not truth[row, at]]
            if truth[:, at].any() and len(without) >= LEAST_TEXTS:
                found[f"fpr_{label}/{kind}/{name.replace(' ', '_')}"] = float(said[without, at].mean())
    return found


def identity(predictor: ModerationPredictor) -> dict[str, float]:
    """How often neutral sentences with identity terms are given a label, over all and by language, and the mean
    score that they get.
    """
    sentences = test_sentences()
    scores = predictor.score([sentence.text for sentence in sentences])
    said = targets(predictor.answers(scores)) > 0.5
    found = {f"identity_fpr_{name}": float(said[:, at].mean()) for at, name in enumerate(LABELS)}
    found |= {f"identity_score_{name}": float(scores[:, at].mean()) for at, name in enumerate(LABELS)}
    for language in sorted({sentence.language for sentence in sentences}):
        rows = [row for row, sentence in enumerate(sentences) if sentence.language == language]
        found[f"identity_fpr_hate/lang/{language}"] = float(said[rows, LABELS.index("hate")].mean())
    return found


def mentioned(texts: Sequence[str]) -> list[list[str]]:
    """Which groups each text mentions."""
    folded = fold(texts)
    return [groups_of(folded.text(row)) for row in range(len(texts))]


def _auc(has: np.ndarray, score: np.ndarray) -> float:
    """The chance that a text with the label scores higher than one without."""
    from scipy.stats import rankdata

    good = int(has.sum())
    return float((rankdata(score)[has].sum() - good * (good + 1) / 2) / (good * (len(has) - good)))


def _calibration_error(has: np.ndarray, score: np.ndarray) -> float:
    bins = calibration_bins(score)
    sums = [
        np.bincount(bins, weights, CALIBRATION_BINS)
        for weights in (np.ones(len(bins)), score, has.astype(float))
    ]
    return float(calibration_error(*sums))
