"""Ten million interactions of a made-up month, for the benchmark of trending."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine, text

from storage.copying import copy_in, cursor
from storage.database import transaction
from storage.event_months import ensure_months

END = datetime(2026, 3, 31, 21, 0, tzinfo=UTC)
DAYS, ITEMS, USERS, CHUNK = 30, 100_000, 300_000, 500_000
KINDS = np.array(["view", "like", "comment", "share", "bookmark", "follow", "skip"])
KIND_SHARES = [0.66, 0.12, 0.03, 0.03, 0.03, 0.01, 0.12]
REGIONS = np.array(["de", "fr", "us", "br"])
#: What a bulk load of a test need not keep up.
_INDEXES = ("events_user_id_at_idx", "events_item_id_at_idx", "events_received_at_idx")


class Month:
    """Zipf items, accounts from busy to rare, and evenings that are busier than nights."""

    def __init__(self, events: int) -> None:
        random = np.random.default_rng(7)
        seconds = random.random(int(events * 1.6)) * DAYS * 86_400
        rhythm = 1 + 0.6 * np.sin((seconds % 86_400) / 86_400 * 2 * np.pi - np.pi / 2)
        kept = seconds[random.random(len(seconds)) * 1.6 < rhythm][:events]
        self.ago = np.sort(kept)[::-1]
        size = len(self.ago)
        self.item = self._zipf(random, ITEMS, 0.9, size)
        self.user = self._zipf(random, USERS, 0.6, size)
        self.kind = random.choice(len(KINDS), size, p=KIND_SHARES)
        self.share = random.random(size).astype(np.float32)
        self.region = (self.user * 7919) % len(REGIONS)

    @staticmethod
    def _zipf(random: np.random.Generator, many: int, power: float, size: int) -> np.ndarray:
        weights = np.cumsum(1 / np.arange(1, many + 1) ** power)
        return random.permutation(many)[np.searchsorted(weights, random.random(size) * weights[-1])]

    def table(self, rows: slice) -> pa.Table:
        """Some rows as ``events`` has them."""
        ago, share = self.ago[rows], self.share[rows]
        at = pa.array(np.datetime64(END.replace(tzinfo=None), "us") - (ago * 1e6).astype("timedelta64[us]"))
        times = at.cast(pa.timestamp("us", "UTC"))
        kind = KINDS[self.kind[rows]]
        return pa.table(
            {
                "id": _named("e", np.arange(rows.start, rows.start + len(ago))),
                "at": times,
                "received_at": times,
                "user_id": _named("user-", self.user[rows]),
                "item_id": _named("video-", self.item[rows]),
                "item_kind": pa.array(["video"] * len(ago)),
                "kind": pa.array(kind),
                "watch_share": pa.array(share, mask=kind != "view"),
                "region": pa.array(REGIONS[self.region[rows]]),
            }
        )

    def before(self, hours: float) -> int:
        """How many rows lie further back than ``hours`` before the end."""
        return int((self.ago > hours * 3600).sum())


def _named(prefix: str, numbers: np.ndarray) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")


def load(engine: Engine, month: Month, start: int, stop: int) -> None:
    """Rows of ``month`` into ``events``, in one transaction."""
    with transaction(engine) as connection, cursor(connection) as cur:
        for low in range(start, stop, CHUNK):
            copy_in(cur, "events", month.table(slice(low, min(low + CHUNK, stop))))


def prepare(engine: Engine) -> None:
    """Partitions without the indexes that only others use, and a catalogue."""
    with transaction(engine) as connection:
        for index in _INDEXES:
            connection.execute(text(f"drop index {index}"))
    ensure_months(engine, {END - timedelta(days=back) for back in range(DAYS + 1)})
    items = pa.table(
        {
            "id": _named("video-", np.arange(ITEMS)),
            "kind": pa.array(["video"] * ITEMS),
            "category": _named("category-", np.arange(ITEMS) % 20),
            "language": _named("language-", np.arange(ITEMS) // 20 % 5),
            "published_at": pa.array([END] * ITEMS),
            "updated_at": pa.array([END] * ITEMS),
        }
    )
    with transaction(engine) as connection, cursor(connection) as cur:
        copy_in(cur, "items", items)
