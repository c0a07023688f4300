"""Raw rows to the feature matrix: one definition, used in training, in batches and for a single request.

What is missing is NaN, never zero. Features are of the row itself, beside what was learned once and is stored
with the model (:class:`Fitted`): the base rate, the encodings of ids, the weights of words. Features that end
in ``_odds`` are deviations from the base rate in log odds; those also go into the linear part
(:mod:`models.ctr.linear`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import conform, epoch_us, time_us
from models.ctr.encoding import CATEGORIES, DEVICE, Encoding, encode, encode_column
from models.ctr.level import DAY_US, Level
from models.ctr.schema import INPUT_SCHEMA
from models.ctr.spread import Spread, log_odds
from models.ctr.text import FIELDS, HEADS, TextScores
from models.titles import TITLE_COUNTS, title_columns, title_counts

NAN = float("nan")
NUMBERS = (
    "duration",
    "psychology_composite",
    "hook_strength",
    "novelty_score",
    "emotion_priority",
    "has_face",
    "composite_score",
    "hour",
)
TIMES = ("weekday", "days_since_publication")
HISTORIES = ("clip", "creator", "advertiser")
_HOOK_COUNTS = ("title_length", "word_count", "has_question", "has_number")
_HOOK_PLACES = tuple(TITLE_COUNTS.index(name) for name in _HOOK_COUNTS)
#: Every feature in the order of the matrix's columns.
FEATURES: tuple[str, ...] = (
    *NUMBERS,
    *TIMES,
    *(f"{who}_impressions_log" for who in HISTORIES),
    *TITLE_COUNTS,
    *(f"hook_text_{name.removeprefix('title_')}" for name in _HOOK_COUNTS),
    *(f"{who}_past_odds" for who in HISTORIES),
    *(f"{name}_odds" for name in CATEGORIES),
    "level_odds",
    *(f"{field}_{head}_odds" for field in FIELDS for head in HEADS),
    f"{DEVICE}_odds",
)
PLACES = {name: place for place, name in enumerate(FEATURES)}
_LOGS = slice(PLACES["clip_impressions_log"], PLACES["advertiser_impressions_log"] + 1)
_PAST = slice(PLACES["clip_past_odds"], PLACES["advertiser_past_odds"] + 1)


@dataclass(frozen=True)
class Fitted:
    """What features take from training: the spread of rates, encodings by column, the level of the days, and
    the weights of words.
    """

    spread: Spread
    encodings: Mapping[str, Encoding]
    level: Level
    text: TextScores


def feature_matrix(examples: pa.Table, fitted: Fitted) -> np.ndarray:
    """(n, features) float64 of a table with (some of) the input columns; absent columns are missing."""
    known = [name for name in examples.column_names if name in INPUT_SCHEMA.names]
    nullable = pa.schema([field.with_nullable(True) for field in INPUT_SCHEMA])
    table = conform(examples.select(known), nullable)
    values: dict[str, Any] = {}
    for field in INPUT_SCHEMA:
        column = table[field.name]
        if pa.types.is_string(field.type):
            values[field.name] = column.to_pylist()
        elif pa.types.is_timestamp(field.type):
            values[field.name] = _floats(epoch_us(column))
        else:
            values[field.name] = _floats(column)
    return _matrix(values, table.num_rows, fitted)


def feature_rows(rows: Sequence[Mapping[str, Any]], fitted: Fitted) -> np.ndarray:
    """(n, features) float64 of rows given as mappings: what :func:`feature_matrix` gives for them."""
    matrix = np.empty((len(rows), len(FEATURES)))
    for at, row in enumerate(rows):
        _fill(matrix[at], row, fitted)
    _finish(matrix, fitted)
    return matrix


def feature_row(inputs: Mapping[str, Any], fitted: Fitted) -> np.ndarray:
    """(features,) float64 of one row.

    Args:
        inputs: values by input name; absent or None is missing. A time is a datetime (a naive one is UTC) or
            ISO 8601 text.
        fitted: what training left.
    """
    return feature_rows((inputs,), fitted)[0]


def _fill(row: np.ndarray, inputs: Mapping[str, Any], fitted: Fitted) -> None:
    """Put one row's values into ``row``; counts of the past are left as they are for :func:`_finish`."""
    get = inputs.get
    at, published = _moment(get("at")), _moment(get("published_at"))
    title, hook = get("title"), get("hook_text")
    hook_counts = title_counts(hook)
    text = fitted.text
    row[:] = (
        *(_float(get(name)) for name in NUMBERS),
        *_time_features(at, published),
        *(_float(get(f"{who}_impressions")) for who in HISTORIES),
        *title_counts(title),
        *(hook_counts[place] for place in _HOOK_PLACES),
        *(_float(get(f"{who}_clicks")) for who in HISTORIES),
        *(encode(fitted.encodings[name], get(name)) for name in CATEGORIES),
        float(fitted.level.at(at)),
        *text.score(0, title),
        *text.score(1, hook),
        encode(fitted.encodings[DEVICE], get(DEVICE)),
    )


def _matrix(values: Mapping[str, Any], rows: int, fitted: Fitted) -> np.ndarray:
    columns = np.empty((len(FEATURES), rows))
    titles, hooks = title_columns(values["title"]), title_columns(values["hook_text"])
    parts: list[Any] = [
        *(values[name] for name in NUMBERS),
        *_time_features(values["at"], values["published_at"]),
        *(values[f"{who}_impressions"] for who in HISTORIES),
        *(titles[name] for name in TITLE_COUNTS),
        *(hooks[name] for name in _HOOK_COUNTS),
        *(values[f"{who}_clicks"] for who in HISTORIES),
        *(encode_column(fitted.encodings[name], values[name]) for name in CATEGORIES),
        fitted.level.at(values["at"]),
    ]
    for number, field in enumerate(FIELDS):
        parts += list(fitted.text.columns(number, values[field]).T)
    parts.append(encode_column(fitted.encodings[DEVICE], values[DEVICE]))
    for place, part in enumerate(parts):
        columns[place] = part
    matrix = np.ascontiguousarray(columns.T)
    _finish(matrix, fitted)
    return matrix


def _time_features(at: Any, published: Any) -> tuple[Any, Any]:
    """Weekday (Monday is 0), and days since the clip was published."""
    day = np.floor(at / DAY_US) + 3.0  # day 0 was a Thursday
    return day - 7.0 * np.floor(day / 7.0), np.maximum(at - published, 0.0) / DAY_US


def _finish(matrix: np.ndarray, fitted: Fitted) -> None:
    """Counts of the past, in place, to log impressions and deviations from the base rate."""
    shown, clicked = matrix[:, _LOGS], matrix[:, _PAST]
    spread = fitted.spread
    rate = (clicked + spread.phi * spread.rate) / (shown + spread.phi)
    matrix[:, _PAST] = log_odds(rate) - log_odds(spread.rate)
    matrix[:, _LOGS] = np.log1p(shown)


def _moment(value: Any) -> float:
    return NAN if value is None else time_us(value)


def _float(value: Any) -> float:
    return NAN if value is None else float(value)


def _floats(column: Any) -> np.ndarray:
    """A numeric or boolean Arrow column as (n,) float64 with NaN for null."""
    return np.array(pc.fill_null(pc.cast(column, pa.float64(), safe=False), NAN).to_numpy(), dtype=np.float64)
