"""For an evaluation on files whose labels are none of the family's: a classifier of those classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from models.family import Evaluation
from models.text.baseline import PlainModel, fit_plain
from models.text.classifier import TextClassifier, fit_classifier, load_classifier
from models.text.evaluation import evaluate_classes, texts_of


@dataclass(frozen=True)
class OwnClasses:
    """Answers one of a file's own classes. Never promoted: it is for figures alone."""

    family: str
    classifier: TextClassifier
    baseline: PlainModel

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures must know."""
        named = ", ".join(self.classifier.classes[:8])
        return (
            f"The files' labels are none of the family's: a classifier of their own classes ({named}) was"
            " fitted. --label THEIRS=OURS names them.",
        )

    @property
    def info(self) -> dict[str, Any]:
        """JSON-ready facts."""
        return {**self.classifier.facts, "family": self.family, "classes": list(self.classifier.classes)}

    def predict(self, examples: pa.Table, *, explain: int = 0) -> list[dict[str, Any]]:
        """Answer each row: ``label``, ``scores`` by class, and with ``explain`` the ``spans`` for the label."""
        texts = texts_of(examples)
        chances = self.classifier.probabilities(texts)
        found = []
        for text, number, row in zip(texts, self.classifier.answers(chances).tolist(), chances, strict=True):
            name = self.classifier.classes[number]
            answer: dict[str, Any] = {
                "label": name,
                "scores": dict(zip(self.classifier.classes, row.tolist(), strict=True)),
            }
            if explain > 0:
                answer["spans"] = {name: self.classifier.spans(text, number, explain)}
            found.append(answer)
        return found

    def to_files(self) -> dict[str, bytes]:
        """The model as npy and JSON."""
        return self.classifier.to_files(self.family, {"own": True, "baseline": dict(self.baseline.state)})


def load_own(files: Mapping[str, bytes], family: str) -> OwnClasses:
    """The predictor out of :meth:`OwnClasses.to_files`. Raises ModelInvalid."""
    classifier, more = load_classifier(files, family)
    return OwnClasses(family, classifier, PlainModel(dict(more["baseline"])))


def fit_own(family: str, train: pa.Table, valid: pa.Table, seed: int) -> OwnClasses:
    """A classifier of the classes that the training rows have. Raises TrainingError for fewer than two."""
    texts, labels = texts_of(train), train["label"].to_pylist()
    classifier = fit_classifier(texts, labels, texts_of(valid), valid["label"].to_pylist(), seed=seed)
    numbers = np.array([classifier.classes.index(label) for label in labels])
    return OwnClasses(family, classifier, fit_plain(texts, numbers, len(classifier.classes), seed))


def evaluate_own(predictor: OwnClasses, test: pa.Table, seed: int) -> Evaluation:
    """Figures over the files' classes, beside the majority and the plain model."""
    texts, classes = texts_of(test), predictor.classifier.classes
    chances = predictor.classifier.probabilities(texts)
    plain = predictor.baseline.chances(texts)
    return evaluate_classes(
        test["label"].to_pylist(),
        classes,
        chances,
        [classes[number] for number in predictor.classifier.answers(chances)],
        test["group"].to_pylist(),
        shares=predictor.classifier.facts["class_counts"],
        baselines={"plain_words": (plain, plain.argmax(axis=1))},
        seed=seed,
    )
