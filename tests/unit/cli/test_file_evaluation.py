import gzip
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli.file_evaluation import evaluate_files
from cli.main import app
from config.errors import AssayError, InputError, TrainingError
from config.settings import load_settings
from models.family import get_family

FAMILY = get_family("viral")
OPTIONS = FAMILY.options(load_settings())
RUN = CliRunner()


def daily_rows(videos=220, days=9, first_video=0):
    """A stranger's file: its own names, no time of day, dirt here and there."""
    rng = np.random.default_rng(first_video)
    rows = []
    for number in range(first_video, first_video + videos):
        size, pace = rng.lognormal(12, 1.8), rng.uniform(0.3, 0.9)
        born = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=number // 8)
        for day in range(days):
            views = int(size * (1 - pace ** (day + 1)))
            rows.append(
                {
                    "vid": f"v{number}",
                    "date": f"{born + timedelta(days=day):%Y-%m-%d}",
                    "play_count": str(views),
                }
            )
    return rows


def written(path, rows):
    table = pa.Table.from_pylist(rows)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".gz":
        with gzip.open(path, "wb") as file:
            pv.write_csv(table, file)
    else:
        pv.write_csv(table, path)
    return path


@pytest.fixture
def cut_by_video(tmp_path):
    train = written(tmp_path / "train.parquet", daily_rows(320))
    rows = [
        {"video_id": r["vid"], "trending_date": r["date"], "views": r["play_count"]}
        for r in daily_rows(120, first_video=400)
    ]
    return {"train": train, "test": written(tmp_path / "test.csv.gz", [*rows, {**rows[0], "views": "-1"}])}


def test_files_of_different_shapes_and_formats_are_measured_without_a_flag(cut_by_video):
    args = [f"--{role}={path}" for role, path in cut_by_video.items()]
    done = RUN.invoke(app, ["evaluate", "viral", *args, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["horizon_days"] == 7
    assert found["files"]["test"]["reasons"] == {"views is negative": 1}
    assert set(found["baselines"]) == {"no_growth", "majority"}
    assert (
        set(found["metrics"])
        == set(found["intervals"])
        == {"accuracy", "macro_f1", "log_loss", "calibration_error"}
    )
    assert found["rows"] == found["examples"]["test"] == np.sum(found["confusion"])
    assert found["metrics"]["log_loss"] < found["baselines"]["majority"]["log_loss"]


def test_people_get_tables(cut_by_video):
    args = [f"--{role}={path}" for role, path in cut_by_video.items()]
    done = RUN.invoke(app, ["evaluate", "viral", *args])
    assert done.exit_code == 0, done.output
    for word in ("no growth", "majority class", "Confusion", "Calibration", "views is negative"):
        assert word in done.output


def test_files_cut_by_time_and_too_short_for_the_horizon_get_a_shorter_one_and_a_word_about_it(tmp_path):
    rows = daily_rows(400, days=5)
    files = {
        "train": written(tmp_path / "a.csv", [row for row in rows if row["date"] < "2026-04-05"]),
        "test": written(tmp_path / "b.csv", [row for row in rows if row["date"] >= "2026-04-05"]),
    }
    found = evaluate_files(FAMILY, files, {}, OPTIONS, fixed=False, seed=1)
    assert found.options.horizon_days < 7
    assert any("too few outcomes 7 days" in note for note in found.notes)
    with pytest.raises(InputError, match=r"a.csv gives no train example.*7 days later"):
        evaluate_files(FAMILY, files, {}, OPTIONS, fixed=True, seed=1)


def test_a_horizon_that_was_asked_for_is_kept(cut_by_video):
    args = [f"--{role}={path}" for role, path in cut_by_video.items()]
    done = RUN.invoke(app, ["evaluate", "viral", *args, "--horizon-days", "2", "--json"])
    assert json.loads(done.stdout)["horizon_days"] == 2


def test_columns_can_be_named_for_the_file_that_has_them(tmp_path, cut_by_video):
    rows = [
        {"vid": r["vid"], "date": r["date"], "seen": r["play_count"]} for r in daily_rows(120, first_video=400)
    ]
    files = {**cut_by_video, "test": written(tmp_path / "other.csv", rows)}
    assert evaluate_files(FAMILY, files, {"views": "seen"}, OPTIONS, fixed=False, seed=1).evaluation.rows > 100
    with pytest.raises(InputError, match="No file has the column 'watched'"):
        evaluate_files(FAMILY, files, {"views": "watched"}, OPTIONS, fixed=False, seed=1)


def test_a_file_of_something_else_is_named_with_what_it_lacks(tmp_path, cut_by_video):
    other = written(
        tmp_path / "hashtags.csv", [{"date": "2022-03-24", "kind": "hashtag", "id": "1", "count": "3"}]
    )
    with pytest.raises(InputError, match=r"hashtags.csv: .*lacks.*views"):
        evaluate_files(FAMILY, {**cut_by_video, "test": other}, {}, OPTIONS, fixed=False, seed=1)


def test_a_tiny_file_gets_a_sentence(tmp_path, cut_by_video):
    tiny = written(tmp_path / "tiny.csv", daily_rows(1))
    with pytest.raises(TrainingError, match="training rows with a known outcome; at least"):
        evaluate_files(FAMILY, {**cut_by_video, "train": tiny}, {}, OPTIONS, fixed=False, seed=1)
    nothing = tmp_path / "nothing.csv"
    nothing.write_text("vid,date,play_count\n")
    for role in ("train", "test"):
        with pytest.raises(AssayError, match=f"nothing.csv gives no {role} example"):
            evaluate_files(FAMILY, {**cut_by_video, role: nothing}, {}, OPTIONS, fixed=False, seed=1)
