"""What the monitor looks at in the CTR family: the clips, and where, when, to whom and on what they run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import conform
from models.ctr.options import CtrOptions
from models.ctr.schema import EXAMPLE_SCHEMA
from models.family import Predictor
from models.monitoring.asking import asked_rows, objects
from models.monitoring.contract import Watch
from models.monitoring.rates import given, rate, sized, text_length

_AS_THEY_ARE = ("duration", "psychology_composite", "hook_strength", "novelty_score", "emotion_priority",
                "composite_score", "has_face", "placement", "audience", "device", "category",
                "language")  # fmt: skip
#: Impressions of a creator's past from which they are of the next size.
CREATOR_SIZES, CREATOR_NAMES = (1, 10_000, 1_000_000), ("new", "small", "medium", "large")


def features(rows: pa.Table, _options: CtrOptions) -> pa.Table:
    """The clip's scores, its title's length, where it is shown, and the past rates of clip and creator."""
    columns: dict[str, Any] = {name: rows[name] for name in _AS_THEY_ARE}
    columns["title_length"] = text_length(rows["title"])
    columns["creator_rate"] = rate(rows["creator_clicks"], rows["creator_impressions"])
    columns["creator_known"] = pc.greater(pc.fill_null(rows["creator_impressions"], 0), 0)
    return pa.table(columns)


def slices(rows: pa.Table, _options: CtrOptions) -> pa.Table:
    """Placement, audience, device, category, language, and how much is known of the creator."""
    known = pc.fill_null(rows["creator_impressions"], 0)
    named = {name: rows[name] for name in ("placement", "audience", "device", "category", "language")}
    return pa.table({**named, "creator": sized(known, CREATOR_SIZES, CREATOR_NAMES)})


def predicted(rows: pa.Table, options: CtrOptions) -> pa.Table:
    """The rate that was answered for the rows that a service was asked about, and its band."""
    return _rates(rows["predicted_ctr"].to_pylist(), rows["predicted_version"].to_pylist(), options)


def asked(records: pa.Table, options: CtrOptions) -> tuple[pa.Table, pa.Table]:
    """What the service was asked, and the rates that it answered."""
    rows = asked_rows(records, EXAMPLE_SCHEMA, "entity", "at")
    rates = [_number(answer.get("predicted_ctr")) for answer in objects(records["answer"])]
    return rows, _rates(rates, records["model_version"].to_pylist(), options)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _rates(rates: list[float | None], versions: list[str | None] | None, options: CtrOptions) -> pa.Table:
    bands = [None if value is None else options.band(value) for value in rates]
    return given(bands, rates, versions)


def answers(predictor: Predictor, rows: pa.Table, options: CtrOptions) -> pa.Table:
    """The rates that the version answers to the rows now."""
    return _rates([float(one["predicted_ctr"]) for one in predictor.predict(rows)], None, options)


def live(rows: pa.Table, _options: CtrOptions) -> pa.Table:
    """Rows that were shown, whose counts are final."""
    shown = pc.greater(pc.fill_null(rows["impressions"], 0), 0)
    return conform(rows.filter(pc.and_(shown, rows["label"].is_valid())), rows.schema)


def weights(rows: pa.Table, _options: CtrOptions) -> np.ndarray:
    """(n,) impressions over their mean: losses are of impressions."""
    shown = rows["impressions"].to_numpy().astype(np.float64)
    return np.asarray(shown / shown.mean())


WATCH = Watch(
    features=features,
    slices=slices,
    predicted=predicted,
    asked=asked,
    text="title",
    answers=answers,
    live=live,
    weights=weights,
)
