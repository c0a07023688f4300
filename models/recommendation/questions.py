"""Questions that measure: what was known of a user at a moment, and which new items the time after brought."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import TIME, take_rows
from models.recommendation.options import KINDS, RecommendationOptions
from models.recommendation.schema import ITEM, QUESTION_SCHEMA
from models.splits import bucket

#: An interaction that weighs as much is one that a recommendation should have found.
LEAST_WEIGHT = 0.5
#: More users than this are not asked about: figures are sharp enough by then.
MOST_QUESTIONS = 30_000
_SALT = "recommendation questions"


def interactions_of(examples: pa.Table) -> pa.Table:
    """The rows that are interactions."""
    return examples.filter(pc.not_equal(examples["kind"], ITEM))


def items_of(examples: pa.Table) -> pa.Table:
    """The rows that describe an item."""
    return examples.filter(pc.equal(examples["kind"], ITEM))


def weights_of(interactions: pa.Table, options: RecommendationOptions) -> np.ndarray:
    """(n,) what each interaction says of its user's taste, undecayed; a view is worth the share watched."""
    encoded = interactions["kind"].combine_chunks().dictionary_encode()
    weights = np.array([options.weights[name] for name in encoded.dictionary.to_pylist()], dtype=np.float64)
    found = weights[np.asarray(encoded.indices)] if len(encoded) else np.zeros(0)
    shares = interactions["watch_share"].to_numpy().astype(np.float64)
    views = np.asarray(pc.equal(interactions["kind"], "view"))
    return np.where(views & np.isfinite(shares), found * shares, found)


def questions(
    before: pa.Table,
    after: pa.Table,
    known: pa.Table,
    options: RecommendationOptions,
    *,
    at_us: int | None,
    split: str,
    most: int = MOST_QUESTIONS,
) -> pa.Table:
    """One question (a row of ``QUESTION_SCHEMA``) for each user and kind of item with something to find.

    What is to be found are items of ``after`` that weigh at least ``LEAST_WEIGHT``, that were known before, and
    that the user has not seen within the options' window. Of more than ``most`` users those are asked about
    whose hash comes first.

    Args:
        before: interactions that are known at the moment of the question.
        after: interactions of the time after.
        known: all rows known before: items that occur nowhere in them cannot be found by anybody.
        options: weights, and how long a history is.
        at_us: moment of the questions, in microseconds since 1970. None: each user's own, just before the first
            of their interactions of the time after; whatever they did before then counts as seen, and is
            excluded from the answers.
        split: value of the column of that name.
        most: how many users.
    """
    if not after.num_rows:
        return QUESTION_SCHEMA.empty_table()
    wanted = take_rows(after, weights_of(after, options) >= LEAST_WEIGHT)
    wanted = wanted.select(["user_id", "item_id", "item_kind", "at"])
    wanted = wanted.filter(pc.is_in(wanted["item_id"], value_set=pc.unique(known["item_id"].combine_chunks())))
    since = -np.inf if at_us is None else at_us - options.seen.total_seconds() * 1e6
    seen = _seen(before, since)
    if seen.num_rows:
        wanted = wanted.join(seen, ["user_id", "item_id"], join_type="left anti", use_threads=False)
    users = _chosen(wanted, most)
    wanted = wanted.filter(pc.is_in(wanted["user_id"], value_set=users))
    if not wanted.num_rows:
        return QUESTION_SCHEMA.empty_table()
    histories = Histories(before.filter(pc.is_in(before["user_id"], value_set=users)), options.remembered)
    asked = wanted.group_by(["user_id", "item_kind"], use_threads=False).aggregate(
        [("item_id", "distinct"), ("at", "min")]
    )
    asked = asked.sort_by([("user_id", "ascending"), ("item_kind", "ascending")])
    names = asked["user_id"].to_pylist()
    rows = [histories.of(user) for user in names]
    count = asked.num_rows
    exclude = _by_user(seen, users) if at_us is None else {}
    return pa.table(
        {
            "user_id": asked["user_id"],
            "at": asked["at_min"] if at_us is None else pa.repeat(pa.scalar(at_us), count).cast(TIME),
            "item_kind": asked["item_kind"],
            **{name: pa.array([row[name] for row in rows], QUESTION_SCHEMA.field(name).type) for name in _KEPT},
            "exclude": pa.array([exclude.get(user) for user in names], pa.list_(pa.string())),
            "region": pa.array([row["region"] for row in rows], pa.string()),
            "language": pa.nulls(count, pa.string()),
            "category": pa.nulls(count, pa.string()),
            "truth": asked["item_id_distinct"],
            "split": pa.repeat(pa.scalar(split, pa.string()), count),
        },
        schema=QUESTION_SCHEMA,
    )


_KEPT = ("history_items", "history_kinds", "history_at", "history_shares")


class Histories:
    """The newest interactions of each user, the newest first."""

    def __init__(self, interactions: pa.Table, most: int) -> None:
        encoded = interactions["user_id"].combine_chunks().dictionary_encode()
        self._place = {name: code for code, name in enumerate(encoded.dictionary.to_pylist())}
        users = np.asarray(encoded.indices)
        at = interactions["at"].cast(pa.int64()).to_numpy()
        order = np.lexsort((np.arange(len(users)), -at, users))
        self._starts = np.searchsorted(users[order], np.arange(len(self._place) + 1))
        self._most = most
        ordered = take_rows(interactions, order)
        self._items, self._kinds, self._regions = (
            ordered[name].to_pylist() for name in ("item_id", "kind", "region")
        )
        self._shares = ordered["watch_share"].to_pylist()
        self._at = at[order].tolist()

    def of(self, user: str) -> dict[str, Any]:
        """The columns of a question that tell of ``user``; of a stranger they are empty."""
        code = self._place.get(user)
        first = last = 0
        if code is not None:
            first = int(self._starts[code])
            last = min(int(self._starts[code + 1]), first + self._most)
        return {
            "history_items": self._items[first:last],
            "history_kinds": self._kinds[first:last],
            "history_at": self._at[first:last],
            "history_shares": self._shares[first:last],
            "region": next((name for name in self._regions[first:last] if name), None),
        }


def kind_codes(kinds: Any) -> np.ndarray:
    """(n,) codes, in the order of ``KINDS``, of an Arrow column of kinds of interactions."""
    return np.asarray(pc.index_in(kinds.combine_chunks(), value_set=pa.array(KINDS)).to_numpy(False))


def _seen(before: pa.Table, since_us: float) -> pa.Table:
    """Users and what they have seen since then, each pair once."""
    recent = take_rows(before, before["at"].cast(pa.int64()).to_numpy() > since_us)
    pairs = recent.select(["user_id", "item_id"])
    return pairs.group_by(["user_id", "item_id"], use_threads=False).aggregate([])


def _by_user(seen: pa.Table, users: pa.Array) -> dict[str, list[str]]:
    theirs = seen.filter(pc.is_in(seen["user_id"], value_set=users))
    lists = theirs.group_by("user_id", use_threads=False).aggregate([("item_id", "list")])
    return dict(zip(lists["user_id"].to_pylist(), lists["item_id_list"].to_pylist(), strict=True))


def _chosen(wanted: pa.Table, most: int) -> pa.Array:
    users = pc.unique(wanted["user_id"].combine_chunks())
    if len(users) <= most:
        return users
    ranked = sorted(users.to_pylist(), key=lambda name: (bucket(name, _SALT), name))
    return pa.array(ranked[:most], pa.string())
