"""Writing the parts of a version: rows in, content-named Parquet objects out, in flat memory.

Rows are gathered to parts of a fixed size; each is encoded, hashed and uploaded by one of two threads (or one,
for who reads as much at the same time) while the next is gathered. So the store does not wait for the encoder,
nor the encoder for the store, and no byte goes through a temporary file. At most three parts are in memory.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue

import pyarrow as pa
import pyarrow.compute as pc

from config.errors import DatasetError, ObjectNotFound
from storage.datasets.chunking import RowGroup, row_groups
from storage.datasets.encoding import encode, roomy
from storage.datasets.manifest import Part
from storage.datasets.naming import part_key
from storage.objects import ObjectStore

#: A part is closed by the row group that brings its values to this size; stored, it is smaller where LZ4 helps.
PART_BYTES = 128 << 20
WORKERS = 2


@dataclass
class Written:
    """What came out: the parts in order, and rows by class and by split."""

    parts: list[Part] = field(default_factory=list)
    classes: Counter[str] = field(default_factory=Counter)
    split: Counter[str] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """Rows of all parts."""
        return sum(part.rows for part in self.parts)


class PartWriter:
    """Writes the parts of one version.

    Args:
        series: ``family/stage/period``, under which the parts lie.
        known: keys that a manifest names already; a part that turns out to be one of them, and is there, is not
            written again. Any other part is, even when it is there: that makes it young, and the clean-up
            leaves it alone.
        part_bytes: the size at which a part is closed.
        workers: threads that encode and upload; each holds up to two parts.
    """

    def __init__(
        self,
        store: ObjectStore,
        series: str,
        *,
        known: Collection[str] = (),
        part_bytes: int = PART_BYTES,
        workers: int = WORKERS,
    ) -> None:
        self._store = store
        self._series = series
        self._known = known
        self._part_bytes = part_bytes
        self._workers = workers

    def write(
        self,
        batches: Iterable[pa.RecordBatch],
        schema: pa.Schema,
        *,
        label: str | None,
        split: str | None,
        **grouping: int,
    ) -> Written:
        """Write all rows; without any, one part without rows (so that the schema is kept).

        Raises:
            DatasetError: the rows do not fit ``schema``.
            StoreError: the store failed; the parts written so far are orphans that a new run makes use of.
        """
        _require_columns(schema, label, split)
        written = Written()
        pending: deque[Future[Part]] = deque()
        buffers: SimpleQueue[pa.Buffer | None] = SimpleQueue()
        for _ in range(self._workers):
            buffers.put(None)
        with ThreadPoolExecutor(self._workers, thread_name_prefix="dataset-part") as pool:
            for groups in self._gathered(row_groups(batches, schema, **grouping)):
                for group in groups:
                    _count(group, label, written.classes)
                    _count(group, split, written.split)
                if len(pending) == self._workers:
                    written.parts.append(pending.popleft().result())
                    pa.default_memory_pool().release_unused()
                pending.append(pool.submit(self._make, groups, schema, buffers))
            written.parts += [part.result() for part in pending]
        return written

    def _gathered(self, groups: Iterable[RowGroup]) -> Iterator[deque[pa.RecordBatch]]:
        """The row groups of each part; of a single one without any where there are no rows."""
        part: deque[pa.RecordBatch] = deque()
        size = 0
        for group in groups:
            if size >= self._part_bytes:
                yield part
                part, size = deque(), 0
            part.append(group.rows)
            size += group.size
        yield part

    def _make(
        self, groups: deque[pa.RecordBatch], schema: pa.Schema, buffers: SimpleQueue[pa.Buffer | None]
    ) -> Part:
        rows = sum(group.num_rows for group in groups)
        buffer = buffers.get()
        try:
            buffer = roomy(buffer, groups, schema)
            data = encode(groups, schema, buffer)
            digest = hashlib.sha256(data).hexdigest()
            key = part_key(self._series, digest)
            if not (key in self._known and self._is_there(key, data.size)):
                self._store.put(key, memoryview(data))
            return Part(key=key, size=data.size, rows=rows, sha256=digest)
        finally:
            buffers.put(buffer)

    def _is_there(self, key: str, size: int) -> bool:
        try:
            return self._store.stat(key).size == size
        except ObjectNotFound:
            return False


def _require_columns(schema: pa.Schema, *names: str | None) -> None:
    for name in names:
        if name is not None and name not in schema.names:
            raise DatasetError(
                f"There is no column '{name}' to count.", hint=f"Columns: {', '.join(schema.names)}."
            )


def _count(group: pa.RecordBatch, column: str | None, counts: Counter[str]) -> None:
    if column is None:
        return
    for entry in pc.value_counts(group.column(column)).to_pylist():
        if entry["values"] is not None:
            counts[str(entry["values"])] += entry["counts"]
