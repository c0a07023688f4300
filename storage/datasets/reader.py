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
    store: ObjectStore, manifest: Manifest, columns: Sequence[str] | None = None, *, ahead: bool = True
) -> Iterator[pa.RecordBatch]:
    """The rows in order, a row group at a time; at least one batch, so that the schema is always known.

    Args:
        store: where the parts lie.
        manifest: the version.
        columns: only these.
        ahead: whether the next part is fetched while the rows of this one are used. Who writes them elsewhere
            is busy enough, and needs the memory.

    Raises:
        DatasetError: a column in ``columns`` is not in the version.
        VersionCorrupt: a part is missing or is not what the manifest says; names the version and the part.
    """
    _require_columns(manifest, columns or ())
    if not ahead:
        for part in manifest.parts:
            yield from _decoded(fetch_part(store, manifest.name, part), manifest.name, part, columns)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="dataset-fetch") as fetcher:
        following: Future[pa.Buffer] | None = None
        for part, next_part in zip(manifest.parts, [*manifest.parts[1:], None], strict=True):
            data = following.result() if following else fetch_part(store, manifest.name, part)
            following = fetcher.submit(fetch_part, store, manifest.name, next_part) if next_part else None
            yield from _decoded(data, manifest.name, part, columns)
            del data  # before the next is taken: two parts in memory, not three


def skim_batches(store: ObjectStore, manifest: Manifest, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Some columns of the rows, of which nothing else is fetched: for choosing rows of a version with pictures.

    So the parts' SHA-256 cannot be verified here, only their size. Whoever takes the rows themselves reads them
    with :func:`read_batches`.

    Raises:
        DatasetError: a column in ``columns`` is not in the version.
        VersionCorrupt: a part is missing, has another size, or is no Parquet file.
    """
    _require_columns(manifest, columns)
    for part in manifest.parts:
        yield from skim_part(store, manifest.name, part, columns)


def skim_part(store: ObjectStore, version: str, part: Part, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Some columns of a part's rows, as :func:`skim_batches`."""
    wanted = list(columns)
    try:
        with store.open(part.key) as file:
            if file.seek(0, 2) != part.size:
                raise _corrupt(version, part, f"is not {part.size:,} bytes long")
            file.seek(0)
            parquet = pq.ParquetFile(file, pre_buffer=True)
            for index in range(parquet.num_row_groups):
                yield from parquet.read_row_group(index, columns=wanted).select(wanted).to_batches()
            if parquet.num_row_groups == 0:
                fields = [parquet.schema_arrow.field(name) for name in wanted]
                yield pa.RecordBatch.from_pylist([], schema=pa.schema(fields))
    except ObjectNotFound:
        raise _corrupt(version, part, "is missing") from None
    except (pa.ArrowInvalid, KeyError) as error:
        raise _corrupt(version, part, f"is not a Parquet file of this version ({error})") from None


def read_part(store: ObjectStore, version: str, part: Part) -> Iterator[pa.RecordBatch]:
    """All rows of one part, verified, as :func:`read_batches`; at least one batch."""
    yield from _decoded(fetch_part(store, version, part), version, part, None)


def _require_columns(manifest: Manifest, columns: Sequence[str]) -> None:
    missing = sorted(set(columns) - set(manifest.columns))
    if missing:
        raise DatasetError(
            f"Version {manifest.name} has no column {', '.join(missing)}.",
            hint=f"Columns: {', '.join(manifest.columns)}.",
        )


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
