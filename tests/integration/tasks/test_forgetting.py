"""Forgetting a person: no byte of them stays, and everybody else is as before."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import insert, text
from typer.testing import CliRunner

from cli.main import app
from config.errors import DatabaseError, InputError, VersionErased
from config.settings import Settings
from models.family import Mistake
from models.viral.schema import EXAMPLE_SCHEMA as VIRAL_SCHEMA
from registry.plots import shown_in_mistakes
from storage import reviews, tables
from storage.bulk import load_snapshots
from storage.database import advisory_guard, transaction
from storage.erasure import is_erased
from storage.retention import STORE_LOCK
from storage.reviews import candidate_key
from tasks import building, forgetting
from tasks.forgetting import Forgotten, forget, look
from tasks.gold import add_gold
from tasks.platform import Platform
from tests.photo_world import Shot, photo_store, portrait, take
from tests.viral_world import snapshots

DAY, NEXT_DAY = dt.date(2026, 10, 2), dt.date(2026, 10, 3)
DECIDED = dt.datetime(2026, 10, 20, 9, tzinfo=dt.UTC)
AT = dt.datetime(2026, 12, 1, 1, tzinfo=dt.UTC)
PERSON, OTHER = "anna-7c1f", "bob-22"


def at_noon(day: dt.date, minute: int = 0) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(12, minute), dt.UTC)


class World:
    """Two people's photos in every place: candidates, verified, full, gold, tables and queues."""

    def __init__(self, parts: Platform, folder: Path) -> None:
        self.parts = parts
        self.folder = folder
        self.hers = {f"{PERSON}/{n}.jpg": portrait(40 + n) for n in range(3)}
        self.his = {f"{OTHER}/{n}.jpg": portrait(80 + n) for n in range(3)}
        self.gold = {"hers": portrait(140), "his": portrait(141)}
        self.services = parts.settings.home / "services"

    def fill(self) -> None:
        from tasks.collection import publish_candidates

        first = [Shot(name, data, at=at_noon(DAY)) for name, data in (*self.hers.items(), *self.his.items())]
        # her picture again, under his name: a duplicate, whose flag names hers
        second = [Shot(f"{OTHER}/copied.jpg", self._alike(), at=at_noon(NEXT_DAY))]
        take(self.parts.settings, self.parts.engine, [*first, *second])
        for day in (DAY, NEXT_DAY):
            publish_candidates.fn("face", day)
        for name in (*self.hers, *self.his):
            self.decide(name)
        self.build()
        self.decide(f"{OTHER}/0.jpg", at=DECIDED + dt.timedelta(hours=1))
        self.build()
        for name, person in (("hers", PERSON), ("his", OTHER)):
            path = self.folder / "gold" / "Soft" / person / f"{name}.jpg"
            path.parent.mkdir(parents=True)
            path.write_bytes(self.gold[name])
        add_gold(self.parts, "face", self.folder / "gold", at=AT, run_id="test")
        self.build()
        self.predict()
        self.queue()

    def _alike(self) -> bytes:
        from tests.photo_world import encoded, pixels_of

        return encoded(pixels_of(40, 0, 160), "JPEG", quality=60)

    def decide(self, photo: str, at: dt.datetime = DECIDED) -> None:
        reviews.decide(
            self.parts.engine, family="face", candidates=[candidate_key([photo])], decision="accept",
            decided_by="ada", decided_at=at,
        )  # fmt: skip

    def build(self) -> None:
        for plan in (building.plan_verified, building.plan_full):
            building.publish(self.parts, plan(self.parts, "face", "2026-10"), at=AT, run_id="test")

    def predict(self) -> None:
        rows = [
            {
                "id": uuid.uuid4(), "family": "face", "entity_id": person, "at": AT,
                "answer": {"class": "Soft"}, "received_at": AT,
                "inputs": {"user_id": person, "photos": [f"{person}/0.jpg"]},
            }
            for person in (PERSON, OTHER)
        ]  # fmt: skip
        with transaction(self.parts.engine) as connection:
            connection.execute(insert(tables.Prediction), rows)

    def queue(self) -> None:
        lines = b"".join(
            json.dumps(
                {"family": "face", "entity_id": person, "inputs": {"photos": [f"{person}/9.jpg"]}}
            ).encode()
            + b"\n"
            for person in (PERSON, OTHER, PERSON)
        )
        for name in ("spool/0001-1-aa.jsonl", "spool/set-aside/2026-10-02.jsonl"):
            path = self.services / "face" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(lines)

    def forget(self, person: str = PERSON, **options: Any) -> Forgotten:
        return forget(self.parts, person, **{"by": "ada", "reason": "asked for it", "at": AT} | options)

    def files(self) -> bytes:
        """Every byte of datasets and services, and every name of a file."""
        home = self.parts.settings.home
        paths = [path for part in ("objects", "services") for path in sorted((home / part).rglob("*"))]
        bucket = home / "objects" / self.parts.settings.style_photo_bucket
        ours = [path for path in paths if bucket not in path.parents]
        return b"".join(str(path).encode() + path.read_bytes() for path in ours if path.is_file())

    def tables(self) -> str:
        """All tables as text."""
        with transaction(self.parts.engine) as connection:
            names = connection.scalars(
                text("select tablename from pg_tables where schemaname = 'public'")
            ).all()
            return "\n".join(
                str(row) for name in names for row in connection.scalars(text(f"select t::text from {name} t"))
            )

    def images(self, name: str) -> dict[str, bytes]:
        table = self.parts.datasets.table(self.parts.datasets.find(f"face/{name}"))
        return dict(zip(table["photo"].to_pylist(), table["image"].to_pylist(), strict=True))

    def seen(self, picture: bytes, files: bytes) -> bool:
        """Whether any 16 bytes of the picture stand in ``files`` that no picture of his has."""
        others = b"".join([*self.his.values(), self.gold["his"], self._alike()])
        pieces = (picture[start : start + 16] for start in range(0, len(picture) - 16, 16))
        return any(piece in files for piece in pieces if piece not in others)

    def assert_nothing_of_her_is_left(self) -> None:
        files, rows = self.files(), self.tables()
        assert not [name for name, data in self.hers.items() if self.seen(data, files)]
        assert not self.seen(self.gold["hers"], files)
        assert PERSON.encode() not in files
        assert PERSON not in rows


@pytest.fixture
def face_settings(face_settings: Settings, mlflow_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_url)
    monkeypatch.setattr(forgetting, "SPOOL_SECONDS", 0.5)
    return face_settings.model_copy(update={"mlflow_tracking_uri": mlflow_url})


@pytest.fixture
def world(platform_parts: Platform, tmp_path: Path) -> World:
    made = World(platform_parts, tmp_path)
    made.fill()
    return made


def test_no_byte_of_a_person_is_left_and_everybody_else_is_as_before(world: World) -> None:
    assert all(world.seen(data, world.files()) for data in (*world.hers.values(), world.gold["hers"]))
    assert PERSON in world.tables()
    revisions = {one.name for one in world.parts.datasets.list("face")}
    his = {name: data for name, data in world.images("full/2026-10").items() if OTHER in name}

    done = world.forget()

    world.assert_nothing_of_her_is_left()
    assert done.complete
    assert world.images("verified/2026-10") == world.his == his
    assert world.images("candidates/2026-10-02") == world.his
    assert list(world.images("gold/base").values()) == [world.gold["his"]]
    assert {one.name for one in world.parts.datasets.list("face")} > revisions
    assert is_erased(world.parts.engine, world.parts.settings, [PERSON, OTHER]) == {PERSON}
    assert photo_store(world.parts.settings).get(f"{PERSON}/0.jpg") == world.hers[f"{PERSON}/0.jpg"]


def test_the_bytes_are_gone_from_the_files_of_the_tables_too(world: World) -> None:
    def kept() -> bool:
        with transaction(world.parts.engine) as connection:
            connection.exec_driver_sql("checkpoint")
            folder = Path(str(connection.scalar(text("show data_directory"))))
            names = ("user_styles", "candidates", "reviews", "image_hashes", "predictions")
            paths = [str(connection.scalar(text(f"select pg_relation_filepath('{name}')"))) for name in names]
        return any(PERSON.encode() in (folder / path).read_bytes() for path in paths)

    assert kept()

    world.forget()

    assert not kept()


def test_every_place_is_counted_before_and_told_afterwards(world: World) -> None:
    before = world.files()
    found = {(one.place, one.where): one.count for one in look(world.parts, PERSON)}
    assert world.files() == before

    done = world.forget()

    told = {(one.place, one.where): one.count for one in done.removed if one.unit != "objects"}
    assert found == told
    assert found["dataset versions", "face/candidates/2026-10-02"] == 3
    assert found["dataset versions", "face/gold/base"] == 1
    assert found["database", "user_styles"] == 3
    assert found["database", "reviews"] == 3
    assert found["queues of services", "all"] == 4
    now = {one.where: one.now for one in done.removed if one.place == "dataset versions"}
    assert now["face/full/2026-10"] == now["face/full/2026-10.r2"] == "face/full/2026-10.r4"


def test_erased_revisions_say_so_and_the_decisions_about_others_stay(world: World) -> None:
    world.forget()

    with pytest.raises(VersionErased):
        world.parts.datasets.table(world.parts.datasets.find("face/full/2026-10.r1"))
    assert set(reviews.latest_decisions(world.parts.engine, "face")) == {
        candidate_key([name]) for name in world.his
    }
    index = CliRunner().invoke(app, ["datasets", "list", "face", "--json"])
    listed = {row["version"]: row["erased"] for row in json.loads(index.stdout)}
    assert listed["face/full/2026-10"] is True
    assert listed[world.parts.datasets.find("face/full").name] is False


def test_a_duplicate_of_hers_no_longer_names_her(world: World) -> None:
    flags = world.parts.datasets.table(world.parts.datasets.find("face/candidates/2026-10-03"))[
        "flag"
    ].to_pylist()
    assert f"{PERSON}/0.jpg" in str(flags)

    world.forget()

    flags = world.parts.datasets.table(world.parts.datasets.find("face/candidates/2026-10-03"))[
        "flag"
    ].to_pylist()
    assert "a forgotten one" in str(flags)
    with transaction(world.parts.engine) as connection:
        shown = connection.exec_driver_sql('select flag, "values"::text from candidates').all()
    assert "a forgotten one" in str(shown)


def test_what_she_sends_later_is_left_out_of_collection_and_gold(world: World) -> None:
    from tasks.collection import publish_candidates

    world.forget()
    again = dt.date(2026, 10, 9)
    take(
        world.parts.settings,
        world.parts.engine,
        [Shot(f"{PERSON}/0.jpg", world.hers[f"{PERSON}/0.jpg"], at=at_noon(again))],
    )

    publish_candidates.fn("face", again)
    publish_candidates.fn("face", DAY)
    gold = add_gold(world.parts, "face", world.folder / "gold", at=AT, run_id="test")

    assert world.images("candidates/2026-10-09") == {}
    assert world.images("candidates/2026-10-02") == world.his
    assert [one.reason for one in gold.left_out] == ["of a forgotten person"]


@pytest.mark.parametrize("step", ["record_version", "delete_rows", "sweep_out", "delete_sheet"])
def test_one_that_broke_off_is_completed_by_the_next(
    world: World, step: str, monkeypatch: pytest.MonkeyPatch, sheet: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(forgetting, step, _breaks)
        with pytest.raises(Broken):
            world.forget()
    assert is_erased(world.parts.engine, world.parts.settings, [PERSON]) == {PERSON}

    done = world.forget()

    assert done.complete
    world.assert_nothing_of_her_is_left()
    assert world.images("verified/2026-10") == world.his
    assert _plots(world, sheet) == set()
    assert look(world.parts, PERSON) == []


class Broken(Exception):
    """What ends a run in the middle."""


def _breaks(*_arguments: object, **_options: object) -> None:
    raise Broken


def test_a_killed_process_is_completed_by_the_next(world: World) -> None:
    program = (
        "import datetime as dt, os, signal\n"
        "from config.settings import load_settings\n"
        "from storage.datasets.eraser import Eraser\n"
        "from tasks.forgetting import forget\n"
        "from tasks.platform import Platform\n"
        "marked = Eraser._mark\n"
        "count = []\n"
        "def kill(self, *arguments):\n"
        "    marked(self, *arguments)\n"
        "    count.append(1)\n"
        "    if len(count) == 3:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "Eraser._mark = kill\n"
        f"forget(Platform(load_settings()), {PERSON!r}, by='x', reason=None, at=dt.datetime.now(dt.UTC))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=False, env=os.environ, timeout=60)
    assert ended.returncode == -signal.SIGKILL

    world.forget()

    world.assert_nothing_of_her_is_left()
    assert world.images("verified/2026-10") == world.his


def test_nobody_publishes_while_a_person_is_being_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storage.erasure import rows_guard

    monkeypatch.setattr(forgetting, "GUARD_SECONDS", 0.2)
    with rows_guard(world.parts.engine, "face"), pytest.raises(Exception, match="has held 'rows:face'"):
        world.forget()
    assert PERSON.encode() in world.files()


def test_nothing_is_removed_under_a_backup_and_nothing_of_the_person_is_taken_in_any_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.files()
    monkeypatch.setattr(forgetting, "STORE_SECONDS", 0.2)
    with (
        advisory_guard(world.parts.engine)(STORE_LOCK),
        pytest.raises(DatabaseError, match=r"A backup is being written.*Run it again"),
    ):
        world.forget()

    assert world.files() == before
    assert is_erased(world.parts.engine, world.parts.settings, [PERSON]) == {PERSON}
    world.forget()
    world.assert_nothing_of_her_is_left()


def test_forgetting_somebody_unknown_removes_nothing_and_remembers_it(world: World) -> None:
    before = world.files()

    done = world.forget("nobody")

    assert (done.removed, done.left) == ([], [])
    assert world.files() == before
    assert is_erased(world.parts.engine, world.parts.settings, ["nobody"]) == {"nobody"}
    with pytest.raises(InputError):
        world.forget("  ")


@pytest.fixture
def sheet(world: World, tmp_path: Path) -> str:
    """A run in MLflow with a sheet of mistakes that shows her."""
    return _log_sheet(world, tmp_path, [PERSON, OTHER])


def _log_sheet(world: World, folder: Path, people: list[str]) -> str:
    from mlflow import MlflowClient

    client = MlflowClient(world.parts.settings.mlflow_url, registry_uri=world.parts.settings.mlflow_url)
    found = client.get_experiment_by_name("face")
    experiment = found.experiment_id if found else client.create_experiment("face")
    run = client.create_run(experiment)
    plots = folder / uuid.uuid4().hex / "plots"
    plots.mkdir(parents=True)
    (plots / "mistakes.png").write_bytes(b"a picture of them")
    shown = [Mistake(np.zeros((2, 2, 3), np.uint8), "Soft", "Warm", 0.9, person) for person in people]
    (plots / "mistakes.json").write_text(json.dumps(shown_in_mistakes(shown)))
    (plots / "confusion.png").write_bytes(b"figures")
    client.log_artifacts(run.info.run_id, str(plots.parent))
    client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def _plots(world: World, run: str) -> set[str]:
    from mlflow import MlflowClient

    client = MlflowClient(world.parts.settings.mlflow_url, registry_uri=world.parts.settings.mlflow_url)
    return {one.path for one in client.list_artifacts(run, "plots") if "mistakes" in one.path}


def test_sheets_that_show_the_person_are_deleted_and_no_others(
    world: World, sheet: str, tmp_path: Path
) -> None:
    other = _log_sheet(world, tmp_path, [OTHER])
    assert _plots(world, sheet) == {"plots/mistakes.png", "plots/mistakes.json"}

    done = world.forget()

    assert _plots(world, sheet) == set()
    assert _plots(world, other) == {"plots/mistakes.png", "plots/mistakes.json"}
    assert [one.where for one in done.removed if one.place == "MLflow"] == [f"run {sheet}"]


def test_with_mlflow_away_the_rest_is_done_and_what_is_left_is_said(
    platform_parts: Platform, tmp_path: Path
) -> None:
    away = platform_parts.settings.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:43499"})
    world = World(Platform(away), tmp_path)
    world.fill()

    done = world.forget()

    world.assert_nothing_of_her_is_left()
    assert not done.complete
    assert "The sheets of mistakes in MLflow could not be looked at" in done.left[0]
    world.parts.close()


def test_lines_in_the_file_of_a_running_service_are_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl
    import threading

    monkeypatch.setattr(forgetting, "SPOOL_SECONDS", 10.0)
    path = world.services / "face" / "spool" / "0002-1-bb.jsonl"
    path.write_text(json.dumps({"entity_id": PERSON}) + "\n")
    running = path.open("a")
    fcntl.flock(running, fcntl.LOCK_EX)

    def ship() -> None:
        time.sleep(1)
        path.unlink()
        running.close()

    threading.Thread(target=ship).start()
    done = world.forget()

    assert done.complete
    world.assert_nothing_of_her_is_left()


def test_a_line_that_a_running_service_does_not_give_up_is_told(world: World) -> None:
    import fcntl

    path = world.services / "face" / "spool" / "0002-1-bb.jsonl"
    path.write_text(json.dumps({"entity_id": PERSON}) + "\n")
    with path.open("a") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        done = world.forget()

    assert "1 queues of running services" in done.left[0]


# -- creators of videos ----------------------------------------------------------------------------------------
def test_a_creator_is_forgotten_with_all_videos(platform_parts: Platform) -> None:
    rows = snapshots()
    load_snapshots(platform_parts.engine, rows)
    creators = rows["creator_id"].unique().to_pylist()
    gone, stays = creators[0], creators[1]
    _publish_viral(platform_parts, rows, [gone, stays])
    videos = set(rows.filter(pa.compute.equal(rows["creator_id"], gone))["video_id"].to_pylist())
    video = sorted(videos)[0]
    taken = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
    reviews.decide(
        platform_parts.engine, family="viral", decision="accept", decided_by="ada", decided_at=DECIDED,
        candidates=[candidate_key([video, taken]), candidate_key(["else", taken])],
    )  # fmt: skip

    done = forget(platform_parts, gone, by="ada", reason=None, at=AT)

    manifest = platform_parts.datasets.find("viral/full/2026-10")
    assert set(platform_parts.datasets.table(manifest)["creator_id"].to_pylist()) == {stays}
    assert manifest.revision == 2
    with transaction(platform_parts.engine) as connection:
        left = connection.exec_driver_sql(
            """select (select count(*) from videos where creator_id = %s),
                (select count(*) from creators where id = %s),
                (select count(*) from engagement_snapshots where video_id = any(%s)),
                (select count(*) from reviews), (select count(*) from videos)""",
            (gone, gone, sorted(videos)),
        ).one()
    assert tuple(left[:4]) == (0, 0, 0, 1)
    assert left[4] > 0
    removed = {one.where: one.count for one in done.removed}
    assert (removed["creators"], removed["videos"], removed["reviews"]) == (1, len(videos), 1)


def _publish_viral(parts: Platform, rows: pa.Table, creators: list[str]) -> None:
    chosen = rows.filter(pa.compute.is_in(rows["creator_id"], value_set=pa.array(creators)))
    made = [
        {name: row[name] for name in ("video_id", "creator_id", "taken_at", "views")}
        | {"first_seen_at": row["taken_at"], "label": "low", "source": "snapshot", "split": "train"}
        for row in chosen.to_pylist()
    ]  # fmt: skip
    table = pa.Table.from_pylist(made, schema=VIRAL_SCHEMA)
    parts.datasets.publish(
        family="viral", stage="full", period="2026-10", schema=VIRAL_SCHEMA, batches=table.to_batches(),
        made_by="tests", label="label", split="split",
    )  # fmt: skip


# -- the command -----------------------------------------------------------------------------------------------
def test_the_command_wants_a_yes_and_tells_what_it_removed(world: World) -> None:
    asked = CliRunner().invoke(app, ["forget", "user", PERSON])
    told = CliRunner().invoke(app, ["forget", "user", PERSON, "--yes", "--reason", "asked", "--json"])

    assert isinstance(asked.exception, InputError)
    answer = json.loads(told.stdout)
    assert answer["complete"] is True
    assert {one["place"] for one in answer["removed"]} == {"dataset versions", "database", "queues of services"}
    world.assert_nothing_of_her_is_left()
    with transaction(world.parts.engine) as connection:
        kept = connection.execute(text("select requested_by, reason, report from erasures")).one()
    assert kept.reason == "asked"
    assert kept.report["complete"] is True
    assert kept.report["removed"]["database"] > 0
