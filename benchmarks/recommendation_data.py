"""Real interactions for the recommendation benchmark, by way of the family's own reading and cleaning."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from models.family import TEST, TRAIN, VALID
from models.recommendation import FAMILY
from models.recommendation.options import RecommendationOptions
from models.recommendation.questions import LEAST_WEIGHT, weights_of

FOLDER = Path(os.environ.get("ASSAY_DATA", Path(__file__).parents[2] / "shared" / "data")) / "recommendation"
OPTIONS = RecommendationOptions()
SEED = 7
TOP = 20
#: Files to learn from and to measure on. MovieLens is one file: the last fifth of each user measures.
FILES = {
    "gowalla": ("gowalla/train.txt.gz", "gowalla/valid.txt.gz"),
    "lastfm": ("lastfm/data1.txt", "lastfm/test1.txt"),
    "movielens_small": ("movielens_small/ratings.csv.gz", None),
}
MOVIES = FOLDER / "movielens_small" / "movies.csv"


@dataclass(frozen=True)
class Contest:
    """What a contender may know, and what is to be found: (users, items) csr of ones, in the order of names.

    ``liked`` is what was positive, ``seen`` all that was there and must not come again, ``wanted`` what users
    did next, the same for everybody, items that nobody could know included.
    """

    users: np.ndarray
    items: np.ndarray
    liked: Any
    seen: Any
    wanted: Any


def clean_rows(path: Path) -> pa.Table:
    """The good rows of a file, in the family's import schema."""
    from tasks.plain_files import read_chunks

    raw = pa.concat_tables([chunk.table for chunk in read_chunks(path)])
    good, rejected = FAMILY.clean(raw, None, None)
    if rejected:
        raise AssertionError(f"{len(rejected)} rows of {path.name} were refused: {rejected[0].reason}")
    return good


def rows_by_role(name: str) -> dict[str, pa.Table]:
    """Clean rows to learn from and to measure on."""
    train, test = FILES[name]
    rows = clean_rows(FOLDER / train)
    if test is None:
        if FAMILY.cut_rows is None:
            raise AssertionError("the family cuts no rows")
        return FAMILY.cut_rows(rows, "time")
    return {TRAIN: rows, TEST: clean_rows(FOLDER / test)}


def all_rows(name: str) -> dict[str, pa.Table]:
    """All rows, to learn from: what measures above validates here, and there is no test."""
    parts = rows_by_role(name)
    return {TRAIN: parts[TRAIN], VALID: parts[TEST], TEST: parts[TEST].slice(0, 0)}


def contest(rows: dict[str, pa.Table]) -> Contest:
    """The rows as matrices."""
    from scipy.sparse import csr_array

    both = pa.concat_tables([rows[TRAIN], rows[TEST]])
    (users, user), (items, item) = (
        np.unique(both[name].to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
        for name in ("user_id", "item_id")
    )
    weight = weights_of(both, OPTIONS)
    train = np.arange(len(user)) < rows[TRAIN].num_rows

    def matrix(chosen: np.ndarray) -> Any:
        shape = (len(users), len(items))
        found = csr_array((np.ones(chosen.sum(), np.float32), (user[chosen], item[chosen])), shape=shape)
        found.data[:] = 1
        return found

    seen = matrix(train)
    wanted = matrix(~train & (weight >= LEAST_WEIGHT))
    wanted = csr_array(wanted - wanted.multiply(seen))
    wanted.eliminate_zeros()
    return Contest(users, items, matrix(train & (weight > 0)), seen, wanted)


def measured(lists: np.ndarray, wanted: Any) -> tuple[np.ndarray, np.ndarray]:
    """(u,) Recall@20 and (u,) NDCG@20 of (u, 20) lists of places (-1: none), as LightGCN defines them.

    Args:
        lists: of the users who have something to be found, in their order.
        wanted: (users, items) csr.
    """
    asked = np.flatnonzero(np.diff(wanted.indptr))
    sizes = np.diff(wanted.indptr)[asked]
    keys = np.repeat(np.arange(len(asked)), sizes) * wanted.shape[1] + wanted[asked].indices
    hits = np.isin(np.arange(len(asked))[:, None] * wanted.shape[1] + lists, keys) & (lists >= 0)
    discount = 1 / np.log2(np.arange(2, TOP + 2))
    best = np.cumsum(discount)[np.minimum(sizes, TOP) - 1]
    return hits.sum(axis=1) / sizes, hits @ discount / best
