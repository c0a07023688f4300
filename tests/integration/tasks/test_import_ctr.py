"""Importing plain files of counts, from the file to the tables."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from cli.main import app
from config.errors import InputError
from config.settings import Settings
from models.ctr.options import CtrOptions
from models.family import get_family
from storage.clip_bulk import load_outcomes
from storage.clips import clip_inputs, save_clips
from storage.database import transaction
from storage.imports import list_imports
from tasks.importing import ImportResult, import_file
from tests.ctr_world import DAY, START, outcomes

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HEADER = ["clip_id", "day", "impressions", "clicks", "creator", "headline", "face", "score"]


def line(
    clip: str, day: int, shown: object = 100, clicked: object = 5, title: object = "Hello"
) -> list[object]:
    return [clip, f"2026-03-{day:02d}", shown, clicked, "anna", title, "yes", 0.5]


def write(path: Path, rows: list[list[object]], header: list[str] = HEADER) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def do(engine: Engine, path: Path, as_of: datetime = NOW, **options: Any) -> ImportResult:
    return import_file(engine, get_family("ctr"), path, None, as_of, **options)


def query(engine: Engine, statement: str) -> list[Any]:
    with transaction(engine) as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_good_rows_are_loaded_and_bad_ones_set_aside_with_number_and_reason(
    engine: Engine, tmp_path: Path
) -> None:
    rows = [line("a", 1), line("a", 2), line("b", 1, clicked=101), line("c", 1, shown="x"), line("d", 40)]
    result = do(engine, write(tmp_path / "counts.csv", rows))
    assert (result.rows, result.loaded, result.rejected) == (5, 2, 3)
    assert result.rejects_file is not None
    with result.rejects_file.open(newline="") as aside:
        found = {row["row"]: row["reason"] for row in csv.DictReader(aside)}
    assert found == {
        "3": "there are more clicks than impressions",
        "4": "impressions is not a whole number",
        "5": "day is not a date or time",
    }
    stored = query(
        engine, "select clip_id, started_at, ended_at, known_at, revision from clip_outcomes order by 2"
    )
    assert stored[0] == ("a", START, START + DAY, START + DAY, 1)
    clips = query(engine, "select id, known_at, creator_id, title, has_face, composite_score from clips")
    assert clips == [("a", START, "anna", "Hello", True, 0.5)]
    assert [run.loaded for run in list_imports(engine, "ctr")] == [2]


@pytest.mark.parametrize("chunk_rows", [3, 1000])
def test_importing_a_file_again_changes_nothing(engine: Engine, tmp_path: Path, chunk_rows: int) -> None:
    rows = [line(f"c{n % 4}", 1 + n // 4, title=f"T{n // 6}") for n in range(16)]
    file = write(tmp_path / "counts.csv", rows)
    first = do(engine, file, chunk_rows=chunk_rows)
    before = query(engine, "select * from clips order by 1, 2"), query(engine, "select * from clip_outcomes")
    again = do(engine, file, chunk_rows=chunk_rows)
    assert (first.loaded, first.unchanged) == (16, 0)
    assert (again.loaded, again.updated, again.unchanged) == (0, 0, 16)
    assert before == (
        query(engine, "select * from clips order by 1, 2"),
        query(engine, "select * from clip_outcomes"),
    )


def test_devices_are_kept_apart_also_where_the_first_import_told_none(engine: Engine, tmp_path: Path) -> None:
    header = [*HEADER, "key", "device_type"]
    untold, told = (
        write(tmp_path / f"{name}.csv", [[*line("a", 1), "k-1", kind], [*line("a", 2), "k-2", kind]], header)
        for name, kind in (("untold", ""), ("told", "tv"))
    )
    assert do(engine, untold).loaded == 2
    again = do(engine, told)
    assert (again.loaded, again.updated, again.unchanged) == (0, 0, 2)

    keyless = [*HEADER, "device_type"]
    both = write(tmp_path / "both.csv", [[*line("b", 1), "tv"], [*line("b", 1), "phone"]], keyless)
    assert (do(engine, both).loaded, do(engine, both).unchanged) == (2, 2)
    stored = query(engine, "select clip_id, device from clip_outcomes order by clip_id, device")
    assert stored == [("a", None), ("a", None), ("b", "phone"), ("b", "tv")]

    restated = [*line("a", 1, clicked=9), "k-1", "tv"]
    assert do(engine, write(tmp_path / "restated.csv", [restated], header)).updated == 1
    assert query(engine, "select device, clicks from clip_outcomes where key = 'k-1' and revision = 2") == [
        ("tv", 9)
    ]
    other = write(tmp_path / "other.csv", [[*line("a", 1), "k-1", "phone"]], header)
    with pytest.raises(InputError, match="another clip, span, placement, audience or device"):
        do(engine, other)


def test_a_dry_run_says_what_would_be_and_keeps_nothing(engine: Engine, tmp_path: Path) -> None:
    result = do(engine, write(tmp_path / "counts.csv", [line("a", 1), line("b", 1)]), dry_run=True)
    assert (result.loaded, result.dry_run) == (2, True)
    assert query(engine, "select count(*) from clips") == [(0,)]


def test_what_is_told_of_a_clip_holds_until_it_is_told_otherwise(engine: Engine, tmp_path: Path) -> None:
    titles = {1: "First", 2: None, 3: "Second", 4: "Second", 5: None}
    do(engine, write(tmp_path / "counts.csv", [line("a", day, title=title) for day, title in titles.items()]))
    assert [title for (title,) in query(engine, "select title from clips order by known_at")] == [
        "First",
        "Second",
    ]
    inputs = [clip_inputs(engine, ["a"], START + n * DAY, timedelta(1))["a"]["title"] for n in range(5)]
    assert inputs == ["First", "First", "Second", "Second", "Second"]


def test_an_import_adds_to_what_the_service_was_told_and_takes_nothing_away(
    engine: Engine, tmp_path: Path
) -> None:
    save_clips(engine, [{"clip_id": "a", "language": "en", "title": "Old"}], START - DAY)
    do(engine, write(tmp_path / "counts.csv", [line("a", 1, title=None), line("a", 3, title="New")]))
    found = [clip_inputs(engine, ["a"], START + n * DAY, timedelta(1))["a"] for n in (-1, 0, 2)]
    assert [one["title"] for one in found] == ["Old", "Old", "New"]
    assert [one["creator_id"] for one in found] == [None, "anna", "anna"]
    assert {one["language"] for one in found} == {"en"}


def test_restated_counts_are_known_from_the_import_on(engine: Engine, tmp_path: Path) -> None:
    do(engine, write(tmp_path / "first.csv", [line("a", 1), line("a", 2)]))
    later = NOW + 3 * DAY
    result = do(engine, write(tmp_path / "second.csv", [line("a", 1, clicked=50), line("a", 2)]), later)
    assert (result.loaded, result.updated, result.unchanged) == (0, 1, 1)
    found = query(
        engine, "select revision, clicks, known_at from clip_outcomes where started_at = '2026-03-01'"
    )
    assert found == [(1, 5, START + DAY), (2, 50, later)]
    maturity = CtrOptions().maturity
    counts = [clip_inputs(engine, ["a"], at, maturity)["a"]["clip_clicks"] for at in (later - DAY, later)]
    assert counts == [10, 55]


def test_a_key_that_stands_for_another_span_stops_the_import_and_is_named(
    engine: Engine, tmp_path: Path
) -> None:
    header = [*HEADER, "key"]
    do(engine, write(tmp_path / "first.csv", [[*line("a", 1), "k1"]], header))
    with pytest.raises(InputError, match="'k1' stands for another"):
        do(engine, write(tmp_path / "second.csv", [[*line("b", 1), "k0"], [*line("a", 2), "k1"]], header))
    assert query(engine, "select key from clip_outcomes") == [("k1",)]


def test_a_file_without_clips_or_days_says_what_it_lacks(engine: Engine, tmp_path: Path) -> None:
    file = write(tmp_path / "counts.csv", [["x", 5, 1]], ["headline", "impressions", "clicks"])
    with pytest.raises(InputError, match="no time") as told:
        do(engine, file)
    assert "day=COLUMN" in str(told.value.hint)


def test_an_import_by_command_is_as_good_as_by_function(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    file = write(tmp_path / "counts.csv", [line("a", 1)], [*HEADER[:3], "taps", *HEADER[4:]])
    password = settings.db_password.get_secret_value() if settings.db_password else ""
    environment = {
        "ASSAY_HOME": str(settings.home), "DB_HOST": str(settings.db_host), "DB_PORT": str(settings.db_port),
        "DB_USER": settings.db_user, "DB_PASSWORD": password, "DB_NAME": settings.db_name,
    }  # fmt: skip
    asked = ["import", "ctr", str(file), "--map", "clicks=taps", "--json"]
    result = CliRunner().invoke(app, asked, env=environment)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["loaded"] == 1


def test_a_table_in_memory_is_loaded_as_a_file_is(engine: Engine) -> None:
    table = outcomes(clips=5, days=4)
    loaded = load_outcomes(engine, table, NOW)
    assert (loaded.inserted, loaded.repeated) == (table.num_rows, 0)
    with pytest.raises(InputError, match="no clip_id"):
        load_outcomes(engine, table.drop(["clip_id"]), NOW)
    with pytest.raises(InputError, match="no column wrong"):
        load_outcomes(engine, table.append_column("wrong", table["title"]), NOW)
