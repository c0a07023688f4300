"""Fit: photos to crops, crops to a network, the network to the files that are served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.face.options import FaceOptions
from models.face.predictor import FacePredictor
from models.family import Rows
from models.images.learning import learn
from models.training_context import TrainingContext


def fit(
    train: Rows,
    valid: Rows,
    options: FaceOptions,
    params: Mapping[str, Any],
    seed: int,
    *,
    context: TrainingContext | None = None,
) -> FacePredictor:
    """A predictor fitted to labelled photos; see :func:`models.images.learning.learn`.

    Raises:
        TrainingError: too few photos or classes, an unknown parameter, weights that do not fit, no such device.
    """
    hint = "FACE_CLASSES names the classes."
    return learn(FacePredictor, train, valid, options, params, seed, context=context, hint=hint)
