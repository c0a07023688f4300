"""Real rows as the monitor reads them: trending videos of YouTube, and the same with their days permuted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cli.file_evaluation import read_rows
from models.columns import TIME, epoch_us, take_rows
from models.family import get_family
from models.monitoring.inputs import DayInputs, Rules
from models.monitoring.side import DAY_US
from models.viral.examples import build
from models.viral.options import ViralOptions

#: The reference, and what came then.
SETS = ("youtube_us_2017.csv.gz", "youtube_us_2017_18.csv.gz")
#: Share of the permuted days that is the reference.
REFERENCE = 0.7


def real_rows(name: str) -> pa.Table | None:
    """Examples of a file, outcomes or not; None: it is not on this machine."""
    folder = Path(os.environ.get("ASSAY_DATA", Path(__file__).parents[2] / "shared" / "data")) / "viral"
    if not (folder / name).is_file():
        return None
    snapshots = read_rows(get_family("viral"), folder / name, {}).table
    return build(snapshots, snapshots, ViralOptions()).sort_by("taken_at")


def permuted(rows: pa.Table, rules: Rules, seed: int) -> Iterator[DayInputs]:
    """Quiet days of ``rows``: whole days change places, with all times of their rows; the first are the
    reference.
    """
    rng = np.random.default_rng(seed)
    moments = epoch_us(rows["taken_at"]).to_numpy()
    _, number = np.unique(moments // DAY_US, return_inverse=True)
    count = int(number.max()) + 1
    places = rng.permutation(count)[number]
    shift = pa.array(places * DAY_US + moments % DAY_US - moments)
    for name in ("taken_at", "published_at"):
        place = rows.schema.get_field_index(name)
        times = pc.add(epoch_us(rows[name]), shift)
        rows = rows.set_column(place, rows.schema.field(place), times.cast(TIME))
    first = int(count * REFERENCE)
    reference = take_rows(rows, places < first)
    for at in range(first + rules.window_days - 1, count):
        inside = (places > at - rules.window_days) & (places <= at)
        yield DayInputs(
            day=date(1970, 1, 1) + timedelta(days=at), reference=reference, current=take_rows(rows, inside)
        )
