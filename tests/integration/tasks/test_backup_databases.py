"""Which databases a backup has, and of which moment: all on the server of ours, whoever starts their services;
others are named.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from config.errors import DatabaseError, InputError
from registry.promotion import lock_name
from storage.backups import BackupFolder
from storage.database import advisory_guard, make_engine
from storage.objects_local import LocalStore
from tasks import backup
from tasks.backup import back_up
from tasks.backup_restore import restore
from tasks.platform import Platform
from tests.integration.tasks.backup_world import AT, Place, Places, programs, run
from tests.integration.tasks.test_audit import publish


@pytest.fixture
def target(tmp_path: Path) -> BackupFolder:
    return BackupFolder(LocalStore(tmp_path / "backups"))


def test_a_database_that_lies_elsewhere_is_left_out_and_named_with_what_to_do(
    places: Places, target: BackupFolder
) -> None:
    place, new = places.new(migrated=True), places.new(migrated=False)
    places.drop(place.settings.mlflow_db_name)  # and Prefect's is there, and nothing was ever in it

    report = back_up(place.settings, target, programs=programs(), at=AT)

    assert list(report.databases) == ["platform"]
    said = report.databases_left_out
    assert f"no database '{place.settings.mlflow_db_name}'" in said["mlflow"]
    assert "MLFLOW_DB_NAME" in said["mlflow"]
    assert f"an empty database '{place.settings.prefect_db_name}'" in said["prefect"]
    restored = restore(new.settings, target, programs=programs())
    assert list(restored.rows) == ["platform"]
    assert "restore it from where it was backed up" in restored.left_out["mlflow"]
    assert set(restored.left_out) == {"mlflow", "prefect"}


def test_a_database_of_a_service_that_we_start_is_never_left_out(places: Places, target: BackupFolder) -> None:
    place, new = places.new(migrated=True), places.new(migrated=False)
    run(place, target)
    ours = {"mlflow_tracking_uri": None}
    with pytest.raises(InputError, match=r"has no database of MLflow .*--without mlflow"):
        restore(new.settings.model_copy(update=ours), target, programs=programs())
    places.drop(place.settings.mlflow_db_name)
    with pytest.raises(InputError, match=r"has no database 'backup_mlflow_.*set MLFLOW_TRACKING_URI"):
        back_up(place.settings.model_copy(update=ours), target, programs=programs(), at=AT)


def test_a_restore_without_the_database_of_the_register_waits_for_it_or_is_told_to_go_without(
    places: Places, target: BackupFolder
) -> None:
    place, new = places.new(migrated=True), places.new(migrated=False)
    place.execute("create table registered_models (name text)", place.settings.mlflow_db_name)
    back_up(place.settings, target, programs=programs(), at=AT)
    places.drop(new.settings.mlflow_db_name)

    with pytest.raises(InputError, match=r"has a database of MLflow.*has no 'backup_mlflow_.*Create it"):
        restore(new.settings, target, programs=programs())
    with pytest.raises(InputError, match="'platform' cannot be left out"):
        restore(new.settings, target, programs=programs(), without=["platform"])
    report = restore(new.settings, target, programs=programs(), without=["mlflow"])
    assert "as asked" in report.left_out["mlflow"]


def retrain(place: Place, period: str) -> None:
    """A dataset in our register, then a model of it in MLflow's, as a retraining writes them."""
    parts = Platform(place.settings)
    publish(parts, "full", period, period)
    parts.close()
    place.execute(f"insert into registered_models values ('of {period}')", place.settings.mlflow_db_name)


def rows(target: BackupFolder, role: str, table: str) -> int:
    (found,) = (one.rows[table] for one in target.get().databases if one.role == role)
    return found


def test_what_is_trained_while_the_databases_are_dumped_is_in_none_of_them(
    places: Places, target: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = places.new(migrated=True)
    place.execute("create table registered_models (name text)", place.settings.mlflow_db_name)
    retrain(place, "2026-08")
    dumped: list[str] = []
    dump = backup.dump

    def slowly(settings: Any, database: str, *rest: Any, **options: Any) -> None:
        if not dumped:
            retrain(place, "2026-09")
        dumped.append(database)
        dump(settings, database, *rest, **options)

    monkeypatch.setattr(backup, "dump", slowly)
    report = back_up(place.settings, target, programs=programs(), at=AT)

    assert len(dumped) == 2
    assert rows(target, "mlflow", "public.registered_models") == 1
    assert rows(target, "platform", "public.dataset_versions") == 1
    assert [key for key in report.left_out if key.endswith(".json")] == ["metadata/viral/full/2026-09.json"]


def test_a_model_is_in_a_backup_only_with_the_dataset_that_it_learned_from(
    places: Places, target: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = places.new(migrated=True)
    place.execute("create table registered_models (name text)", place.settings.mlflow_db_name)
    opened: list[str] = []
    snapshot = backup.snapshot

    @contextmanager
    def between(engine: Engine) -> Iterator[tuple[Connection, str]]:
        with snapshot(engine) as found:
            if not opened:
                retrain(place, "2026-09")
            opened.append(str(engine.url.database))
            yield found

    monkeypatch.setattr(backup, "snapshot", between)
    back_up(place.settings, target, programs=programs(), at=AT)

    assert opened == [place.settings.mlflow_db_name, place.settings.db_name]
    assert rows(target, "mlflow", "public.registered_models") == 0
    assert rows(target, "platform", "public.dataset_versions") == 1


def test_versions_are_promoted_while_the_databases_are_dumped_but_not_between_their_moments(
    places: Places, target: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = places.new(migrated=True)
    free: dict[str, bool] = {}
    snapshot, dump = backup.snapshot, backup.dump

    def look(when: str) -> None:
        engine = make_engine(place.settings, pool_size=1)
        try:
            with advisory_guard(engine, 0.1)(lock_name("viral")):
                free[when] = True
        except DatabaseError:
            free[when] = False
        finally:
            engine.dispose()

    @contextmanager
    def looking(engine: Engine) -> Iterator[tuple[Connection, str]]:
        with snapshot(engine) as found:
            look("moments")
            yield found

    def dumping(*arguments: Any, **options: Any) -> None:
        look("dumps")
        dump(*arguments, **options)

    monkeypatch.setattr(backup, "snapshot", looking)
    monkeypatch.setattr(backup, "dump", dumping)
    run(place, target)

    assert free == {"moments": False, "dumps": True}
