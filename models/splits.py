"""Which rows may teach and which may test: a stable hash of the entity, and a cut in time.

See docs/decisions/0006-splits.md for why both.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.family import TEST, TRAIN, VALID

#: Shares of entities, in hundredths: [0, 70) train, [70, 85) valid, [85, 100) test.
VALID_FROM, TEST_FROM, BUCKETS = 70, 85, 100
#: Test rows come from the newest stretch of this length, or the newest share of the rows if that is shorter:
#: a long history gives up two weeks only, a short one keeps most of itself to learn from.
TEST_SPAN = timedelta(days=14)
TEST_SHARE = 0.2


def bucket(entity: str, salt: str) -> int:
    """A number in [0, 100) that depends on ``entity`` and ``salt`` alone, on any machine, for ever."""
    digest = hashlib.blake2b(entity.encode(), digest_size=8, key=salt.encode()[:64]).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def assign_split(entities: pa.Array | pa.ChunkedArray, salt: str) -> pa.Array:
    """``train``, ``valid`` or ``test`` for each entity (n,), by a hash of it: one side for ever."""
    encoded = pc.dictionary_encode(entities)
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    names = [
        TRAIN if place < VALID_FROM else VALID if place < TEST_FROM else TEST
        for place in (bucket(str(entity), salt) for entity in encoded.dictionary.to_pylist())
    ]
    return pa.array(names, pa.string()).take(encoded.indices)


def time_cut(times: np.ndarray) -> np.datetime64:
    """The moment that parts what teaches from what tests.

    Args:
        times: (n,) datetime64[us], moments of prediction, n > 0.

    Returns:
        ``TEST_SPAN`` before the newest row, or where the last ``TEST_SHARE`` of the rows begin, if that is
        later.
    """
    ordered = np.sort(times)
    by_span = ordered[-1] - np.timedelta64(TEST_SPAN)
    by_share = ordered[int(len(ordered) * (1 - TEST_SHARE))]
    return max(by_span, by_share)


def rows_by_role(
    examples: pa.Table, *, split: str, time: str, known: str
) -> tuple[pa.Table, pa.Table, pa.Table, np.datetime64 | None]:
    """(train, valid, test, cut) of one dataset version.

    Test rows are those of test entities at or after the cut; train and valid rows are those whose outcome was
    known before it.

    Args:
        examples: rows with the columns named by the other arguments.
        split: column with ``train``, ``valid`` or ``test``.
        time: column with the moment of prediction.
        known: column with the moment at which the outcome was known.
    """
    if not examples.num_rows:
        return examples, examples, examples, None
    times = examples[time].to_numpy().astype("datetime64[us]")
    cut = time_cut(times)
    taught = examples[known].to_numpy().astype("datetime64[us]") < cut
    role = np.asarray(examples[split].to_pylist())
    masks = (taught & (role == TRAIN), taught & (role == VALID), (times >= cut) & (role == TEST))
    train, valid, test = (examples.filter(pa.array(mask)) for mask in masks)
    return train, valid, test, cut
