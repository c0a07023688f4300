"""From a trained network to what is served: the ONNX model, small where that is free, and its calibration.

The calibration is read off the answers of the very model that is served.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.images.calibration import Calibration, calibrate
from models.images.classifier import CHUNK, open_session
from models.images.crops import Crops
from models.images.export import INPUT, MOST_LOSS, RANGES_FROM, export, quantised
from models.images.fitting import Fitted
from models.images.group import Group


@dataclass(frozen=True, eq=False)
class Finished:
    """An ONNX model with its calibration, and JSON-ready facts of how it was chosen."""

    model: bytes
    calibration: Calibration
    facts: dict[str, Any]


def finish(
    fitted: Fitted, train: Crops, valid: Crops, group: Group, *, int8: bool, none_rate: float
) -> Finished:
    """Export, quantise if asked and free, and calibrate; every process of a group gets the same.

    Whether 8 bits are used is settled by accuracy alone: which is quicker would be another answer on another
    day. That 8 bits are quicker was measured (benchmarks/face_training_bench.py): hence ``int8`` by default.
    """
    sample = _sample(train)
    exported = group.from_leader(export(fitted.net, sample) if group.leads else None)
    facts: dict[str, Any] = {"precision": "float32", "difference_from_torch": exported.difference}
    embeddings, truth = _embedded(exported.model, valid, group)
    model, whole = exported.model, _accuracy(embeddings, truth, fitted.centroids)
    if int8:
        small = group.from_leader(quantised(exported.model, sample) if group.leads else None)
        found, _ = _embedded(small, valid, group)
        accuracy = _accuracy(found, truth, fitted.centroids)
        facts |= {"valid_accuracy_float32": whole, "valid_accuracy_int8": accuracy}
        if whole - accuracy < MOST_LOSS:
            model, embeddings = small, found
            facts["precision"] = "int8"
    cosines = np.einsum("nd,kd->nk", embeddings, fitted.centroids)
    return Finished(model, calibrate(cosines, truth, none_rate), facts)


def _sample(crops: Crops) -> np.ndarray:
    """(m, size, size, 3) crops from everywhere in what is kept, or the first ones."""
    if len(crops.kept) >= 2:
        places = np.linspace(0, len(crops.kept) - 1, min(RANGES_FROM, len(crops.kept))).astype(int)
        return crops.kept[places]
    return next(crops.in_order(RANGES_FROM))[0]


def _embedded(model: bytes, crops: Crops, group: Group) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) embeddings that the ONNX model gives to all processes' crops, and their class numbers."""
    session = open_session(model)
    parts, labels = [], []
    for batch, numbers in crops.in_order(CHUNK):
        parts.append(session.run(None, {INPUT: batch})[0])
        labels.append(numbers)
    width = session.get_outputs()[0].shape[1]
    found = np.concatenate(parts) if parts else np.zeros((0, width), np.float32)
    return group.gather(found), group.gather(np.concatenate(labels) if labels else np.zeros(0, np.int64))


def _accuracy(embeddings: np.ndarray, truth: np.ndarray, centroids: np.ndarray) -> float:
    return float(((embeddings @ centroids.T).argmax(axis=1) == truth).mean())
