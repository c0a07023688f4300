"""Importing plain files of videos, from the file to the tables."""

from __future__ import annotations

import csv
import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from cli.main import app
from config.errors import DatabaseUnavailable, InputError
from config.settings import Settings
from models.family import get_family
from storage.database import make_engine, transaction
from storage.imports import list_imports
from tasks.importing import ImportResult, import_file

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HEADER = ["video_id", "taken_at", "views", "likes", "title"]


def line(
    video: str, day: int, views: object = 100, likes: object = 5, title: str = "a day, out"
) -> list[object]:
    return [video, f"2026-03-{day:02d}T00:00:00Z", views, likes, title]


def write(path: Path, rows: list[list[object]], header: list[str] = HEADER) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def do(engine: Engine, path: Path, **options: object) -> ImportResult:
    return import_file(engine, get_family("viral"), path, None, NOW, **options)  # type: ignore[arg-type]


def count(engine: Engine, table: str = "engagement_snapshots") -> int:
    with transaction(engine) as connection:
        return int(connection.execute(text(f"select count(*) from {table}")).scalar_one())


def test_good_rows_are_loaded_and_bad_ones_set_aside_with_number_reason_and_values(
    engine: Engine, tmp_path: Path
) -> None:
    rows = [
        line("a", 1),
        line("", 1),
        line("b", 1, views=-3),
        line("c", 1, views="many"),
        line("d", 1, likes=""),
    ]
    file = write(tmp_path / "videos.csv", [*rows, ["short"]])
    result = do(engine, file)
    assert (result.rows, result.loaded, result.rejected) == (6, 2, 4)
    assert result.rejects_file == tmp_path / "videos.csv.rejected.csv"
    with result.rejects_file.open(newline="") as aside:
        found = list(csv.DictReader(aside))
    assert [row["row"] for row in found] == ["2", "3", "4", "6"]
    assert [row["video_id"] for row in found] == ["", "b", "c", "short"]
    assert all(row["reason"] for row in found)
    assert found[1]["views"] == "-3"


@pytest.mark.parametrize("chunk_rows", [2, 1000])
def test_chunks_make_no_difference_to_what_is_stored_or_rejected(
    engine: Engine, tmp_path: Path, chunk_rows: int
) -> None:
    rows = [line(f"v{n}", 1 + n % 3, views=-1 if n == 5 else n) for n in range(9)]
    result = do(engine, write(tmp_path / "v.csv", rows), chunk_rows=chunk_rows)
    assert (result.rows, result.loaded, result.rejected) == (9, 8, 1)
    assert result.rejects_file is not None
    assert result.rejects_file.read_text().splitlines()[1].startswith("6,")


def test_a_file_imported_again_changes_nothing_and_both_imports_are_on_record(
    engine: Engine, tmp_path: Path
) -> None:
    file = write(tmp_path / "v.csv", [line(f"v{n}", 1) for n in range(20)])
    assert do(engine, file).loaded == 20
    again = do(engine, file)
    assert (again.loaded, again.updated, again.unchanged) == (0, 0, 20)
    assert [(run.source, run.loaded, run.at) for run in list_imports(engine)] == [
        ("v.csv", 0, NOW),
        ("v.csv", 20, NOW),
    ]


def test_two_imports_of_one_file_at_once_end_with_exact_counts(engine: Engine, tmp_path: Path) -> None:
    file = write(tmp_path / "v.csv", [line(f"v{n % 400}", 1 + n // 400) for n in range(2000)])
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(
            lambda name: do(engine, file, rejects=tmp_path / name, chunk_rows=300), ["a", "b"]
        )
    assert one.loaded + other.loaded == 2000 == count(engine)
    assert one.unchanged + other.unchanged == 2000
    assert count(engine, "videos") == 400


@pytest.mark.parametrize("chunk_rows", [1, 100])
def test_of_rows_of_one_video_and_day_the_last_wins_and_the_others_are_told_of(
    engine: Engine, tmp_path: Path, chunk_rows: int
) -> None:
    rows = [line("a", 1, views=1), line("a", 2, views=2), line("a", 1, views=3)]
    result = do(engine, write(tmp_path / "v.csv", rows), chunk_rows=chunk_rows)
    assert (result.loaded, result.repeated + result.rejected) == (2, 1)
    with transaction(engine) as connection:
        views = connection.execute(text("select views from engagement_snapshots order by taken_at")).scalars()
        assert list(views) == [3, 2]


def test_gzip_and_parquet_give_the_same_as_csv(engine: Engine, tmp_path: Path) -> None:
    plain = write(tmp_path / "v.csv", [line(f"v{n}", 1, views=n) for n in range(10)])
    packed = tmp_path / "v.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    parquet = tmp_path / "v.parquet"
    times = pa.array([datetime(2026, 3, 1, tzinfo=UTC)] * 10, pa.timestamp("us", "UTC"))
    pq.write_table(
        pa.table({"video_id": [f"v{n}" for n in range(10)], "taken_at": times, "views": range(10)}), parquet
    )
    assert do(engine, plain).loaded == 10
    assert do(engine, packed).unchanged == 10
    assert do(engine, parquet).unchanged == 10


def test_a_dry_run_says_what_would_happen_and_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    file = write(tmp_path / "v.csv", [line("a", 1), line("b", 1, views=-1)])
    result = do(engine, file, dry_run=True)
    assert (result.loaded, result.rejected, result.dry_run) == (1, 1, True)
    assert count(engine) == count(engine, "import_runs") == 0
    assert result.rejects_file is not None


def test_rejects_of_an_earlier_import_do_not_stay_when_the_file_is_mended(
    engine: Engine, tmp_path: Path
) -> None:
    file = write(tmp_path / "v.csv", [line("a", 1, views=-1)])
    assert do(engine, file).rejects_file is not None
    write(file, [line("a", 1)])
    assert do(engine, file).rejects_file is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["v.csv"]


def test_a_file_that_breaks_off_in_the_middle_loads_nothing(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "v.csv.gz"
    rows = "\n".join(f"v{n},2026-03-01T00:00:00Z,{n * 7919}" for n in range(5000))
    file.write_bytes(gzip.compress(f"video_id,taken_at,views\n{rows}".encode())[:-2000])
    with pytest.raises(InputError, match="broken off"):
        do(engine, file, chunk_rows=100)
    assert count(engine) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["v.csv.gz"]


def test_a_file_of_something_else_is_answered_with_what_it_lacks(engine: Engine, tmp_path: Path) -> None:
    file = write(tmp_path / "tags.csv", [["2026-03-01", "#fyp", 3]], ["date", "name", "count"])
    with pytest.raises(InputError, match=r"lacks .*views"):
        do(engine, file)


def test_rejects_never_go_over_the_file_that_they_come_from(engine: Engine, tmp_path: Path) -> None:
    file = write(tmp_path / "v.csv", [line("a", 1)])
    with pytest.raises(InputError, match="itself"):
        do(engine, file, rejects=file)
    assert file.exists()
    assert count(engine) == 0


def test_rejects_that_cannot_be_written_are_said_before_anything_is_loaded(
    engine: Engine, tmp_path: Path
) -> None:
    file = write(tmp_path / "v.csv", [line("a", 1)])
    with pytest.raises(InputError, match="Rejected rows cannot be written"):
        do(engine, file, rejects=tmp_path / "nowhere" / "r.csv")
    assert count(engine) == 0


def test_the_database_away_is_one_sentence(settings: Settings, tmp_path: Path) -> None:
    engine = make_engine(settings.model_copy(update={"db_port": 1}))
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1:1"):
        do(engine, write(tmp_path / "v.csv", [line("a", 1)]))


def test_the_command_takes_a_mapping_and_prints_json(
    settings: Settings, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("db_host", "db_port", "db_user", "db_name", "assay_home"):
        monkeypatch.setenv(name.upper(), str(getattr(settings, name)))
    assert settings.db_password is not None
    monkeypatch.setenv("DB_PASSWORD", settings.db_password.get_secret_value())
    file = write(tmp_path / "v.csv", [line("a", 1)], ["film", "seen", "watched", "hearts", "name"])
    (tmp_path / "map.yaml").write_text("video_id: film\ntaken_at: seen\ntitle: name\n")
    arguments = [
        "import",
        "viral",
        str(file),
        "--mapping",
        str(tmp_path / "map.yaml"),
        "--map",
        "views=watched",
    ]
    ran = CliRunner().invoke(app, [*arguments, "--map", "likes=hearts", "--json"], catch_exceptions=False)
    assert ran.exit_code == 0
    assert json.loads(ran.stdout)["loaded"] == 1
    with transaction(engine) as connection:
        assert connection.execute(text("select views, likes from engagement_snapshots")).one() == (100, 5)
        assert connection.execute(text("select title from videos")).scalar() == "a day, out"
