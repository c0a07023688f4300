"""Which rows train, which calibrate, and which measure: models/splits.py, and what is done with few rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.errors import InputError
from models.columns import epoch_us, take_rows
from models.ctr.options import CtrOptions
from models.family import TEST, TRAIN
from models.splits import BUCKETS, bucket, rows_by_role

#: Part of every entity's side for ever: not to be changed.
SPLIT_SALT = "ctr"
#: Another hash than that: a file is cut for one measurement.
FILE_SALT = "ctr file"
#: Shares of the entities where the stable split leaves a role empty.
VALID_SHARE, TEST_SHARE = 0.15, 0.15
#: Share of one file's rows that measures, in ``assay evaluate --table``.
FILE_TEST_SHARE = 0.25


def training_rows(
    examples: pa.Table,
    options: CtrOptions,  # noqa: ARG001 - the contract's
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Rows that are honest to train on, to calibrate by, and to measure with.

    Test rows are those of test entities from the cut in time on; training and validation rows are of other
    entities, and only those whose counts were final before the cut. Where that leaves a role empty, entities
    are cut by time alone: the latest ones test, and of what was final before the first of them the latest
    validate. Where that does too (all of one time), they are cut by their hash.
    """
    shown = pc.greater(examples["impressions"], 0)
    usable = examples.filter(pc.and_(shown, pc.is_valid(examples["label"])))
    *parts, _ = rows_by_role(usable, split="split", time="at", known="known_at")
    if all(part.num_rows for part in parts):
        return parts[0], parts[1], parts[2]
    rest, latest = latest_entities(usable, TEST_SHARE)
    if rest.num_rows:
        rest = take_rows(rest, epoch_us(rest["known_at"]).to_numpy() < epoch_us(latest["at"]).to_numpy().min())
    train, valid = latest_entities(rest, VALID_SHARE / (1 - TEST_SHARE))
    if train.num_rows and valid.num_rows:
        return train, valid, latest
    rest, test = hashed_entities(usable, TEST_SHARE)
    return *hashed_entities(rest, VALID_SHARE / (1 - TEST_SHARE)), test


def latest_entities(examples: pa.Table, share: float) -> tuple[pa.Table, pa.Table]:
    """Cut ``examples`` by entity in time: (rows of the earlier ones, rows of the latest ``share``)."""
    if not examples.num_rows:
        return examples, examples
    codes, names = _entities(examples)
    first = np.full(len(names), np.iinfo(np.int64).max)
    np.minimum.at(first, codes, epoch_us(examples["at"]).to_numpy())
    return _held_out(examples, codes, np.lexsort((_places(names), first)), share)


def hashed_entities(examples: pa.Table, share: float) -> tuple[pa.Table, pa.Table]:
    """Cut ``examples`` by entity in the order of a hash: (the first ones' rows, the last ``share``)."""
    if not examples.num_rows:
        return examples, examples
    codes, names = _entities(examples)
    return _held_out(examples, codes, np.argsort(_places(names), kind="stable"), share)


def cut_rows(rows: pa.Table, by: str) -> dict[str, pa.Table]:
    """One file's clean rows by role: ``group`` gives a quarter of the groups (of the clips, where there is
    none) to the test, by a hash; ``time`` the spans that began last, about a quarter of the rows.

    Raises:
        InputError: there is nothing to cut by; the message says what is lacking.
    """
    if by == "time":
        known = pc.is_valid(rows["started_at"]).to_numpy()
        if not known.any():
            raise InputError("The rows have no time to cut by.", hint="Cut them by group, or map a time.")
        moments = np.where(
            known, pc.fill_null(epoch_us(rows["started_at"]), 0).to_numpy(), np.iinfo(np.int64).min
        )
        late = moments >= np.sort(moments[known])[int(known.sum() * (1 - FILE_TEST_SHARE))]
        if late.all():
            raise InputError("All rows are of one time.", hint="Cut them by group.")
        return {TRAIN: take_rows(rows, ~late), TEST: take_rows(rows, late)}
    encoded = pc.coalesce(rows["group_id"], rows["clip_id"]).combine_chunks().dictionary_encode()
    places = np.array([bucket(str(name), FILE_SALT) for name in encoded.dictionary.to_pylist()])
    held = places[encoded.indices.to_numpy()] < BUCKETS * FILE_TEST_SHARE
    if held.all() or not held.any():
        raise InputError("The rows are of too few groups to cut by.", hint="Cut them by time.")
    return {TRAIN: take_rows(rows, ~held), TEST: take_rows(rows, held)}


def _entities(examples: pa.Table) -> tuple[np.ndarray, list[str]]:
    encoded = examples["entity"].combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy(), [str(name) for name in encoded.dictionary.to_pylist()]


def _places(names: list[str]) -> np.ndarray:
    """(n,) rank of each name by a hash of it: an order that nobody has chosen."""
    keys = [(bucket(name, SPLIT_SALT), name) for name in names]
    ranks = np.empty(len(names), np.int64)
    ranks[sorted(range(len(names)), key=keys.__getitem__)] = np.arange(len(names))
    return ranks


def _held_out(
    examples: pa.Table, codes: np.ndarray, order: np.ndarray, share: float
) -> tuple[pa.Table, pa.Table]:
    count = min(max(1, round(len(order) * share)), len(order) - 1)
    held = np.isin(codes, order[len(order) - count :])
    return take_rows(examples, ~held), take_rows(examples, held)
