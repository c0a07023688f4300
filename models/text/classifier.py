"""A classifier of texts: one class of several, with calibrated chances and the words that spoke for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from config.errors import ModelInvalid, TrainingError
from models.metrics import macro_f1
from models.text.calibration import chosen_offsets, softmax, vector_scaling
from models.text.files import from_files, to_files
from models.text.fitting import Matrix, fit_linear
from models.text.linear import LinearText
from models.text.spans import spans

Measure = Callable[[np.ndarray, np.ndarray], float]
_TINY = 1e-12


@dataclass(frozen=True)
class TextClassifier:
    """The fitted model.

    Attributes:
        classes: names, in the order of the columns below.
        linear: a head for each class, against the rest.
        slope, shift: (classes,) of the calibration.
        offsets: (classes,) what is added to log-probabilities before the largest is the answer.
        facts: what there is to tell of the training, JSON-ready.
    """

    classes: tuple[str, ...]
    linear: LinearText
    slope: np.ndarray
    shift: np.ndarray
    offsets: np.ndarray
    facts: Mapping[str, Any] = field(default_factory=dict)

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """(n, classes) calibrated chances; each row sums to one."""
        return softmax(self.linear.logits(texts) * self.slope + self.shift)

    def answers(self, probabilities: np.ndarray) -> np.ndarray:
        """(n,) class numbers answered."""
        return np.asarray((np.log(np.maximum(probabilities, _TINY)) + self.offsets).argmax(axis=1))

    def spans(self, text: str, number: int, most: int) -> list[list[int]]:
        """(start, end) of up to ``most`` words that spoke for class ``number``, in characters of ``text``."""
        direction = np.full(len(self.classes), -1.0 / max(len(self.classes) - 1, 1))
        direction[number] = 1.0
        return spans(self.linear, text, direction * self.slope, most)

    def to_files(self, family: str, more: Mapping[str, Any] | None = None) -> dict[str, bytes]:
        """The model as plain files; ``more`` is kept with it (see :func:`load_classifier`)."""
        stored = {
            "family": family, "classes": list(self.classes), "slope": self.slope.tolist(),
            "shift": self.shift.tolist(), "offsets": self.offsets.tolist(), "training": dict(self.facts),
            "more": dict(more or {}),
        }  # fmt: skip
        return to_files(self.linear, stored)


def load_classifier(files: Mapping[str, bytes], family: str) -> tuple[TextClassifier, dict[str, Any]]:
    """The classifier out of :meth:`TextClassifier.to_files`, and what was kept with it. Raises ModelInvalid."""
    linear, stored = from_files(files, family)
    try:
        classes = tuple(str(name) for name in stored["classes"])
        slope, shift, offsets = curves = [
            np.asarray(stored[name], np.float64) for name in ("slope", "shift", "offsets")
        ]
        if any(len(curve) != len(classes) or not np.isfinite(curve).all() for curve in curves):
            raise ValueError("the calibration is not usable")
        if linear.heads != len(classes) or len(set(classes)) != len(classes):
            raise ValueError("classes and weights do not fit together")
        facts = dict(stored["training"])
        return TextClassifier(classes, linear, slope, shift, offsets, facts), dict(stored["more"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelInvalid(f"The {family} model is not usable: {error}.") from None


def fit_classifier(
    texts: Sequence[str],
    labels: Sequence[str],
    valid_texts: Sequence[str],
    valid_labels: Sequence[str],
    *,
    classes: Sequence[str] | None = None,
    strength: float = 2.0,
    balance: float = 0.5,
    measure: Measure | None = None,
    seed: int = 0,
    matrix: Matrix | None = None,
) -> TextClassifier:
    """Fit on training texts, calibrate and choose the offsets on validation texts.

    Args:
        texts: (n,) to learn from.
        labels: (n,) their classes.
        valid_texts: (m,) to calibrate on; none: chances are those of the training.
        valid_labels: (m,); those of classes unknown in training are left out.
        classes: their order; None: as sorted. Those without a training text are left out.
        strength: see :func:`models.text.fitting.fit_linear`; ``balance`` too.
        balance: see ``strength``.
        measure: (truth, answers) -> what the offsets make large; None: macro-F1.
        seed: of the solver.
        matrix: the training texts' features, where they were made before.

    Raises:
        TrainingError: fewer than two classes to learn from.
    """
    known = set(labels)
    names = tuple(name for name in (classes or sorted(known)) if name in known)
    if len(names) < 2:
        raise TrainingError(
            f"The training texts have one class only: {', '.join(names) or 'none'}.",
            hint="Collect or import texts of other classes.",
        )
    number = {name: at for at, name in enumerate(names)}
    rows = np.array([label in number for label in labels], bool)
    features = matrix or Matrix.of(list(texts))
    features = features if rows.all() else features.rows(np.flatnonzero(rows))
    truth = np.array([number[label] for label in labels if label in number])
    linear = fit_linear(features, np.eye(len(names))[truth], strength=strength, balance=balance, seed=seed)
    held = [
        (text, number[label]) for text, label in zip(valid_texts, valid_labels, strict=True) if label in number
    ]
    count = len(names)
    slope, shift, offsets = np.ones(count), np.zeros(count), np.zeros(count)
    if held:
        scores, answer = linear.logits([text for text, _ in held]), np.array([at for _, at in held])
        slope, shift = vector_scaling(scores, answer)
        chances = softmax(scores * slope + shift)
        offsets = chosen_offsets(np.log(np.maximum(chances, _TINY)), answer, measure or macro_f1_of)
    facts = {
        "rows": len(truth), "valid_rows": len(held), "strength": strength, "balance": balance,
        "class_counts": {name: int((truth == at).sum()) for at, name in enumerate(names)},
    }  # fmt: skip
    return TextClassifier(names, linear, slope, shift, offsets, facts)


def macro_f1_of(truth: np.ndarray, answers: np.ndarray) -> float:
    """Mean F1 over the classes that occur."""
    size = int(max(truth.max(), answers.max())) + 1
    confusion = np.bincount(truth * size + answers, minlength=size * size).reshape(size, size)
    return float(macro_f1(confusion))


def macro_recall_of(truth: np.ndarray, answers: np.ndarray) -> float:
    """Mean recall over the classes that occur."""
    return float(np.mean([(answers[truth == at] == at).mean() for at in np.unique(truth)]))
