"""Rows of a dataset version as arrays: the catalogue, and who liked what how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import epoch_us, take_rows
from models.recommendation.catalogue import NO_TIME_US, UNKNOWN, Catalogue, Names, title
from models.recommendation.options import RecommendationOptions
from models.recommendation.question import ITEM_KINDS
from models.recommendation.questions import interactions_of, items_of, weights_of

#: A trend is what happened within so many half-lives of this length, the newest most.
TREND_HALF_LIFE_US = 12 * 3_600_000_000
LONGEST_TREND = 4


@dataclass(frozen=True)
class World:
    """What there is to learn from.

    Attributes:
        catalogue: all items that occur, those that are only described too.
        described: for each item what is known of its content, as mappings.
        liked: (users, items) csr, ``log2(1 + sum of weights)`` where that sum is positive.
        users: names, in the order of the rows.
    """

    catalogue: Catalogue
    described: list[Mapping[str, Any]]
    liked: Any
    users: list[str]


def world_of(examples: pa.Table, options: RecommendationOptions) -> World:
    """The world that ``examples`` tell of."""
    events = interactions_of(examples)
    items = _newest_descriptions(items_of(examples))
    ids = _ids(events, items)
    place = {name: at for at, name in enumerate(ids)}
    columns = _codes(events["item_id"], place)
    encoded = events["user_id"].combine_chunks().dictionary_encode()
    rows = np.asarray(encoded.indices)
    weights = weights_of(events, options)
    described = _described(items, place, len(ids))
    return World(
        catalogue=_catalogue(ids, events, columns, weights, rows, described),
        described=described,
        liked=_matrix(rows, columns, weights, (len(encoded.dictionary), len(ids))),
        users=encoded.dictionary.to_pylist(),
    )


def _newest_descriptions(items: pa.Table) -> pa.Table:
    last = {name: row for row, name in enumerate(items["item_id"].to_pylist())}
    return take_rows(items, np.array(sorted(last.values()), np.int64))


def _ids(events: pa.Table, items: pa.Table) -> list[str]:
    both = pa.concat_arrays([events["item_id"].combine_chunks(), items["item_id"].combine_chunks()])
    return sorted(pc.unique(both).to_pylist())


def _codes(column: Any, place: Mapping[str, int]) -> np.ndarray:
    encoded = column.combine_chunks().dictionary_encode()
    codes = np.array([place[name] for name in encoded.dictionary.to_pylist()], np.int64)
    return codes[np.asarray(encoded.indices)] if len(encoded) else np.zeros(0, np.int64)


def _matrix(rows: np.ndarray, columns: np.ndarray, weights: np.ndarray, shape: tuple[int, int]) -> Any:
    from scipy.sparse import csr_array

    total = csr_array((weights, (rows, columns)), shape=shape)  # repeated pairs add up
    total.data = np.log2(1 + np.maximum(total.data, 0))
    total.eliminate_zeros()
    total.sort_indices()
    return total


def _described(items: pa.Table, place: Mapping[str, int], count: int) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = [{}] * count
    plain = items.set_column(items.schema.get_field_index("published_at"), "published_us",
                             epoch_us(items["published_at"]))  # fmt: skip
    names = (
        "item_id",
        "item_kind",
        "author_id",
        "text",
        "tags",
        "category",
        "language",
        "published_us",
        "removed",
    )
    for row in plain.select(list(names)).to_pylist():
        found[place[row["item_id"]]] = row
    return found


def _catalogue(
    ids: list[str],
    events: pa.Table,
    columns: np.ndarray,
    weights: np.ndarray,
    users: np.ndarray,
    described: list[Mapping[str, Any]],
) -> Catalogue:
    count = len(ids)
    at = epoch_us(events["at"]).to_numpy()
    kinds = np.zeros(count, np.int8)
    told = pc.index_in(events["item_kind"], value_set=pa.array(ITEM_KINDS)).to_numpy()
    kinds[columns] = told
    for row, item in enumerate(described):
        if item:
            kinds[row] = ITEM_KINDS.index(item["item_kind"])
    popularity = np.bincount(columns, weights=np.maximum(weights, 0), minlength=count)
    pairs = np.unique(columns * (users.max(initial=0) + 1) + users)
    known_by = np.bincount(pairs // (users.max(initial=0) + 1), minlength=count)
    names = {name: _names(described, name) for name in ("author_id", "category", "language")}
    return Catalogue(
        ids=tuple(ids),
        kinds=kinds,
        authors=names["author_id"][1],
        categories=names["category"][1],
        languages=names["language"][1],
        published=np.array([_or(item.get("published_us"), NO_TIME_US) for item in described], np.int64),
        popularity=popularity.astype(np.float32),
        trend=_trend(columns, at, np.maximum(weights, 0), count),
        users=known_by.astype(np.int32),
        alive=np.array([not item.get("removed") for item in described], bool),
        titles=tuple(title(item.get("text")) for item in described),
        author_names=names["author_id"][0],
        category_names=names["category"][0],
        language_names=names["language"][0],
    )


def _or(value: Any, instead: Any) -> Any:
    return instead if value is None else value


def _names(described: list[Mapping[str, Any]], column: str) -> tuple[Names, np.ndarray]:
    values = [item.get(column) for item in described]
    names = Names(tuple(sorted({value for value in values if value is not None})))
    return names, np.array([names.code(value) if value is not None else UNKNOWN for value in values], np.int32)


def _trend(columns: np.ndarray, at: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """(n,) recent weighted interactions, the newest most, as a share of the greatest; zero without times."""
    if not len(at) or at.min() == at.max():
        return np.zeros(count, np.float32)
    age = (at.max() - at) / TREND_HALF_LIFE_US
    recent = age < LONGEST_TREND
    strength = np.bincount(columns[recent], weights=(weights * 0.5**age)[recent], minlength=count)
    return np.asarray(strength / max(strength.max(initial=0.0), 1e-12), np.float32)
