"""The trained classifier as the services run it: onnxruntime and a few centroids, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from config.errors import ModelInvalid
from models.images.calibration import Calibration, softmax

#: Crops that go through the network at once: more gain nothing on a processor, and take memory.
CHUNK = 32
_UNIT_SLACK = 1e-3


@dataclass(frozen=True, eq=False)
class Answers:
    """What a classifier says of n crops.

    Attributes:
        probabilities: (n, k), rows sum to one.
        embeddings: (n, d) of length one.
        distances: (n,) from the nearest centroid, 1 - cosine, 0 to 2.
        nobody: (n,) bool, whether that is too far to be any of the classes.
    """

    probabilities: np.ndarray
    embeddings: np.ndarray
    distances: np.ndarray
    nobody: np.ndarray


class ImageClassifier:
    """Crops to probabilities of classes; safe to share between threads.

    Args:
        model: bytes of an ONNX model: crops (n, size, size, 3) uint8 -> embeddings (n, d) float32.
        centroids: (k, d) float32, each of length one.
        calibration: how cosines become an answer.

    Raises:
        ModelInvalid: the model or the centroids cannot be used; says what is wrong.
    """

    def __init__(self, model: bytes, centroids: np.ndarray, calibration: Calibration) -> None:
        self._session = open_session(model)
        self.calibration = calibration
        self.size, width = _shapes(self._session)
        self.centroids = _checked(centroids, width)
        self._input = self._session.get_inputs()[0].name

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.centroids)

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 -> (n, d) float32 of length one."""
        parts = [
            self._session.run(None, {self._input: np.ascontiguousarray(crops[start : start + CHUNK])})[0]
            for start in range(0, len(crops), CHUNK)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.centroids.shape[1]), np.float32)

    def classify(self, crops: np.ndarray) -> Answers:
        """Answer (n, size, size, 3) uint8 crops; each as if it were alone, up to rounding."""
        return self.answer(self.embed(crops))

    def answer(self, embeddings: np.ndarray) -> Answers:
        """Answer for embeddings (n, d) that :meth:`embed` gave."""
        # einsum sums each cell in the same order however many rows there are
        cosines = np.einsum("nd,kd->nk", embeddings, self.centroids)
        distances = 1.0 - cosines.max(axis=1, initial=-1.0).astype(np.float64)
        probabilities = (
            softmax(self.calibration.scale * cosines) if len(cosines) else np.zeros((0, self.classes))
        )
        return Answers(probabilities, embeddings, distances, distances > self.calibration.threshold)


def open_session(model: bytes) -> Any:
    """An onnxruntime session of one thread a call. Raises ModelInvalid."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - its own errors have no common root
        raise ModelInvalid(f"The ONNX model cannot be opened: {error}.") from None


def _shapes(session: Any) -> tuple[int, int]:
    """Pixels a side of the crops, and numbers of an embedding."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1 or inputs[0].type != "tensor(uint8)":
        raise ModelInvalid("The ONNX model does not take crops of bytes and give embeddings.")
    shape, given = inputs[0].shape, outputs[0].shape
    if len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3 or not isinstance(shape[1], int):
        raise ModelInvalid(f"The ONNX model takes {shape}, not (n, size, size, 3).")
    if len(given) != 2 or not isinstance(given[1], int):
        raise ModelInvalid(f"The ONNX model gives {given}, not (n, embedding).")
    return shape[1], given[1]


def _checked(centroids: np.ndarray, width: int) -> np.ndarray:
    if centroids.ndim != 2 or len(centroids) < 2 or centroids.shape[1] != width:
        raise ModelInvalid(f"The centroids are {centroids.shape}, not at least two of {width} numbers.")
    if centroids.dtype != np.float32 or not np.isfinite(centroids).all():
        raise ModelInvalid("The centroids are not finite single-precision numbers.")
    if np.abs(np.linalg.norm(centroids, axis=1) - 1.0).max() > _UNIT_SLACK:
        raise ModelInvalid("The centroids do not all have length one.")
    return np.ascontiguousarray(centroids)
