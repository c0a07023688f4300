"""Public data as it comes, dirt and all. Skipped where the data are not beside the checkout (ASSAY_DATA)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from config.errors import InputError
from models.family import get_family
from tasks.importing import import_file

DATA = Path(os.environ.get("ASSAY_DATA", Path(__file__).parents[4] / "shared" / "data")) / "viral"
NOW = datetime(2026, 11, 20, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the public data are not here; ASSAY_DATA names them")


def by_day(name: str, folder: Path, share: float = 0.7) -> tuple[Path, Path]:
    """A file cut in time: its first days, and the rest."""
    import pandas as pd

    frame = pd.read_csv(DATA / name, dtype=str, keep_default_na=False)
    days = sorted(frame["date"].unique())
    cut = days[int(len(days) * share)]
    paths = folder / "train.csv", folder / "test.csv"
    frame[frame["date"] < cut].to_csv(paths[0], index=False)
    frame[frame["date"] >= cut].to_csv(paths[1], index=False)
    return paths


@pytest.mark.parametrize(
    ("name", "rows", "rejected"), [("youtube_us_2017.csv.gz", 7994, 5), ("youtube_us_2017_18.csv.gz", 13396, 0)]
)
def test_youtube_files_are_imported_without_a_mapping_and_a_second_time_change_nothing(
    name: str, rows: int, rejected: int, engine: Engine, tmp_path: Path
) -> None:
    family = get_family("viral")
    first = import_file(engine, family, DATA / name, None, NOW, tmp_path / "rejected.csv")
    assert (first.rows, first.rejected, first.loaded) == (rows, rejected, rows - rejected)
    again = import_file(engine, family, DATA / name, None, NOW, tmp_path / "rejected.csv")
    assert (again.loaded, again.updated, again.unchanged) == (0, 0, first.loaded)


def test_a_file_of_hashtags_is_refused_with_what_it_lacks(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="views"):
        import_file(
            engine, get_family("viral"), DATA / "tiktok_discover_2022.csv.gz", None, NOW, tmp_path / "r.csv"
        )


@pytest.mark.parametrize("name", ["youtube_us_2017.csv.gz", "youtube_us_2017_18.csv.gz"])
def test_on_real_videos_the_model_is_better_than_no_growth_beyond_chance(name: str, tmp_path: Path) -> None:
    train, test = by_day(name, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "cli", "evaluate", "viral", "--horizon-days", "3", "--json",
         "--train", str(train), "--test", str(test)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["loss_below"]["no_growth"]["low"] > 0
    assert found["metrics"]["macro_f1"] > found["baselines"]["no_growth"]["macro_f1"]
