"""What a network must beat: principal components of grey crops, and a logistic regression on them.

Both are linear, so that together they are one matrix (classes, pixels + 1), the last column for the offset.
"""

from __future__ import annotations

import warnings

import cv2
import numpy as np

from models.images.calibration import softmax

SIDE = 32
COMPONENTS = 64
#: Crops that are enough to fit it.
MOST = 4000
_LEAST_SPREAD = 1.0


def grey(crops: np.ndarray) -> np.ndarray:
    """(n, size, size, 3) uint8 -> (n, SIDE * SIDE) grey, each crop with its own mean and contrast taken out."""
    small = [
        cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        for crop in crops
    ]
    flat = np.array(small, np.float32).reshape(len(crops), SIDE * SIDE)
    flat -= flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(flat.std(axis=1, keepdims=True), _LEAST_SPREAD))


def fit_baseline(crops: np.ndarray, labels: np.ndarray, classes: int, seed: int) -> np.ndarray:
    """(classes, SIDE * SIDE + 1) float32 for crops (n, size, size, 3) and class numbers (n,).

    A class without crops gets an offset so low that it is never answered.
    """
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    rows = np.random.default_rng(seed).permutation(len(crops))[:MOST]
    matrix = np.zeros((classes, SIDE * SIDE + 1), np.float32)
    matrix[:, -1] = -50.0
    present = np.unique(labels[rows])
    if len(present) < 2:
        matrix[present, -1] = 0.0
        return matrix
    values = grey(crops[rows])
    components = min(COMPONENTS, len(rows) - 1)
    pca = PCA(components, svd_solver="randomized", whiten=True, random_state=seed)
    points = pca.fit_transform(values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = LogisticRegression(max_iter=200, C=0.1).fit(points, labels[rows])
    steep, offset = found.coef_, found.intercept_
    if len(present) == 2:  # then it gives one row, for the second class
        steep, offset = np.vstack([-steep, steep]) / 2.0, np.array([-offset[0], offset[0]]) / 2.0
    project = (pca.components_ / np.sqrt(pca.explained_variance_)[:, None]).astype(np.float64)
    linear = steep @ project
    matrix[present, :-1] = linear
    matrix[present, -1] = offset - linear @ pca.mean_
    return matrix


def baseline_probabilities(matrix: np.ndarray, crops: np.ndarray) -> np.ndarray:
    """(n, classes) probabilities for crops (n, size, size, 3)."""
    return softmax(grey(crops) @ matrix[:, :-1].T + matrix[:, -1])
