"""Fit: the face family's classifier, on whole pictures and the classes of moderation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc

from config.errors import TrainingError
from models.family import Rows
from models.imagery.options import ImageryOptions
from models.imagery.predictor import ImageryPredictor
from models.images.learning import learn
from models.training_context import TrainingContext

HINT = "Verify more reviewed pictures, or add a gold set: `assay datasets add gold imagery DIR`."


def fit(
    train: Rows,
    valid: Rows,
    options: ImageryOptions,
    params: Mapping[str, Any],
    seed: int,
    *,
    context: TrainingContext | None = None,
) -> ImageryPredictor:
    """A predictor fitted to labelled pictures; see :func:`models.images.learning.learn`.

    Each class must be there to learn from: a model that has never seen violence would call it safe.

    Raises:
        TrainingError: too few pictures, a class without any, an unknown parameter, weights that do not fit, no
            such device.
    """
    present = set(pc.unique(train["label"]).to_pylist())
    missing = [name for name in options.classes if name not in present]
    if missing:
        raise TrainingError(
            f"There is no picture of {' and '.join(missing)} to learn from: the model could not tell it from"
            " the other classes.",
            hint=HINT,
        )
    return learn(ImageryPredictor, train, valid, options, params, seed, context=context, hint=HINT)
