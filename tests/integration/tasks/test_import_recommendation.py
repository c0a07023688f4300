"""Importing interactions and catalogues, from the file to the tables."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.errors import InputError
from models.recommendation.clean import clean
from storage.database import transaction
from storage.items import items, save_items
from tasks.importing import ImportResult, import_file

NOW = datetime(2026, 11, 1, tzinfo=UTC)
FAMILY: Any = SimpleNamespace(name="recommendation", clean=clean)
HEADER = ["userId", "movieId", "rating", "timestamp"]


def write(path: Path, rows: list[list[object]], header: list[str] = HEADER) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def do(engine: Engine, path: Path, **options: Any) -> ImportResult:
    return import_file(engine, FAMILY, path, None, NOW, **options)


def query(engine: Engine, statement: str) -> list[Any]:
    with transaction(engine) as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


RATINGS: list[list[object]] = [
    ["u1", "m1", 4.5, 964982703],
    ["u1", "m2", 3.0, 1445714994],
    ["u2", "m1", 1.0, 1445714996],
    ["u2", "m1", 1.0, 1445714996],
    ["u2", "m3", 4.0, "soon"],
    ["", "m3", 4.0, 1445714996],
    ["u3", "m3", 4.0, 2445714996],
]


def test_good_rows_are_loaded_and_bad_ones_set_aside_with_the_reason(engine: Engine, tmp_path: Path) -> None:
    result = do(engine, write(tmp_path / "ratings.csv", RATINGS), chunk_rows=2)
    assert (result.rows, result.loaded, result.repeated, result.rejected) == (7, 3, 1, 3)
    assert result.rejects_file is not None
    with result.rejects_file.open(newline="") as aside:
        found = {row["row"]: row["reason"] for row in csv.DictReader(aside)}
    assert found == {
        "5": "at is not a date or time",
        "6": "user_id is absent",
        "7": "at lies in the future",
    }
    assert query(engine, "select user_id, item_id, kind, at = received_at from events order by at") == [
        ("u1", "m1", "like", True), ("u1", "m2", "view", True), ("u2", "m1", "skip", True)
    ]  # fmt: skip


def everything(engine: Engine) -> list[Any]:
    return [query(engine, f"select t::text from {table} t order by 1") for table in ("events", "items")]


def test_importing_again_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    file = write(tmp_path / "ratings.csv", RATINGS)
    do(engine, file)
    before = everything(engine)
    again = do(engine, file)
    assert (again.loaded, again.updated, again.unchanged, again.repeated) == (0, 0, 3, 1)
    assert everything(engine) == before


def test_a_dry_run_counts_and_leaves_nothing_not_even_a_month(engine: Engine, tmp_path: Path) -> None:
    result = do(engine, write(tmp_path / "ratings.csv", RATINGS), dry_run=True)
    assert result.loaded == 3
    assert everything(engine) == [[], []]
    assert query(engine, "select count(*) from pg_partition_tree('events') where isleaf") == [(0,)]


def test_an_item_whose_time_nobody_told_is_as_old_as_its_first_interaction(
    engine: Engine, tmp_path: Path
) -> None:
    do(engine, write(tmp_path / "movies.csv", [["m1", "Toy Story", "Fun|Sea"]], ["movieId", "title", "genres"]))
    assert items(engine, ["m1"])["m1"]["published_at"] == NOW
    do(engine, write(tmp_path / "ratings.csv", RATINGS))
    found = items(engine, ["m1", "m2"])
    assert found["m1"]["published_at"] == datetime(2000, 7, 30, 18, 45, 3, tzinfo=UTC)
    assert (found["m1"]["text"], found["m1"]["tags"]) == ("Toy Story", ["Fun", "Sea"])
    assert found["m2"]["published_at"] == datetime.fromtimestamp(1445714994, UTC)


def test_a_catalogue_is_counted_in_items_and_told_anew_by_what_has_changed(
    engine: Engine, tmp_path: Path
) -> None:
    header = ["movieId", "title", "genres"]
    rows: list[list[object]] = [["m1", "One", "a|b"], ["m2", "Two", "(no genres listed)"], ["", "Three", "c"]]
    first = do(engine, write(tmp_path / "movies.csv", rows, header))
    assert (first.loaded, first.updated, first.unchanged, first.rejected) == (2, 0, 0, 1)
    again = do(engine, write(tmp_path / "movies.csv", [["m1", "One", "a|b"], ["m2", "Zwei", ""]], header))
    assert (again.loaded, again.updated, again.unchanged) == (0, 1, 1)
    found = items(engine, ["m1", "m2"])
    assert (found["m1"]["tags"], found["m2"]["tags"]) == (["a", "b"], None)
    assert found["m2"]["text"] == "Zwei"


def test_what_the_product_told_of_an_item_stays_where_the_file_says_nothing(
    engine: Engine, tmp_path: Path
) -> None:
    published = datetime(2015, 1, 1, tzinfo=UTC)
    told = {"item_id": "m1", "author_id": "ann", "text": "Ours", "removed": True, "published_at": published}
    save_items(engine, [told], NOW)
    save_items(engine, [{"item_id": "m2", "kind": "post", "text": "Post"}], NOW)
    do(engine, write(tmp_path / "m.csv", [["m1", "x"], ["m2", "y"]], ["movieId", "genres"]))
    found = items(engine, ["m1", "m2"])
    assert (found["m1"]["text"], found["m1"]["author_id"], found["m1"]["tags"]) == ("Ours", "ann", ["x"])
    assert (found["m1"]["published_at"], found["m1"]["removed_at"]) == (published, NOW)
    assert found["m2"]["tags"] is None, "an id names one thing for ever, and this one a post"


def test_rows_without_a_header_are_imported_where_they_have_a_time(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "u.data"
    file.write_text("196\t242\t3\t881250949\n186\t302\t3\t891717742\n196\t243\t1\t881250950\n")
    assert do(engine, file).loaded == 3
    assert query(engine, "select user_id, item_id from events order by at") == [
        ("196", "242"), ("196", "243"), ("186", "302")
    ]  # fmt: skip


def test_lists_of_items_have_no_time_and_are_told_what_they_are_for(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "train.txt.gz"
    file.write_bytes(gzip.compress(b"0 1 2 3\n1 7\n"))
    with pytest.raises(InputError, match="no time") as told:
        do(engine, file)
    assert "assay evaluate" in str(told.value.hint)


def test_events_of_many_years_come_in_by_one_import(engine: Engine, tmp_path: Path) -> None:
    rows: list[list[object]] = [["u", f"m{n}", 4, 820_000_000 + n * 2_000_000] for n in range(450)]
    assert do(engine, write(tmp_path / "ratings.csv", rows)).loaded == 450
    assert query(engine, "select count(*) from events") == [(450,)]
