"""When a row's counts began and ended, out of the ways in which files say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import TIME, epoch_us
from models.convert import convert, texts

HOUR, DAY, WEEK = (np.int64(hours * 3_600_000_000) for hours in (1, 24, 168))


def spans(columns: Mapping[str, Any], rows: int) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """When rows began and ended, in microseconds since 1970, and which values were there but are no times.

    ``started_at`` (or ``day``, or ``week``) says when; ``hour`` (0-23) the hour of the day. Without
    ``ended_at`` a span lasts an hour where its hour is known, a week where its week is, a day where it began
    at midnight, and an hour otherwise.

    Args:
        columns: raw columns by name, of those that the file has.
        rows: how many.

    Returns:
        (began (n,), ended (n,), unfit: name -> (n,) bool); what is absent is ``MISSING``.
    """
    unfit: dict[str, np.ndarray] = {}
    began, lasted = np.full(rows, MISSING), np.full(rows, DAY)
    for name in ("week", "day", "started_at"):
        if name in columns:
            found = _week(columns[name]) if name == "week" else _moment(columns[name])
            unfit[name] = _there(columns[name]) & (found == MISSING)
            began = np.where(found == MISSING, began, found)
            lasted = np.where(found == MISSING, lasted, WEEK if name == "week" else _span_from(found))
    if "hour" in columns:
        hour, whole = _hour(columns["hour"])
        unfit["hour"] = _there(columns["hour"]) & (hour == MISSING) & (whole == MISSING)
        of_day = (hour != MISSING) & (began != MISSING)
        began = np.where(of_day, began - began % DAY + hour * HOUR, np.where(whole == MISSING, began, whole))
        lasted = np.where(of_day | (whole != MISSING), HOUR, lasted)
    ended = np.where(began == MISSING, MISSING, began + lasted)
    if "ended_at" in columns:
        found = _moment(columns["ended_at"])
        unfit["ended_at"] = _there(columns["ended_at"]) & (found == MISSING)
        ended = np.where(found == MISSING, ended, found)
    return began, ended, unfit


#: In place of a moment that is not known.
MISSING = np.iinfo(np.int64).min


def times(moments: np.ndarray) -> Any:
    """Microseconds since 1970 as a column of times; ``MISSING`` is null."""
    absent = moments == MISSING
    return pa.array(np.where(absent, 0, moments), pa.int64(), mask=absent).cast(TIME)


def _span_from(moments: np.ndarray) -> np.ndarray:
    return np.where(moments % DAY == 0, DAY, HOUR)


def _there(column: Any) -> np.ndarray:
    return np.asarray(pc.is_valid(texts(column)))


def _moment(column: Any) -> np.ndarray:
    """Times in any form; days also as the number or text ``yyyymmdd``."""
    found = pc.fill_null(epoch_us(convert(column, TIME)), MISSING).to_numpy()
    if not _dated(column):
        found = np.where(_digits(column, 8) == 1, MISSING, found)  # read as a number since 1970, or not at all
        found = np.where(found == MISSING, _parsed(column, r"\d{8}", "%Y%m%d"), found)
    return np.asarray(found)


def _week(column: Any) -> np.ndarray:
    """The Monday of the ISO week ``yyyyww``, ``yyyy-ww`` or ``yyyy-Www``; week 0 is the one before week 1."""
    found = np.full(len(column), MISSING)
    for place, text in enumerate(_plain(column).to_pylist()):
        digits = (text or "").upper().replace("-", "").replace("W", "")
        if len(digits) == 6 and digits.isdecimal() and 1900 < int(digits[:4]) < 2200 and int(digits[4:]) <= 53:
            # 4 January is always in week 1
            fourth = np.datetime64(f"{digits[:4]}-01-04", "D")
            monday = fourth - (int(fourth.astype(np.int64)) + 3) % 7 + 7 * (int(digits[4:]) - 1)
            found[place] = monday.astype("datetime64[us]").astype(np.int64)
    return found


def _hour(column: Any) -> tuple[np.ndarray, np.ndarray]:
    """(hour of the day, whole moment out of ``yymmddhh`` or ``yyyymmddhh``) of each row."""
    text = _plain(column)
    hour = pc.cast(pc.if_else(pc.match_substring_regex(text, r"^\d{1,2}$"), text, pa.scalar(None, pa.string())),
                   pa.int64())  # fmt: skip
    hours = pc.fill_null(hour, MISSING).to_numpy()
    whole = _parsed(column, r"\d{8}", "%y%m%d%H")
    longer = _parsed(column, r"\d{10}", "%Y%m%d%H")
    return np.where((hours >= 0) & (hours < 24), hours, MISSING), np.where(whole == MISSING, longer, whole)


def _dated(column: Any) -> bool:
    return bool(pa.types.is_timestamp(column.type) or pa.types.is_date(column.type))


def _digits(column: Any, count: int) -> np.ndarray:
    matches = pc.match_substring_regex(_plain(column), rf"^\d{{{count}}}$")
    return np.asarray(pc.fill_null(matches, False)).astype(np.int8)


def _plain(column: Any) -> Any:
    """Texts without the ``.0`` of a whole number that was read as a float."""
    return pc.replace_substring_regex(texts(column), r"\.0$", "")


def _parsed(column: Any, pattern: str, form: str) -> np.ndarray:
    import pandas as pd

    text = _plain(column).to_pandas().astype(object)
    fits = text.where(text.str.fullmatch(pattern).fillna(False).astype(bool))
    found = pd.to_datetime(fits, utc=True, errors="coerce", format=form).dt.tz_convert(None)
    moments = found.to_numpy().astype("datetime64[us]")
    return np.where(np.isnat(moments), MISSING, moments.astype(np.int64))
