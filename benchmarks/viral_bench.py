"""The viral family: how fast its features and answers are, and how good its model is on real data."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cli.file_evaluation import read_rows
from models.columns import TIME, epoch_us, take_rows
from models.comparison import compare_losses
from models.family import get_family
from models.metrics import measure
from models.viral.evaluation import answers_table, baseline_forecasts
from models.viral.examples import build
from models.viral.features import FEATURES, feature_matrix, feature_row
from models.viral.labels import class_index
from models.viral.options import ViralOptions
from models.viral.predictor import ViralPredictor
from models.viral.schema import INPUT_SCHEMA
from models.viral.split import latest_videos
from models.viral.training import fit

ROWS = 100_000
SEED = 7
TITLES = (
    "You won't believe this hack! #viral #fyp",
    "OK Go - Obsession - Official Video",
    "How to draw @home? 10 TIPS 😀",
)
#: file -> horizon in days (the longer set has outcomes a week on, the other hardly any past three days)
SETS = {"youtube_us_2017.csv.gz": 3, "youtube_us_2017_18.csv.gz": 7}
#: Where the videos' first sights are cut: train before, test between, then on to the next.
CUTS = (0.45, 0.6, 0.75, 0.88, 1.0)


def run() -> list[dict[str, Any]]:
    """The rows of this benchmark."""
    table = _made_up()
    predictor = _made_up_model(table.slice(0, 4000))
    return [*_feature_speed(table), *_answer_speed(predictor, table.slice(0, 100)), *_quality()]


def _feature_speed(table: pa.Table) -> list[dict[str, Any]]:
    feature_matrix(table.slice(0, 10))  # builds the tables of characters
    began = time.process_time()
    feature_matrix(table)
    batch = time.process_time() - began
    one = _seconds(feature_row, table.slice(5, 1).to_pylist()[0])
    return [
        _row("features of 100,000 rows, one core", batch, 1.5, "s", "other: the target"),
        _row("features of one row", one * 1e3, 0.3, "ms", "other: the target"),
    ]


def _answer_speed(predictor: ViralPredictor, table: pa.Table) -> list[dict[str, Any]]:
    import pandas as pd

    rows = table.to_pylist()
    row = rows[5]
    booster = predictor.booster._booster

    def frame(explain: bool) -> Any:
        values = pd.DataFrame([feature_row(row)], columns=list(FEATURES))
        return booster.predict(values, pred_contrib=explain, num_threads=1)

    note = "other: the same features in a one-row DataFrame, booster.predict"
    single = _seconds(predictor.predict_one, row, explain=0)
    return [
        _row("one row, features and answer", single * 1e3, _seconds(frame, False) * 1e3, "ms", note),
        _row("the same with exact contributions", _seconds(predictor.predict_one, row, explain=5) * 1e3,
             _seconds(frame, True) * 1e3, "ms", note + "(pred_contrib=True)"),
        _row("100 rows at once", _seconds(predictor.predict_many, rows) * 1e3, single * 1e5, "ms",
             "other: one by one"),
    ]  # fmt: skip


def _quality() -> list[dict[str, Any]]:
    folder = Path(os.environ.get("ASSAY_DATA", Path(__file__).parents[2] / "shared" / "data")) / "viral"
    rows: list[dict[str, Any]] = []
    for name, days in SETS.items():
        path = folder / name
        if path.is_file():
            rows += _quality_of(name.removesuffix(".csv.gz"), path, ViralOptions().with_horizon(days))
        else:
            rows.append(
                _row(
                    f"model quality on {name}", None, None, "", "the data are not on this machine (ASSAY_DATA)"
                )
            )
    return rows


def _quality_of(name: str, path: Path, options: ViralOptions) -> list[dict[str, Any]]:
    """Cut in time by video, four times over: fit on the videos first seen before, test on the next ones; the
    four blocks are measured together."""
    family = get_family("viral")
    snapshots = read_rows(family, path, {}).table
    examples = build(snapshots, snapshots, options)
    examples = examples.filter(examples["label"].is_valid())
    truth, groups = [], []
    forecasts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {"ours": [], "no_growth": [], "majority": []}
    for train, test in _blocks(examples):
        predictor = fit(*latest_videos(train, 0.2), options, {}, SEED)
        truth.append(class_index(test["views_at_horizon"].to_numpy(), options))
        groups.append(np.asarray(test["video_id"].to_pylist(), dtype=object))
        forecasts["ours"].append(answers_table(predictor.predict(test), options))
        for baseline, forecast in baseline_forecasts(predictor, test).items():
            forecasts[baseline].append(forecast)
    videos, measured = np.concatenate(groups), {}
    for who, blocks in forecasts.items():
        chances, answers = (np.concatenate(column) for column in zip(*blocks, strict=True))
        measured[who] = measure(np.concatenate(truth), chances, answers, videos, seed=SEED)
    title = f"{name}, {options.horizon_days:g} days ahead, against"
    rows = []
    for baseline in ("no_growth", "majority"):
        gain = compare_losses(measured[baseline].losses, measured["ours"].losses, videos, seed=SEED)
        for metric in ("macro_f1", "accuracy", "log_loss", "calibration_error"):
            ends = [measured[who].intervals[metric] for who in ("ours", baseline)]
            note = "95 % over videos: [{:.3f}, {:.3f}], other [{:.3f}, {:.3f}]".format(*ends[0], *ends[1])
            if metric == "log_loss":
                note += f"; lower by {gain.difference:.3f} [{gain.low:.3f}, {gain.high:.3f}]"
            figure = f"{metric.replace('_', ' ')}: {title} {baseline.replace('_', ' ')} ({len(videos):,} rows)"
            ours, other = (measured[who].metrics[metric] for who in ("ours", baseline))
            rows.append(_row(figure, ours, other, "", note))
    return rows


def _blocks(examples: pa.Table) -> list[tuple[pa.Table, pa.Table]]:
    """(videos first seen before a cut and settled by then, videos first seen between it and the next)."""
    first_seen, known = (epoch_us(examples[name]).to_numpy() for name in ("first_seen_at", "horizon_at"))
    edges = np.quantile(first_seen, CUTS)
    return [
        (
            take_rows(examples, (first_seen <= start) & (known <= end)),
            take_rows(examples, (first_seen > start) & (first_seen <= end)),
        )
        for start, end in pairwise(edges)
    ]


def _made_up() -> pa.Table:
    """``ROWS`` complete rows: every column has a value, so that every formula works."""
    rng = np.random.default_rng(SEED)
    columns: dict[str, Any] = {}
    for field in INPUT_SCHEMA:
        if pa.types.is_integer(field.type):
            columns[field.name] = pa.array(rng.integers(0, 10**6, ROWS)).cast(field.type)
        elif pa.types.is_floating(field.type):
            columns[field.name] = rng.random(ROWS) * 100
        elif pa.types.is_boolean(field.type):
            columns[field.name] = rng.random(ROWS) < 0.5
        elif field.type == TIME:
            columns[field.name] = pa.array(
                rng.integers(1_700_000_000_000_000, 1_760_000_000_000_000, ROWS)
            ).cast(TIME)
        else:
            columns[field.name] = [TITLES[number % len(TITLES)] for number in range(ROWS)]
    return pa.table(columns, schema=INPUT_SCHEMA)


def _made_up_model(table: pa.Table) -> ViralPredictor:
    """A model of the usual size: what it says does not matter here."""
    rng = np.random.default_rng(SEED)
    views = table["views"].to_numpy()
    growth = rng.lognormal(np.log1p(table["likes"].to_numpy()) / 10, 0.5)
    extra = {
        "views_at_horizon": pa.array((views * growth).astype(np.int64)),
        "first_seen_at": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * len(views), TIME),
    }
    for name, column in extra.items():
        table = table.append_column(name, column)
    table = table.set_column(0, "video_id", pa.array([str(number) for number in range(len(views))]))
    return fit(table.slice(0, 3000), table.slice(3000), ViralOptions(), {}, SEED)


def _seconds(call: Callable[..., Any], *args: Any, **kwargs: Any) -> float:
    """The median time of a call, after a few to warm up."""
    times = []
    for _ in range(300):
        began = time.perf_counter()
        call(*args, **kwargs)
        times.append(time.perf_counter() - began)
    return statistics.median(times[20:])


def _row(figure: str, ours: float | None, other: float | None, unit: str, note: str) -> dict[str, Any]:
    ratio = other / ours if ours and other and unit else None
    return {"figure": figure, "ours": ours, "other": other, "ratio": ratio, "unit": unit, "note": note}
