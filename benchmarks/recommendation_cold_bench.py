"""Cold start on MovieLens: users of whom nothing or little is known, and movies that nobody has rated.

Movies are described by ``movies.csv``: title and genres. Tags are left out, since people gave them later.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.recommendation_data import FILES, FOLDER, MOVIES, OPTIONS, SEED, TOP, clean_rows, rows_by_role
from models.columns import TIME, epoch_us, take_rows
from models.comparison import compare_losses
from models.family import TEST, TRAIN
from models.recommendation import FAMILY
from models.recommendation.evaluation import Lists, lists_of, popular_lists
from models.recommendation.examples import describe_items
from models.recommendation.predictor import questions_of
from models.recommendation.questions import interactions_of, questions
from models.splits import bucket

FOLDS = 5
#: So many of a new user's first ratings are known.
KNOWN = (0, 1, 3)
#: The share of the movies that nobody has rated yet, in hundredths.
NEW_SHARE = 20
_YEAR = re.compile(r"\((\d{4})\)")
_USERS, _MOVIES = "benchmark cold users", "benchmark cold movies"


def run() -> list[dict[str, Any]]:
    """The rows of this benchmark: Recall@20 for cold users and of cold items, and what content adds."""
    if not MOVIES.is_file():
        note = "the data are not on this machine (ASSAY_DATA)"
        return [{"figure": "cold start", "ours": None, "other": None, "ratio": None, "unit": "", "note": note}]
    movies = _movies()
    return [*_cold_users(movies), *_cold_items(movies), *_with_content(movies)]


def _movies() -> pa.Table:
    """All movies as examples that describe items, published in the year of their title."""
    rows = clean_rows(MOVIES)
    years = [_YEAR.search(text or "") for text in rows["text"].to_pylist()]
    moments = [datetime(int(year[1]) if year else 1990, 1, 1, tzinfo=UTC) for year in years]
    return describe_items(
        pa.table(
            {
                "id": rows["item_id"],
                "kind": rows["item_kind"],
                "text": rows["text"],
                "tags": rows["tags"],
                "published_at": pa.array(moments, TIME),
            }
        )
    )


def _cold_users(movies: pa.Table) -> list[dict[str, Any]]:
    """Each fifth of the users is new to a model fitted to the others."""
    rows = clean_rows(FOLDER / FILES["movielens_small"][0])
    fold = np.array([bucket(user, _USERS) % FOLDS for user in rows["user_id"].to_pylist()])
    found: dict[int, list[tuple[Lists, Lists]]] = {known: [] for known in KNOWN}
    for number in range(FOLDS):
        examples = FAMILY.examples_from_rows(
            {TRAIN: take_rows(rows, fold != number), TEST: take_rows(rows, fold == number)}, OPTIONS
        )
        train = pa.concat_tables([examples["train"], movies])
        predictor: Any = FAMILY.fit(train, examples["valid"], OPTIONS, {}, SEED)
        theirs = _as_events(take_rows(rows, fold == number))
        rank = _rank(theirs)
        for known in KNOWN:
            asked = questions(
                take_rows(theirs, rank < known), take_rows(theirs, rank >= known), examples["train"], OPTIONS,
                at_us=None, split=TEST,
            )  # fmt: skip
            found[known].append((lists_of(predictor, asked), popular_lists(predictor, asked)))
    return [_user_row(known, lists) for known, lists in found.items()]


def _user_row(known: int, lists: list[tuple[Lists, Lists]]) -> dict[str, Any]:
    ours, other = (np.concatenate([pair[side].recall for pair in lists]) for side in (0, 1))
    users = np.concatenate([pair[0].users for pair in lists])
    gain = compare_losses(1 - other, 1 - ours, users, seed=SEED)
    note = f"{len(ours)} users; ours more by {gain.difference:.4f} [{gain.low:.4f}, {gain.high:.4f}]"
    return _row(f"Recall@20: MovieLens, new users, {known} ratings known; popularity", ours.mean(),
                other.mean(), note)  # fmt: skip


def _cold_items(movies: pa.Table) -> list[dict[str, Any]]:
    """A fifth of the movies is taken out of the training: content alone can reach them."""
    parts = rows_by_role("movielens_small")
    new = {role: _is_new(rows) for role, rows in parts.items()}
    examples = FAMILY.examples_from_rows(
        {TRAIN: take_rows(parts[TRAIN], ~new[TRAIN]), TEST: take_rows(parts[TEST], ~new[TEST])}, OPTIONS
    )
    train = pa.concat_tables([examples["train"], movies])
    predictor: Any = FAMILY.fit(train, examples["valid"], OPTIONS, {}, SEED)
    before = interactions_of(pa.concat_tables([examples["train"], examples["valid"]]))
    after = _as_events(take_rows(parts[TEST], new[TEST]))
    asked = questions(before, after, movies, OPTIONS, at_us=None, split=TEST)
    lists = lists_of(predictor, asked)
    ids = sorted(name for name in movies["item_id"].to_pylist() if bucket(name, _MOVIES) < NEW_SHARE)
    chosen = _recall_among(predictor, asked, ids)
    chance = TOP / len(ids)
    low, high = np.quantile(_means(chosen), [0.025, 0.975])
    return [
        _row("Recall@20: MovieLens, movies that nobody rated, in lists of all; popularity", lists.recall.mean(),
             0.0, f"{len(asked)} users; {len(ids):,} such movies, which popularity never lists"),
        _row("Recall@20: the same among those movies alone; chance", chosen.mean(), chance,
             f"ours [{low:.4f}, {high:.4f}]"),
    ]  # fmt: skip


def _with_content(movies: pa.Table) -> list[dict[str, Any]]:
    """The contest of the last fifths again, with what the movies are about."""
    from benchmarks.recommendation_bench import ranker_note

    examples = FAMILY.examples_from_rows(rows_by_role("movielens_small"), OPTIONS)
    plain: Any = FAMILY.fit(examples["train"], examples["valid"], OPTIONS, {}, SEED)
    train = pa.concat_tables([examples["train"], movies])
    told: Any = FAMILY.fit(train, examples["valid"], OPTIONS, {}, SEED)
    ours, other = (lists_of(one, examples["test"]) for one in (told, plain))
    gain = compare_losses(1 - other.ndcg, 1 - ours.ndcg, ours.users, seed=SEED)
    note = f"{gain.difference:+.4f} [{gain.low:.4f}, {gain.high:.4f}]; {ranker_note(told.info)}"
    return [
        _row("NDCG@20: MovieLens with title and genres; without", ours.ndcg.mean(), other.ndcg.mean(), note)
    ]


def _as_events(rows: pa.Table) -> pa.Table:
    """Clean rows as examples, out of the family's own hands."""
    return interactions_of(FAMILY.examples_from_rows({TRAIN: rows.slice(0, 0), "valid": rows,
                                                      TEST: rows.slice(0, 0)}, OPTIONS)["valid"])  # fmt: skip


def _rank(events: pa.Table) -> np.ndarray:
    """(n,) the how manieth of its user each is in time, from 0."""
    users = np.asarray(events["user_id"].combine_chunks().dictionary_encode().indices)
    order = np.lexsort((np.arange(len(users)), epoch_us(events["at"]).to_numpy(), users))
    sizes = np.bincount(users)
    rank = np.empty(len(users), np.int64)
    rank[order] = np.arange(len(users)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return rank


def _is_new(rows: pa.Table) -> np.ndarray:
    return np.array([bucket(name, _MOVIES) < NEW_SHARE for name in rows["item_id"].to_pylist()])


def _recall_among(predictor: Any, asked: pa.Table, ids: list[str]) -> np.ndarray:
    """(q,) recall of the first 20 of ``ids`` as they are ranked for each user."""
    truths = [set(names) for names in asked["truth"].to_pylist()]
    found = []
    for question, truth in zip(questions_of(asked, TOP), truths, strict=True):
        ranked = [
            answer["id"] for answer in predictor.rank(question, ids) if answer["id"] not in question.exclude
        ]
        found.append(len(truth & set(ranked[:TOP])) / len(truth))
    return np.array(found)


def _means(values: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(SEED)
    return values[rng.integers(0, len(values), (2000, len(values)))].mean(axis=1)


def _row(figure: str, ours: float, other: float, note: str) -> dict[str, Any]:
    return {
        "figure": figure,
        "ours": float(ours),
        "other": float(other),
        "ratio": None,
        "unit": "",
        "note": note,
    }
