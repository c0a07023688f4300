"""Measure a sentiment model on held-out texts, beside the majority, the lexicon and a plain model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from config.errors import InputError
from models.family import Evaluation
from models.metrics import bootstrap, group_sums
from models.sentiment.lexicon import CLASSES, LexiconSentiment
from models.sentiment.options import SentimentOptions
from models.sentiment.predictor import SentimentPredictor
from models.text.evaluation import evaluate_classes, texts_of

#: The chance that the lexicon is taken to give its answer.
_TRUST = 0.7
METRIC = "macro_recall"


def evaluate(
    predictor: SentimentPredictor, test: pa.Table, _options: SentimentOptions, seed: int
) -> Evaluation:
    """Macro-recall (TweetEval's measure of sentiment), accuracy, macro-F1, log loss and calibration error, with
    intervals over groups.

    Raises:
        InputError: there are no rows to measure on.
    """
    if test.num_rows == 0:
        raise InputError("There are no test texts with a label.")
    texts, truth = texts_of(test), test["label"].to_pylist()
    chances = predictor.probabilities(texts)
    numbers = predictor.answers(chances)
    plain = predictor.plain.chances(texts)
    lexicon = lexicon_chances(texts, predictor.classes)
    answers = {"ours": numbers, "lexicon": lexicon.argmax(axis=1), "plain": plain.argmax(axis=1)}
    found = evaluate_classes(
        truth,
        predictor.classes,
        chances,
        [predictor.classes[number] for number in numbers],
        test["group"].to_pylist(),
        shares=predictor.info["class_counts"],
        baselines={"lexicon": (lexicon, answers["lexicon"]), "plain": (plain, answers["plain"])},
        seed=seed,
    )
    index = {name: at for at, name in enumerate(found.classes)}
    facts = np.array([index[name] for name in truth])
    counts = predictor.info["class_counts"]
    usual = max(predictor.classes, key=lambda name: counts[name])
    answers["majority"] = np.full(len(facts), index[usual])
    recalls = {
        name: recall_interval(facts, said, found.groups, len(found.classes), seed)
        for name, said in answers.items()
    }
    value, ends = recalls.pop("ours")
    return replace(
        found,
        metrics={METRIC: value, **found.metrics},
        intervals={METRIC: ends, **found.intervals},
        baselines={name: {METRIC: recalls[name][0], **metrics} for name, metrics in found.baselines.items()},
        baseline_intervals={
            name: {METRIC: recalls[name][1], **metrics} for name, metrics in found.baseline_intervals.items()
        },
    )


def lexicon_chances(texts: list[str], classes: tuple[str, ...]) -> np.ndarray:
    """(n, classes) what the lexicon says; where its answer is no class, all are alike."""
    rest = (1.0 - _TRUST) / (len(classes) - 1)
    found = np.full((len(texts), len(classes)), rest)
    for row, answer in enumerate(LexiconSentiment().sentiments(texts)):
        label = answer["label"]
        if label not in classes:  # two classes only: the sign tells
            label = CLASSES[2] if answer["score"] > 0 else CLASSES[0]
        found[row, classes.index(label)] = _TRUST
    return found


def recall_interval(
    truth: np.ndarray, answers: np.ndarray, groups: np.ndarray, classes: int, seed: int
) -> tuple[float, tuple[float, float]]:
    """The mean recall over the classes that occur, and its 95 % interval by resampling groups."""
    rows = np.hstack([np.eye(classes)[truth], np.eye(classes)[truth] * (truth == answers)[:, None]])

    def statistic(sums: np.ndarray) -> np.ndarray:
        has, hits = sums[:, :classes], sums[:, classes:]
        recall = np.divide(hits, has, out=np.zeros_like(hits), where=has > 0)
        return (recall.sum(axis=1) / np.maximum((has > 0).sum(axis=1), 1))[:, None]

    sums = group_sums(rows, groups)
    low, high = bootstrap(sums, statistic, confidence=0.95, seed=seed)
    return float(statistic(sums.sum(axis=0, keepdims=True))[0, 0]), (float(low[0]), float(high[0]))
