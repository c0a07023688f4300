"""What a version learned from and was measured on, as the monitor compares with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from models.family import Family
from models.monitoring.inputs import Rules
from storage.datasets.manifest import Manifest
from tasks import monitor_rows as rows
from tasks.options import options_of
from tasks.outcome_rows import Learned, dataset_of, learned_of
from tasks.platform import Platform
from tasks.training_rows import as_of_today


@dataclass(frozen=True)
class Reference:
    """What a version learned from, and is measured on."""

    rows: pa.Table
    held_out: Any
    pictures: pa.Table | None
    learned: Learned


def read_reference(parts: Platform, family: Family, name: str, rules: Rules) -> Reference:
    """What the dataset version called ``name`` has; its latest revision where somebody in it was forgotten.

    Raises:
        DatasetError: it is gone or damaged.
        StoreUnavailable: the object store is away.
    """
    manifest = dataset_of(parts, name)
    if family.heavy:
        return _heavy_reference(parts, family, manifest, rules)
    return _reference(parts, family, manifest, rules)


def _reference(parts: Platform, family: Family, manifest: Manifest, rules: Rules) -> Reference:
    table = as_of_today(parts.datasets.table(manifest), family, manifest.ref.name)
    train, valid, test = family.training_rows(table, options_of(family, parts.settings))
    learned = pa.concat_tables([train, valid]) if train.schema == valid.schema else train
    return Reference(
        rows=rows.sampled(learned, rules.sample_rows, rules.seed),
        held_out=rows.sampled(test, rules.sample_rows, rules.seed),
        pictures=None,
        learned=learned_of(family, table, learned),
    )


def _heavy_reference(parts: Platform, family: Family, manifest: Manifest, rules: Rules) -> Reference:
    options = options_of(family, parts.settings)
    train, valid, _ = family.training_rows(rows.streamed(parts, family, manifest), options)
    learned = pa.concat_tables([train.table, valid.table])
    some_train, _, some_test = family.training_rows(
        rows.streamed(parts, family, rows.thinned(manifest, rules.seed)), options
    )
    return Reference(
        rows=rows.sampled(learned, rules.sample_rows, rules.seed),
        held_out=rows.sampled(some_test, rows.EVALUATED_PICTURES, rules.seed),
        pictures=rows.pictures_of(some_train, rules.seed) if _pictured(family) else None,
        learned=learned_of(family, learned),
    )


def _pictured(family: Family) -> bool:
    return family.watch is not None and family.watch.picture is not None
