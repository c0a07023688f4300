"""Measure a topics model's categories on held-out texts, beside the majority and a plain model."""

from __future__ import annotations

import pyarrow as pa

from config.errors import InputError
from models.family import Evaluation
from models.text.evaluation import evaluate_classes, texts_of
from models.topics.options import TopicOptions
from models.topics.predictor import TopicPredictor


def evaluate(predictor: TopicPredictor, test: pa.Table, _options: TopicOptions, seed: int) -> Evaluation:
    """Accuracy, macro-F1, log loss and calibration error of the best category, with intervals over groups.

    Raises:
        InputError: there are no rows to measure on.
    """
    if test.num_rows == 0:
        raise InputError("There are no test texts with a label.")
    texts = texts_of(test)
    classes = predictor.classifier.classes
    chances = predictor.classifier.probabilities(texts)
    plain = predictor.plain.chances(texts)
    return evaluate_classes(
        test["label"].to_pylist(),
        classes,
        chances,
        [classes[number] for number in predictor.classifier.answers(chances)],
        test["group"].to_pylist(),
        shares=predictor.info["class_counts"],
        baselines={"plain": (plain, plain.argmax(axis=1))},
        seed=seed,
    )
