"""The checks of a day on what was answered."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from models.monitoring import sentences
from models.monitoring.answers import compare_answers, skew
from models.monitoring.contract import Figure
from models.monitoring.day import Day
from models.monitoring.side import Side, side_of


def _recorded(day: Day) -> Side | None:
    """What the version answered in the last days: out of the predictions, or out of the rows."""
    if day.watch.asked is not None and day.inputs.asked is not None and day.inputs.asked.num_rows:
        rows, given = day.watch.asked(day.inputs.asked, day.options)
    elif day.watch.predicted is not None and day.inputs.current is not None:
        rows, given = day.inputs.current, day.watch.predicted(day.inputs.current, day.options)
    else:
        return _answered_now(day)
    side = (
        side_of(day.family, rows, given)
        if rows is not None
        else Side(given, (), np.zeros(given.num_rows, np.int64))
    )
    side = side.take(np.asarray(given["answer"].is_valid()) | np.asarray(given["score"].is_valid()))
    return side.take(_own(side.columns, day)) if side.rows else _answered_now(day)


def _own(answered: pa.Table, day: Day) -> np.ndarray:
    """(n,) which answers the version itself gave: another version's, or those of the stand-in, which has none,
    may differ from its own without any drift.
    """
    return np.array([version == day.inputs.version for version in answered["version"].to_pylist()], bool)


def _answered_now(day: Day) -> Side | None:
    """What the version answers to the latest rows, where nothing is on record."""
    rows, predictor, answer = day.inputs.current, day.inputs.predictor, day.watch.answers
    if rows is None or predictor is None or answer is None or day.family.heavy or not rows.num_rows:
        return None
    return side_of(day.family, rows, answer(predictor, rows, day.options))


def answers(day: Day) -> None:
    """Drift of the answers, against those to the held-out rows."""
    inputs, watch = day.inputs, day.watch
    if watch.answers is None or inputs.predictor is None or inputs.held_out is None:
        return
    current = _recorded(day)
    if current is None or not inputs.held_out.num_rows:
        return
    if min(current.rows, inputs.held_out.num_rows) < day.rules.min_rows:
        day.skipped.append(f"Drift of the answers: {current.rows:,} recorded answers are too few.")
        return
    light = getattr(inputs.held_out, "table", inputs.held_out)
    reference = side_of(day.family, light, watch.answers(inputs.predictor, inputs.held_out, day.options))
    day.compared += compare_answers(reference, current, day.rules)


def skewed_answers(day: Day) -> None:
    """Whether recorded answers of the version are those that it gives to the same rows now; pictures, which the
    rows of the last days are without, are not asked about again.
    """
    inputs, watch = day.inputs, day.watch
    if day.family.heavy:
        return
    if watch.predicted is None or watch.answers is None or inputs.current is None or inputs.predictor is None:
        return
    recorded = watch.predicted(inputs.current, day.options)
    ours = _own(recorded, day)
    if ours.sum() < day.rules.min_rows:
        return
    rows = inputs.current.filter(pa.array(ours))
    seen = skew(recorded.filter(pa.array(ours)), watch.answers(inputs.predictor, rows, day.options))
    day.figures.append(Figure("skew", seen.share, rows=seen.rows))
    if seen.skewed:
        day.findings.append(sentences.skewed(day.family, str(inputs.version), seen))
