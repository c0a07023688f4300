"""Forgetting somebody who made items, and acted on those of others."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from config.settings import Settings
from models.family import get_family
from storage.database import transaction
from storage.recommendation_lists import MadeList, save_lists
from tasks import building, forgetting
from tasks.forgetting import Forgotten, forget, look
from tasks.importing import import_file
from tasks.platform import Platform
from tests.recommendation_world import DAYS, START, interactions, things, write

AT = START + dt.timedelta(days=DAYS + 3)
DAY = (START + dt.timedelta(days=12)).date()
MONTH = f"{START:%Y-%m}"
#: Whoever made most of what happened that day is the author; the user acted on it.
AUTHOR, USER = "music-author-0", "u02"


def everything(parts: Platform) -> str:
    with transaction(parts.engine) as connection:
        names = connection.scalars(
            text("select tablename from pg_tables where schemaname in ('public', 'event_months')")
        ).all()
        found = [
            connection.scalars(text(f"select t::text from {schema(name)}{name} t")).all() for name in names
        ]
    return "\n".join(row for rows in found for row in rows)


def schema(table: str) -> str:
    return "event_months." if table[:1] in "my" and table[1:5].isdigit() else ""


def load(parts: Platform, path: Path) -> None:
    import_file(parts.engine, get_family("recommendation"), path, None, AT)


@pytest.fixture
def face_settings(face_settings: Settings, mlflow_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_url)
    monkeypatch.setattr(forgetting, "SPOOL_SECONDS", 0.2)
    return face_settings.model_copy(update={"mlflow_tracking_uri": mlflow_url})


@pytest.fixture
def world(platform_parts: Platform, tmp_path: Path) -> Platform:
    """A day that is collected, and the versions of its month."""
    from tasks.collection import publish_candidates
    from tasks.datasets import publish_full, publish_verified

    rows = [row for row in interactions() if row["at"] < (START + dt.timedelta(days=14)).isoformat()]
    at = f"{DAY}T12:00:00+00:00"
    follow = dict.fromkeys(rows[0], "") | {
        "user_id": "u07", "item_id": AUTHOR, "item_kind": "user", "kind": "follow", "at": at,
    }  # fmt: skip
    load(platform_parts, write(tmp_path / "world.csv", [*rows, follow]))
    publish_candidates.fn("recommendation", DAY)
    publish_verified.fn("recommendation", MONTH)
    publish_full.fn("recommendation", MONTH)
    entries = [{"id": one.id} for one in things()]
    lists = [
        MadeList("u09", "video", entries[:1], [frozenset()]),
        MadeList(USER, "video", entries, [frozenset()] * len(entries)),
    ]
    save_lists(platform_parts.engine, lists, AT, "1", settings=platform_parts.settings)
    return platform_parts


def do(parts: Platform, person: str) -> Forgotten:
    return forget(parts, person, by="ada", reason=None, at=AT)


def full(parts: Platform) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = parts.datasets.table(
        parts.datasets.find(f"recommendation/full/{MONTH}")
    ).to_pylist()
    return found


def test_what_a_user_did_goes_from_tables_and_versions_and_what_others_did_stays(world: Platform) -> None:
    before = full(world)
    assert any(row["user_id"] == USER for row in before)
    assert do(world, USER).complete
    assert f",{USER}," not in everything(world)
    assert full(world) == [row for row in before if row["user_id"] != USER]


def test_with_an_author_go_their_items_and_what_others_did_with_these(world: Platform) -> None:
    theirs = {one.id for one in things() if one.told["author_id"] == AUTHOR} | {AUTHOR}
    before = full(world)
    assert {row["kind"] for row in before if row["item_id"] in theirs} >= {"item", "view", "follow"}
    tags = [row["tags"] for row in before if row["kind"] == "item" and row["item_id"] not in theirs]
    assert any(len(one) == 2 for one in tags if one is not None)

    assert do(world, AUTHOR).complete

    assert AUTHOR not in everything(world)
    after = full(world)
    assert after == [row for row in before if row["item_id"] not in theirs and row["user_id"] != AUTHOR]
    assert [row["tags"] for row in after if row["kind"] == "item"] == tags
    assert look(world, AUTHOR) == []


def test_an_import_that_brings_them_again_is_not_collected(world: Platform, tmp_path: Path) -> None:
    from tasks.collection import publish_candidates

    do(world, AUTHOR)
    do(world, USER)
    name = f"recommendation/candidates/{DAY}"
    kept = world.datasets.table(world.datasets.find(name))
    load(world, tmp_path / "world.csv")
    day = publish_candidates.fn("recommendation", DAY)
    assert day["dropped"]["of forgotten users"] > 2
    assert world.datasets.table(world.datasets.find(name)).to_pylist() == kept.to_pylist()


def test_what_waits_on_disk_about_their_items_goes_too(world: Platform) -> None:
    theirs = next(one.id for one in things() if one.told["author_id"] == AUTHOR)
    folder = world.settings.home / "services" / "recommendation" / "events"
    lines = [
        b'{"user_id": "u01", "item_id": "%s", "kind": "like"}\n' % one.encode()
        for one in (theirs, "elsewhere", AUTHOR)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "0001-1-aa.jsonl").write_bytes(b"".join(lines))
    do(world, AUTHOR)
    assert (folder / "0001-1-aa.jsonl").read_bytes() == lines[1]


def test_what_a_month_would_change_can_be_looked_at(world: Platform) -> None:
    """Versions with a column of lists are compared like any other."""
    found = building.preview(world, "recommendation", MONTH)
    assert found["full"]["change"]["added"] == found["full"]["change"]["removed"] == 0
    assert found["full"]["change"]["unchanged"] == found["full"]["rows"] > 0
