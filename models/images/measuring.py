"""Measure a model of pictures on held-out ones, beside two baselines on the same photos."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from config.errors import InputError
from models.family import Evaluation, Mistake, Projection, Rows
from models.images.baseline import baseline_probabilities
from models.images.crops import as_stream, prepared
from models.images.learning import class_numbers
from models.images.options import PhotoOptions
from models.images.predictor import PhotoPredictor
from models.images.projection import project
from models.metrics import SMALLEST_PROBABILITY, Measured, measure
from models.streams import RowStream

#: (true class numbers (n,), chances (n, classes)) -> figures by name.
More = Callable[[np.ndarray, np.ndarray], dict[str, float]]
MISTAKES = 24
_CHUNK = 64
_ADDED = 0.5


@dataclass
class _Seen:
    """What one pass over the photos gave, (n, ...) each once it is over."""

    chances: list[np.ndarray] = field(default_factory=list)
    baseline: list[np.ndarray] = field(default_factory=list)
    embeddings: list[np.ndarray] = field(default_factory=list)
    nobody: list[np.ndarray] = field(default_factory=list)
    readable: list[bool] = field(default_factory=list)
    #: (loss, row, crop) of the worst mistakes, the least bad first.
    worst: list[tuple[float, int, np.ndarray]] = field(default_factory=list)


def evaluate(
    predictor: PhotoPredictor, test: Rows, options: PhotoOptions, seed: int, *, more: More | None = None
) -> Evaluation:
    """Accuracy, macro-F1, recall of each class, log loss and calibration error, with intervals over users.

    The baselines are the majority class of the training photos (with their shares as chances), and principal
    components of grey crops with a logistic regression, fitted to the training photos. A photo that cannot be
    opened has the same chance for each class, for model and baselines alike; ``unreadable`` is their share, and
    ``none_of_these`` that of the photos the model calls none of its classes. A champion that was trained on
    other classes gives no chance to those that it does not know.

    Args:
        predictor: the model.
        test: labelled photos.
        options: with the classes to measure on.
        seed: of the resampling.
        more: (class numbers (n,), chances (n, classes)) -> a family's own figures.

    Raises:
        InputError: there are no rows to measure on, or one has a label that is none of the classes.
    """
    if test.num_rows == 0:
        raise InputError("There are no labelled test photos.")
    stream = as_stream(test)
    truth = class_numbers(stream, options)
    if (truth < 0).any():
        raise InputError("A test photo has a label that is none of the classes.")
    groups = np.asarray(stream["user_id"].to_pylist(), dtype=object)
    seen = _look(predictor, stream, truth, options)
    chances = np.concatenate(seen.chances)
    answers = chances.argmax(axis=1)
    measured = measure(truth, chances, answers, groups, seed=seed)
    baselines = {
        name: measure(truth, said, said.argmax(axis=1), groups, seed=seed)
        for name, said in (
            ("majority", _majority(predictor, options, len(truth))),
            ("pca_linear", np.concatenate(seen.baseline)),
        )
    }
    extra = {
        **_recalls(measured, options),
        **(more(truth, chances) if more else {}),
        "none_of_these": float(np.concatenate(seen.nobody).mean()),
        "unreadable": 1.0 - float(np.mean(seen.readable)),
    }
    return Evaluation(
        metrics={**measured.metrics, **extra},
        intervals=measured.intervals,
        baselines={name: base.metrics for name, base in baselines.items()},
        classes=options.classes,
        confusion=measured.confusion,
        calibration=measured.calibration,
        losses=measured.losses,
        groups=groups,
        baseline_losses={name: base.losses for name, base in baselines.items()},
        rows=len(truth),
        baseline_intervals={name: base.intervals for name, base in baselines.items()},
        mistakes=_mistakes(seen, chances, truth, groups, options),
        projection=_projection(seen, truth, seed),
    )


def _look(predictor: PhotoPredictor, stream: RowStream, truth: np.ndarray, options: PhotoOptions) -> _Seen:
    """One pass over the photos; of their crops only those of the worst mistakes are kept."""
    seen, row, classes = _Seen(), 0, len(options.classes)
    for crops in _chunks(prepared(stream, predictor.prepare.crop)):
        readable = [crop is not None for crop in crops]
        chances = np.full((len(crops), classes), 1.0 / classes)
        baseline, nobody = chances.copy(), np.ones(len(crops), bool)
        pictures = [crop for crop in crops if crop is not None]
        if pictures:
            found = predictor.classifier.classify(np.stack(pictures))
            chances[readable] = _named(predictor, found.probabilities, options)
            linear = baseline_probabilities(predictor.baseline, np.stack(pictures))
            baseline[readable] = _named(predictor, linear, options)
            nobody[readable] = found.nobody
            seen.embeddings.append(found.embeddings)
        seen.chances.append(chances)
        seen.baseline.append(baseline)
        seen.nobody.append(nobody)
        seen.readable += readable
        _remember(seen, crops, chances, truth[row : row + len(crops)], row)
        row += len(crops)
    return seen


def _chunks(crops: Iterator[np.ndarray | None]) -> Iterator[list[np.ndarray | None]]:
    held: list[np.ndarray | None] = []
    for crop in crops:
        held.append(crop)
        if len(held) == _CHUNK:
            yield held
            held = []
    if held:
        yield held


def _remember(
    seen: _Seen, crops: list[np.ndarray | None], chances: np.ndarray, truth: np.ndarray, start: int
) -> None:
    for place, crop in enumerate(crops):
        if crop is None or chances[place].argmax() == truth[place]:
            continue
        loss = -float(np.log(max(chances[place, truth[place]], SMALLEST_PROBABILITY)))
        entry = (loss, -(start + place), crop)  # rows are distinct, so that crops are never compared
        if len(seen.worst) < MISTAKES:
            heapq.heappush(seen.worst, entry)
        else:
            heapq.heappushpop(seen.worst, entry)


def _mistakes(
    seen: _Seen, chances: np.ndarray, truth: np.ndarray, groups: np.ndarray, options: PhotoOptions
) -> tuple[Mistake, ...]:
    """The worst first."""
    found = []
    for _, place, crop in sorted(seen.worst, key=lambda entry: (-entry[0], -entry[1])):
        row = -place
        answer = int(chances[row].argmax())
        names = options.classes[truth[row]], options.classes[answer]
        found.append(Mistake(crop, *names, float(chances[row, answer]), str(groups[row])))
    return tuple(found)


def _projection(seen: _Seen, truth: np.ndarray, seed: int) -> Projection | None:
    if not seen.embeddings:
        return None
    points, rows = project(np.concatenate(seen.embeddings), seed)
    return Projection(points, truth[np.flatnonzero(seen.readable)[rows]])


def _recalls(measured: Measured, options: PhotoOptions) -> dict[str, float]:
    """Of each class that occurs: the share of its photos that was answered right."""
    counts = measured.confusion.sum(axis=1)
    return {
        f"recall/{name}": float(measured.confusion[number, number] / counts[number])
        for number, name in enumerate(options.classes)
        if counts[number]
    }


def _named(predictor: PhotoPredictor, chances: np.ndarray, options: PhotoOptions) -> np.ndarray:
    """(n, classes of ``options``) of chances (n, classes that the model was trained on)."""
    whole = dict(zip(predictor.classes, predictor.spread(chances).T, strict=True))
    nothing = np.zeros(len(chances))
    return np.stack([whole.get(name, nothing) for name in options.classes], axis=1)


def _majority(predictor: PhotoPredictor, options: PhotoOptions, rows: int) -> np.ndarray:
    """(rows, classes) the classes' shares of the training photos; half a photo is added to each."""
    known = predictor.info["class_counts"]
    counts = np.array([known.get(name, 0) for name in options.classes]) + _ADDED
    return np.tile(counts / counts.sum(), (rows, 1))
