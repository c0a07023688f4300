"""Which databases a backup has: all on the server of ours, whoever starts their services; others are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import InputError
from storage.backups import BackupFolder
from storage.objects_local import LocalStore
from tasks.backup import back_up
from tasks.backup_restore import restore
from tests.integration.tasks.backup_world import AT, Places, programs, run


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
