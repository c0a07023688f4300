"""Where the heavy steps of a fit are done: here, or on several machines that whoever calls the fit provides.

Two steps grow with the rows: features, which look at nothing but their own row, so that they can be made in
parts; and boosted trees, which LightGBM grows on several machines by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from config.errors import TrainingError

#: Fewer cells than this are done sooner by one thread, above all on a busy machine.
MANY_CELLS = 20_000_000


@dataclass(frozen=True)
class TreeRows:
    """What trees learn from: (n, features) with their names, and (n,) what they predict.

    ``weights`` (n,) is what each row is worth, and ``start`` (n,) the score that it begins with.
    """

    matrix: np.ndarray
    target: np.ndarray
    names: tuple[str, ...]
    weights: np.ndarray | None = None
    start: np.ndarray | None = None


class Machines(Protocol):
    """Does the heavy steps of a fit."""

    def features(self, make: Callable[[pa.Table], np.ndarray], rows: pa.Table) -> np.ndarray:
        """(n, features) of ``rows`` by ``make``, which looks at each row alone: however it is cut, the same."""
        ...

    def grow(self, rows: TreeRows, settings: Mapping[str, Any], trees: int) -> Any:
        """A LightGBM booster of at most ``trees`` trees. Raises TrainingError: LightGBM refuses a value."""
        ...


class ThisMachine:
    """Does them in this process."""

    def features(self, make: Callable[[pa.Table], np.ndarray], rows: pa.Table) -> np.ndarray:
        """``make(rows)``."""
        return make(rows)

    def grow(self, rows: TreeRows, settings: Mapping[str, Any], trees: int) -> Any:
        """By ``lightgbm.train``; the same rows and settings give the same trees."""
        import lightgbm

        data = lightgbm.Dataset(
            rows.matrix,
            rows.target,
            weight=rows.weights,
            init_score=rows.start,
            feature_name=list(rows.names),
            params={"verbosity": -1},
        )
        threads = 1 if rows.matrix.size < MANY_CELLS else 0
        try:
            return lightgbm.train({**steady(settings), "num_threads": threads}, data, num_boost_round=trees)
        except (lightgbm.basic.LightGBMError, TypeError, ValueError) as error:
            raise refused(error) from None


def steady(settings: Mapping[str, Any]) -> dict[str, Any]:
    """``settings`` without the number of trees, and with what makes LightGBM do the same each time."""
    chosen = {name: value for name, value in settings.items() if name != "trees"}
    return {**chosen, "deterministic": True, "force_row_wise": True, "verbosity": -1}


def refused(error: Exception) -> TrainingError:
    """What LightGBM said, as an error of ours."""
    return TrainingError(f"LightGBM refuses to train: {error}.", hint="Check the parameters.")
