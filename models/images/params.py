"""What a fit of the image classifier may be told, and the values that were measured to be good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from config.errors import TrainingError

_LEAST = {"size": 16, "width": 4, "depth": 1, "embedding": 2, "epochs": 1, "patience": 1, "batch": 2}


@dataclass(frozen=True)
class FitParams:
    """Parameters of a fit.

    Attributes:
        size: pixels a side of a crop.
        width, depth, embedding: see :class:`models.images.net.NetShape`.
        epochs: at most so many.
        patience: the fit ends when the loss on the validation rows has not fallen for so many epochs.
        batch: crops a step, on all devices together.
        learning_rate: the highest; it rises to it, and falls to nothing until the last epoch (Smith 2018).
        weight_decay: AdamW's (Loshchilov and Hutter 2019).
        scale, margin: of the cosines in the loss (CosFace: Wang et al. 2018, eq. 4).
        balance: 0: every photo counts alike; 1: every class does; between them by that power.
        flip, shift, zoom, turn, light, shade: see :class:`models.images.augment.Augmentation`.
        none_rate: how often a photo of the classes may be called none of them.
        int8: quantise the model where that costs less than a point of accuracy on the validation rows.
    """

    size: int = 64
    width: int = 32
    depth: int = 1
    embedding: int = 64
    epochs: int = 30
    patience: int = 8
    batch: int = 64
    learning_rate: float = 0.004
    weight_decay: float = 0.05
    scale: float = 16.0
    margin: float = 0.2
    balance: float = 0.5
    flip: bool = True
    shift: float = 0.1
    zoom: float = 0.12
    turn: float = 0.17
    light: float = 0.3
    shade: float = 0.3
    none_rate: float = 0.02
    int8: bool = True

    def describe(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


def parse_params(given: Mapping[str, Any]) -> FitParams:
    """The defaults with ``given`` in place of some.

    Raises:
        TrainingError: an unknown name, or a value of the wrong kind or out of its range.
    """
    kinds = {field.name: type(field.default) for field in fields(FitParams)}
    unknown = sorted(set(given) - set(kinds))
    if unknown:
        raise TrainingError(
            f"There is no parameter {', '.join(unknown)}.", hint=f"There are: {', '.join(kinds)}."
        )
    params = FitParams(**{name: _as(kinds[name], name, value) for name, value in given.items()})
    for name, least in _LEAST.items():
        if getattr(params, name) < least:
            raise TrainingError(f"The parameter {name} is at least {least}, not {getattr(params, name)}.")
    if params.learning_rate <= 0 or params.scale <= 0 or not 0 < params.none_rate < 1:
        raise TrainingError("learning_rate and scale are above 0, and none_rate lies between 0 and 1.")
    return params


def _as(kind: type, name: str, value: Any) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise TrainingError(f"The parameter {name} is of type {kind.__name__}, not {value!r}.")
    return value
