"""Reading a version: every part is verified by its SHA-256 before a row of it is given out, in flat memory.

The next part is fetched and hashed by a second thread while the rows of this one are decoded. At most two parts
are in memory, and one decoded row group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq

from config.errors import DatasetError, ObjectNotFound, VersionCorrupt
from storage.datasets.manifest import Manifest, Part
from storage.objects import ObjectStore

READ_BYTES = 1 << 20  # hashed while it is still in the processor's cache


def read_batches(
    store: ObjectStore, manifest: Manifest, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows in order, a row group at a time; at least one batch, so that the schema is always known.

    Raises:
        DatasetError: a column in ``columns`` is not in the version.
        VersionCorrupt: a part is missing or is not what the manifest says; names the version and the part.
    """
    missing = sorted(set(columns or ()) - set(manifest.columns))
    if missing:
        raise DatasetError(
            f"Version {manifest.name} has no column {', '.join(missing)}.",
            hint=f"Columns: {', '.join(manifest.columns)}.",
        )
    with ThreadPoolExecutor(1, thread_name_prefix="dataset-fetch") as fetcher:
        following: Future[pa.Buffer] | None = None
        for part, next_part in zip(manifest.parts, [*manifest.parts[1:], None], strict=True):
            data = following.result() if following else fetch_part(store, manifest.name, part)
            following = fetcher.submit(fetch_part, store, manifest.name, next_part) if next_part else None
            yield from _decoded(data, manifest.name, part, columns)
            del data  # before the next is taken: two parts in memory, not three


def fetch_part(store: ObjectStore, version: str, part: Part) -> pa.Buffer:
    """The bytes of a part, verified. Raises VersionCorrupt."""
    buffer = pa.allocate_buffer(part.size)
    view = memoryview(buffer).cast("B")
    digest = hashlib.sha256()
    filled = 0
    try:
        with store.open(part.key) as file:
            while filled < part.size:
                count = file.readinto(view[filled : filled + READ_BYTES])  # type: ignore[attr-defined]
                if not count:
                    break
                digest.update(view[filled : filled + count])
                filled += count
            longer = bool(file.read(1))
    except ObjectNotFound:
        raise _corrupt(version, part, "is missing") from None
    if filled < part.size or longer:
        raise _corrupt(version, part, f"is not {part.size:,} bytes long")
    if digest.hexdigest() != part.sha256:
        raise _corrupt(version, part, "does not have the SHA-256 that the manifest states")
    return buffer


def _decoded(
    data: pa.Buffer, version: str, part: Part, columns: Sequence[str] | None
) -> Iterator[pa.RecordBatch]:
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
    except pa.ArrowInvalid as error:
        raise _corrupt(version, part, f"is not a Parquet file ({error})") from None
    wanted = list(columns) if columns is not None else file.schema_arrow.names
    for index in range(file.num_row_groups):
        yield from file.read_row_group(index, columns=wanted).select(wanted).to_batches()
    if file.num_row_groups == 0:
        yield from file.schema_arrow.empty_table().select(wanted).to_batches() or [
            pa.RecordBatch.from_pylist([], schema=pa.schema([file.schema_arrow.field(name) for name in wanted]))
        ]


def _corrupt(version: str, part: Part, problem: str) -> VersionCorrupt:
    return VersionCorrupt(
        f"Version {version} is damaged: its part '{part.key}' {problem}.",
        hint="Delete that object and build the version again, or restore it from a backup.",
    )
