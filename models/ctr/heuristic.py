"""What answers before there is a model: a rule on the scores of a clip."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from models.ctr.options import CtrOptions

#: Clicks an impression by the composite score, and what the priority of the emotion adds.
COMPOSITE_WEIGHT, EMOTION_WEIGHT = 0.05, 0.02
#: Scores that are not known.
COMPOSITE, EMOTION = 0.5, 0.0


def heuristic_rate(composite: float | None, emotion: float | None) -> float:
    """The click-through rate that the rule expects, from 0 to 1."""
    rate = _or(composite, COMPOSITE) * COMPOSITE_WEIGHT + _or(emotion, EMOTION) * EMOTION_WEIGHT
    return min(max(rate, 0.0), 1.0)


class HeuristicPredictor:
    """Answers in the form of a predictor. It learned from nothing: interval and confidence are None."""

    def __init__(self, options: CtrOptions) -> None:
        self.options = options

    @property
    def info(self) -> dict[str, Any]:
        """JSON-ready facts."""
        return {"family": "ctr", "kind": "heuristic", "options": self.options.describe(), "training_rows": 0}

    def predict(self, examples: pa.Table, *, explain: int = 0) -> list[dict[str, Any]]:
        """The answer to each row of ``examples``."""
        names = [name for name in ("composite_score", "emotion_priority") if name in examples.column_names]
        if not names:
            return [self.predict_one({}, explain=explain) for _ in range(examples.num_rows)]
        return self.predict_many(examples.select(names).to_pylist(), explain=explain)

    def predict_many(self, rows: Sequence[Mapping[str, Any]], *, explain: int = 0) -> list[dict[str, Any]]:
        """The answer to each of ``rows``."""
        return [self.predict_one(row, explain=explain) for row in rows]

    def predict_one(
        self,
        inputs: Mapping[str, Any],
        *,
        explain: int = 0,  # noqa: ARG002 - as a fitted predictor is asked
    ) -> dict[str, Any]:
        """The answer to one row; there is nothing learned to explain."""
        composite, emotion = inputs.get("composite_score"), inputs.get("emotion_priority")
        rate = heuristic_rate(composite, emotion)
        return {
            "predicted_ctr": rate,
            "predicted_band": self.options.band(rate),
            "ctr_low": None,
            "ctr_high": None,
            "confidence": None,
        }


def _or(value: float | None, absent: float) -> float:
    return absent if value is None or math.isnan(value) else float(value)
