"""Rows for the monitor out of dataset versions: bounded samples, and streams over a part of a heavy version."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from models.columns import conform, epoch_us
from models.family import Family
from models.streams import RowStream
from storage.datasets.manifest import Manifest
from tasks import building
from tasks.platform import Platform

#: Of rows with pictures fewer are read, and of a version of many gigabytes only some parts.
PICTURE_ROWS, EVALUATED_PICTURES, PART_BYTES = 500, 1000, 512 << 20


def light_schema(family: Family) -> pa.Schema:
    """The family's columns without the heavy ones."""
    return pa.schema([field for field in family.schema if field.name not in family.heavy])


def sampled(rows: Any, limit: int, seed: int) -> Any:
    """At most ``limit`` of ``rows`` (a table or a stream), in their order; the same ones each time."""
    if rows.num_rows <= limit:
        return rows
    keep = np.zeros(rows.num_rows, bool)
    keep[np.random.default_rng(seed).choice(rows.num_rows, limit, replace=False)] = True
    return rows.filter(pa.array(keep))


def oldest(rows: Any, time: str, limit: int) -> Any:
    """The ``limit`` oldest of ``rows`` (a table or a stream) by the column ``time``, in their order."""
    if rows.num_rows <= limit:
        return rows
    keep = np.zeros(rows.num_rows, bool)
    keep[np.argsort(epoch_us(rows[time]).to_numpy(), kind="stable")[:limit]] = True
    return rows.filter(pa.array(keep))


def sample_of(batches: Iterable[pa.RecordBatch], total: int, limit: int, seed: int) -> pa.Table | None:
    """As :func:`sampled` of ``total`` rows that come in batches, of which no more than the sample is kept."""
    chosen = None
    if total > limit:
        chosen = np.sort(np.random.default_rng(seed).choice(total, limit, replace=False))
    kept, start = [], 0
    for batch in batches:
        if chosen is None:
            kept.append(batch)
        else:
            inside = chosen[(chosen >= start) & (chosen < start + batch.num_rows)] - start
            kept.append(batch.take(pa.array(inside)))
        start += batch.num_rows
    return pa.Table.from_batches(kept) if kept else None


def light_rows(
    parts: Platform, family: Family, manifests: Sequence[Manifest], limit: int, seed: int
) -> pa.Table:
    """A sample of the rows of all ``manifests`` without heavy columns, in the family's schema."""
    schema = light_schema(family)

    def batches() -> Iterator[pa.RecordBatch]:
        for manifest in manifests:
            there = [name for name in schema.names if name in manifest.columns]
            for batch in parts.datasets.skim(manifest, there):
                yield from conform(pa.Table.from_batches([batch]), schema).to_batches()

    found = sample_of(batches(), sum(one.rows for one in manifests), limit, seed)
    return schema.empty_table() if found is None else found


def thinned(manifest: Manifest, seed: int, most_bytes: int = PART_BYTES) -> Manifest:
    """``manifest`` with some of its parts only, drawn by ``seed``: at least one, and no more than that size."""
    order = np.random.default_rng(seed).permutation(len(manifest.parts))
    kept: list[int] = []
    size = 0
    for index in map(int, order):
        if kept and size + manifest.parts[index].size > most_bytes:
            continue
        kept.append(index)
        size += manifest.parts[index].size
    chosen = [manifest.parts[index] for index in sorted(kept)]
    return replace(manifest, parts=chosen, rows=sum(part.rows for part in chosen))


def streamed(parts: Platform, family: Family, manifest: Manifest) -> RowStream:
    """The rows of a heavy version as a stream."""
    there = [name for name in light_schema(family).names if name in manifest.columns]
    table = conform(parts.datasets.table(manifest, there), light_schema(family))
    return RowStream(table, lambda: parts.datasets.batches(manifest))


def pictures_of(stream: RowStream, seed: int) -> pa.Table | None:
    """A sample of the rows of ``stream`` with all columns; None: there are none."""
    batches = list(sampled(stream, PICTURE_ROWS, seed).batches())
    return pa.Table.from_batches(batches) if batches else None


def settled(
    parts: Platform, family: Family, days: Sequence[Manifest], start: dt.datetime, end: dt.datetime
) -> building.Build:
    """Rows with outcomes as a verified version would have them: of candidates ``days`` by the decisions of
    before ``end``, or, where every row needs an admin, what was decided in ``start <= t < end``. Days that
    retention has deleted are left out.
    """
    if family.review == "flagged":
        retired = parts.datasets.retired_names(family.name, "candidates")
        there = [one for one in days if one.name not in retired]
        return building.plan_days(parts, family.name, there, end)
    return building.plan_decided(parts, family.name, start, end)


def rows_of(family: Family, build: building.Build) -> Any:
    """The rows of ``build``: a table, or a stream where the family has heavy columns."""
    schema = light_schema(family) if family.heavy else family.schema
    table = pa.Table.from_batches(build.light_rows() if family.heavy else build.rows(), schema)
    return RowStream(table, build.rows) if family.heavy else table
