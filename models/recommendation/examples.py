"""What the platform knows, to examples: a row for each interaction, and one for each item that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import TIME, conform, take_rows
from models.family import TEST, TRAIN, VALID, Window
from models.recommendation.options import RecommendationOptions
from models.recommendation.questions import interactions_of, questions
from models.recommendation.schema import EXAMPLE_SCHEMA, ITEM, ITEM_FIELDS

#: Where interactions have no time, they are all of this moment, and those of a test file of a day later.
NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)
#: More interactions of one user in a day than this are those of a machine: an admin looks at them first.
INHUMAN = 3_000
#: Without a file for it, this share of each user's interactions (the latest, where they have times) validates.
VALID_OF_TRAIN = 0.1
_ITEM_COLUMNS = [field.name for field in ITEM_FIELDS if field.name not in ("removed", "published_at")]


def source_span(window: Window, options: RecommendationOptions) -> Window:  # noqa: ARG001 - the contract's
    """The window itself: an interaction is its own outcome."""
    return window


def collect(sources: Mapping[str, pa.Table], window: Window, options: RecommendationOptions) -> pa.Table:
    """Examples of a window, ordered by their key: interactions that came in, and the items they are about.

    Args:
        sources: ``interactions`` and ``items``, as ``storage/sources/recommendation.py`` reads them.
        window: half-open span of ``received_at``.
        options: of the family.
    """
    del window, options
    events = _interactions(sources["interactions"])
    items = describe_items(sources["items"])
    return pa.concat_tables([events, items]).sort_by([("event_id", "ascending")])


def describe_items(items: pa.Table) -> pa.Table:
    """Catalogue rows (``id``, ``kind`` and what describes them) as examples of the kind ``item``. What an item
    is was known when it was published.
    """
    columns: dict[str, Any] = {name: items[name] for name in _ITEM_COLUMNS if name in items.column_names}
    ids = items["id"]
    removed = items["removed_at"] if "removed_at" in items.column_names else pa.nulls(len(ids), TIME)
    columns |= {
        "event_id": pc.binary_join_element_wise("item:", ids.cast(pa.string()), ""),
        "user_id": pc.coalesce(items["author_id"], ids) if "author_id" in columns else ids,
        "at": items["published_at"],
        "known_at": items["published_at"],
        "published_at": items["published_at"],
        "item_id": ids,
        "item_kind": items["kind"],
        "kind": _constant(ITEM, len(ids)),
        "removed": pc.is_valid(removed),
        "source": _constant("catalogue", len(ids)),
        "label": _constant(ITEM, len(ids)),
        "split": _constant(TRAIN, len(ids)),
    }
    return conform(pa.table(columns), EXAMPLE_SCHEMA)


def examples_from_rows(rows: Mapping[str, pa.Table], options: RecommendationOptions) -> dict[str, pa.Table]:
    """Examples by role out of plain files' clean rows (``train``, ``test``, and maybe ``valid``).

    The test becomes questions: what each user did in the other files is known, and new items of the test file
    are looked for. Without a file for it, ``valid`` is the latest tenth of each user's training rows, or where
    nothing has a time, any tenth.
    """
    roles = [role for role in (TRAIN, VALID, TEST) if role in rows]
    examples = {role: _from_file(rows[role], role) for role in roles}
    if VALID not in examples:
        examples[TRAIN], examples[VALID] = _hold_out(examples[TRAIN])
    known = pa.concat_tables([examples[TRAIN], examples[VALID]])
    examples[TEST] = questions(
        interactions_of(known), interactions_of(examples[TEST]), known, options, at_us=None, split=TEST
    )
    return examples


def _from_file(rows: pa.Table, role: str) -> pa.Table:
    count = rows.num_rows
    moments = _column(rows, "at", TIME)
    instead = pa.scalar(NO_TIME + timedelta(days=int(role == TEST)), TIME)
    at = pc.coalesce(moments, instead)
    keys = pa.array([f"{role}-{place}" for place in range(count)], pa.string())
    events = conform(
        pa.table(
            {
                **{name: rows[name] for name in ("user_id", "item_id", "item_kind", "kind")},
                "event_id": keys,
                "at": at,
                "known_at": at,
                "watch_share": _column(rows, "watch_share", pa.float32()),
                "region": _column(rows, "region", pa.string()),
                "source": _constant("file", count),
                "label": rows["kind"],
                "split": _constant(role, count),
            }
        ),
        EXAMPLE_SCHEMA,
    )
    return pa.concat_tables([events, _items_of_file(rows, at)])


def _items_of_file(rows: pa.Table, at: Any) -> pa.Table:
    """A description of each item that the rows of a file tell something of: that of its last row."""
    told = [name for name in (*_ITEM_COLUMNS, "published_at") if name in rows.column_names]
    described = np.zeros(rows.num_rows, bool)
    for name in told:
        described |= rows[name].is_valid().to_numpy()
    if not described.any():
        return EXAMPLE_SCHEMA.empty_table()
    some = take_rows(rows.append_column("seen_at", at), described)
    ids = some["item_id"].to_pylist()
    last = take_rows(some, np.array(sorted({name: place for place, name in enumerate(ids)}.values())))
    first = some.group_by("item_id").aggregate([("seen_at", "min")])
    earliest = dict(zip(first["item_id"].to_pylist(), first["seen_at_min"].to_pylist(), strict=True))
    seen = pa.array([earliest[name] for name in last["item_id"].to_pylist()], TIME)
    published = pc.coalesce(_column(last, "published_at", TIME), seen)
    table = pa.table(
        {
            **{name: last[name] for name in _ITEM_COLUMNS if name in told},
            "id": last["item_id"],
            "kind": last["item_kind"],
            "published_at": published,
        }
    )
    return describe_items(table)


def _hold_out(rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """(train, valid): the last rows of each user validate; of users with few rows, none do."""
    events = interactions_of(rows)
    at = events["at"].cast(pa.int64()).to_numpy()
    users = np.asarray(events["user_id"].combine_chunks().dictionary_encode().indices)
    # in the order of time; where there is none, in an order that says nothing
    order = np.lexsort((_noise(len(users)), at, users))
    sizes = np.bincount(users) if len(users) else np.zeros(0, np.int64)
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(len(order)) - np.repeat(starts, sizes)
    held = np.zeros(len(order), bool)
    held[order] = rank >= np.repeat(sizes - (sizes * VALID_OF_TRAIN).astype(np.int64), sizes)
    items = rows.filter(pc.equal(rows["kind"], ITEM))
    return pa.concat_tables([take_rows(events, ~held), items]), take_rows(events, held)


def _noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).random(count)


def _interactions(table: pa.Table) -> pa.Table:
    count = table.num_rows
    users = table["user_id"].combine_chunks().dictionary_encode()
    many = np.bincount(np.asarray(users.indices), minlength=1) > INHUMAN if count else np.zeros(1, bool)
    inhuman = many[np.asarray(users.indices)] if count else np.zeros(0, bool)
    reason = f"more than {INHUMAN:,} interactions of one user in a day"
    return conform(
        pa.table(
            {
                **{
                    name: table[name]
                    for name in (
                        "user_id", "at", "item_id", "item_kind", "kind", "watch_share", "region",
                        "predicted_version",
                    )
                },
                "event_id": table["id"],
                "known_at": table["received_at"],
                "source": _constant("event", count),
                "label": table["kind"],
                "flag": pa.array([reason if odd else None for odd in inhuman.tolist()], pa.string()),
                "split": _constant(TRAIN, count),
            }
        ),
        EXAMPLE_SCHEMA,
    )  # fmt: skip


def _constant(value: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), count)


def _column(table: pa.Table, name: str, kind: pa.DataType) -> Any:
    return table[name] if name in table.column_names else pa.nulls(table.num_rows, kind)
