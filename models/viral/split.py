"""Which rows train, which choose, and which measure: a cut in time, by video, stable for ever."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from models.family import TEST, TRAIN, VALID
from models.viral.options import ViralOptions
from models.viral.schema import epoch_us, take_rows

TRAIN_SHARE, VALID_SHARE, TEST_SHARE = 0.70, 0.15, 0.15


def assign_split(first_seen_us: np.ndarray) -> np.ndarray:
    """(n,) split names by where in its calendar month (UTC) a video was first seen: the first 70 % of the
    month train, the next 15 % valid, the last 15 % test.

    It depends on nothing but the video's own first moment, so a test row stays one in every later version.
    """
    moments = first_seen_us.astype("datetime64[us]")
    months = moments.astype("datetime64[M]")
    start, end = months.astype("datetime64[us]"), (months + 1).astype("datetime64[us]")
    position = (moments - start) / (end - start)
    return np.where(position < TRAIN_SHARE, TRAIN, np.where(position < TRAIN_SHARE + VALID_SHARE, VALID, TEST))


def training_rows(examples: pa.Table, options: ViralOptions) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Rows that are honest to train on, to choose by, and to measure with.

    The test rows are those of the latest month that has some. Training and validation rows are kept only where
    their outcome was known before the first test prediction. Where that leaves one of the three empty (a
    month of data or less), the videos are cut by time anew in the same shares: first the test rows, then,
    among the rows that were settled before them, the validation rows.
    """
    del options  # the outcome's own time tells when it was known
    labelled = examples.filter(examples["label"].is_valid())
    first_seen = epoch_us(labelled["first_seen_at"]).to_numpy()
    split = np.asarray(labelled["split"].to_pylist(), dtype=object)
    test = split == TEST
    if test.any():
        months = first_seen.astype("datetime64[us]").astype("datetime64[M]")
        known = _known_before(labelled, test & (months == months[test].max()))
        parts = tuple(take_rows(labelled, known & (split == name)) for name in (TRAIN, VALID))
        if all(part.num_rows for part in parts):
            return parts[0], parts[1], take_rows(labelled, test & (months == months[test].max()))
    rest, latest = latest_videos(labelled, TEST_SHARE)
    if rest.num_rows:
        rest = take_rows(
            rest, epoch_us(rest["horizon_at"]).to_numpy() < epoch_us(latest["taken_at"]).to_numpy().min()
        )
    return *latest_videos(rest, VALID_SHARE / (TRAIN_SHARE + VALID_SHARE)), latest


def _known_before(examples: pa.Table, questions: np.ndarray) -> np.ndarray:
    """(n,) whether a row's outcome was known before the first of the ``questions`` was asked."""
    first = epoch_us(examples["taken_at"]).to_numpy()[questions].min()
    return epoch_us(examples["horizon_at"]).to_numpy() < first


def latest_videos(examples: pa.Table, share: float) -> tuple[pa.Table, pa.Table]:
    """Cut ``examples`` by video in time: (the earlier videos' rows, the rows of the latest ``share``)."""
    if examples.num_rows == 0:
        return examples, examples
    first_seen = epoch_us(examples["first_seen_at"]).to_numpy()
    videos = examples["video_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    order = np.lexsort((videos, first_seen))
    _, first_rows = np.unique(videos[order], return_index=True)
    ranked = videos[order][np.sort(first_rows)]
    held = np.isin(videos, ranked[len(ranked) - max(1, round(len(ranked) * share)) :])
    return take_rows(examples, ~held), take_rows(examples, held)
