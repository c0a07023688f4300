"""Text or loosely typed columns to the types of a schema; what does not fit becomes null."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import TIME
from models.family import Rejected

_ABSENT = ("", "na", "n/a", "nan", "null", "none", "-")
_TRUE, _FALSE = ("true", "t", "yes", "y", "1", "1.0"), ("false", "f", "no", "n", "0", "0.0")
#: Counts past this are no counts; a float64 holds every whole number up to here.
LARGEST = 2**53


def texts(column: Any) -> Any:
    """Any column as trimmed text; empty and the usual words for "absent" become null."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    text = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    absent = pc.is_in(pc.utf8_lower(text), value_set=pa.array(_ABSENT))
    return pc.if_else(absent, pa.scalar(None, pa.string()), text)


def convert(column: Any, kind: pa.DataType) -> Any:
    """A column as ``kind`` (string, boolean, timestamp, float64, integer); null where a value does not fit."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if kind == pa.string():
        return texts(column)
    if kind == TIME:
        return _times(column)
    if kind == pa.bool_():
        return column if column.type == kind else _truths(column)
    return _numbers(column, kind)


def _truths(column: Any) -> Any:
    text = pc.utf8_lower(texts(column))
    true = pc.is_in(text, value_set=pa.array(_TRUE))
    known = pc.or_(true, pc.is_in(text, value_set=pa.array(_FALSE)))
    return pc.if_else(known, true, pa.scalar(None, pa.bool_()))


def _numbers(column: Any, kind: pa.DataType) -> Any:
    import pandas as pd

    if pa.types.is_boolean(column.type) or pa.types.is_temporal(column.type):
        return pa.nulls(len(column), kind)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        text = texts(column)
        plain = pc.replace_substring_regex(text, ",", "")
        grouped = pc.match_substring_regex(text, r"^-?\d{1,3}(,\d{3})+$")
        text = pc.if_else(grouped, plain, text)
        numbers = pd.to_numeric(text.to_pandas(), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        numbers = pc.fill_null(pc.cast(column, pa.float64(), safe=False), np.nan).to_numpy()
    usable = np.isfinite(numbers) & (np.abs(numbers) <= LARGEST)
    if pa.types.is_integer(kind):
        usable &= np.abs(numbers) < (2 ** (kind.bit_width - 1) if kind.bit_width < 64 else np.inf)
        usable &= numbers == np.floor(numbers)
    return pa.array(np.where(usable, numbers, 0), mask=~usable).cast(kind)


def _times(column: Any) -> Any:
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        # without a zone, a time is UTC
        return pc.cast(pc.cast(column, pa.timestamp("us", tz=getattr(column.type, "tz", None))), TIME)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return _epochs(pc.fill_null(pc.cast(column, pa.float64(), safe=False), np.nan).to_numpy())
    return _written_times(texts(column))


def _epochs(numbers: np.ndarray) -> Any:
    """Numbers since 1970 in seconds, milliseconds or microseconds, told apart by their size."""
    scale = np.select([np.abs(numbers) < 1e11, np.abs(numbers) < 1e14], [1e6, 1e3], 1.0)
    usable = np.isfinite(numbers) & (np.abs(numbers) >= 1e8) & (np.abs(numbers) < 4e15)
    return pa.array(np.where(usable, numbers * scale, 0).astype(np.int64), mask=~usable).cast(TIME)


def _written_times(column: Any) -> Any:
    """ISO 8601 first; then ``yy.dd.mm`` (as YouTube's trending files write it) and numbers since 1970."""
    import pandas as pd

    text = column.to_pandas().astype(object)
    parsed = pd.to_datetime(text, utc=True, errors="coerce", format="ISO8601")
    digits = text.where(text.str.fullmatch(r"\d{9,16}(\.\d+)?").fillna(False).astype(bool))
    if digits.notna().any():
        epochs = _epochs(pd.to_numeric(digits, errors="coerce").to_numpy(dtype=np.float64)).to_pandas()
        parsed = epochs.set_axis(parsed.index).where(digits.notna(), parsed)
    left = parsed.isna() & text.notna()
    if left.any():
        parsed = parsed.fillna(pd.to_datetime(text.where(left), utc=True, errors="coerce", format="%y.%d.%m"))
    moments = parsed.dt.tz_convert(None).to_numpy().astype("datetime64[us]")
    return pa.array(moments, mask=np.isnat(moments)).cast(TIME)


def hashed_ids(*columns: Any) -> Any:
    """An id for each row out of the texts that identify it together."""
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return pa.array(
        [
            "h" + hashlib.sha256("\x1f".join(str(part or "") for part in row).encode()).hexdigest()[:20]
            for row in rows
        ]
    )


def wanted_type(kind: pa.DataType) -> str:
    """What a value of that type is called where one is not."""
    if kind == TIME:
        return "a date or time"
    if kind == pa.bool_():
        return "true or false"
    return "a whole number" if pa.types.is_integer(kind) else "a number"


def rejected_rows(table: pa.Table, reasons: Sequence[Sequence[str]], rows: np.ndarray) -> list[Rejected]:
    """The rows of a file's ``table`` with those numbers (from 0), each with its reasons."""
    if not len(rows):
        return []
    values = table.take(pa.array(rows)).to_pylist()
    return [
        Rejected(row=int(row) + 1, reason="; ".join(dict.fromkeys(reasons[row])), values=value)
        for row, value in zip(rows, values, strict=True)
    ]
