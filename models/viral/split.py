"""Which rows train, which calibrate, and which measure: models/splits.py, and what is done with few rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import epoch_us, microseconds, take_rows
from models.splits import rows_by_role
from models.viral.options import ViralOptions

#: Shares of the videos where the stable split leaves a role empty.
VALID_SHARE, TEST_SHARE = 0.15, 0.15


def training_rows(examples: pa.Table, options: ViralOptions) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Rows that are honest to train on, to calibrate by, and to measure with.

    Test rows are those of test videos from the cut in time on; training and validation rows are of other
    videos, and only those whose outcome was known before the cut. Where the examples are too few for that (a
    role stays empty), the videos are cut by time alone: the latest ones test, and of the rows that were
    settled before the first of them the latest videos are for validation.

    A row whose outcome was observed at another horizon than that of ``options`` answers another question, and
    is left out: the setting may have changed since the version was built.
    """
    labelled = take_rows(examples, at_horizon(examples, options))
    *parts, _ = rows_by_role(labelled, split="split", time="taken_at", known="horizon_at")
    if all(part.num_rows for part in parts):
        return parts[0], parts[1], parts[2]
    rest, latest = latest_videos(labelled, TEST_SHARE)
    if rest.num_rows:
        first_question = epoch_us(latest["taken_at"]).to_numpy().min()
        rest = take_rows(rest, epoch_us(rest["horizon_at"]).to_numpy() < first_question)
    return *latest_videos(rest, VALID_SHARE / (1 - TEST_SHARE)), latest


def at_horizon(examples: pa.Table, options: ViralOptions) -> np.ndarray:
    """(n,) whether a row has a label, out of an observation near enough to the horizon."""
    waited = pc.subtract(epoch_us(examples["horizon_at"]), epoch_us(examples["taken_at"]))
    off = pc.abs(pc.subtract(waited, microseconds(options.horizon)))
    near = pc.and_(pc.less_equal(off, microseconds(options.reach)), pc.is_valid(examples["label"]))
    return np.asarray(pc.fill_null(near, False)).astype(bool)


def latest_videos(examples: pa.Table, share: float) -> tuple[pa.Table, pa.Table]:
    """Cut ``examples`` by video in time: (the earlier videos' rows, the rows of the latest ``share``,
    at least one video of several).
    """
    if examples.num_rows == 0:
        return examples, examples
    first_seen = epoch_us(examples["first_seen_at"]).to_numpy()
    videos = examples["video_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    order = np.lexsort((videos, first_seen))
    _, first_rows = np.unique(videos[order], return_index=True)
    ranked = videos[order][np.sort(first_rows)]
    count = min(max(1, round(len(ranked) * share)), len(ranked) - 1)
    held = np.isin(videos, ranked[len(ranked) - count :])
    return take_rows(examples, ~held), take_rows(examples, held)
