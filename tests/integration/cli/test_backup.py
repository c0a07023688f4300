"""`assay backup` and `assay restore` as on a server: the client alone, and services with addresses."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from cli.commands import datasets
from cli.main import app
from config.errors import BackupCorrupt, DatabaseError, InputError, PlatformError
from config.settings import Settings, load_settings
from local.ports import free_port
from local.postgres_host import CLIENT, find_programs
from storage.backups import BackupFolder, blob_key
from storage.database import advisory_guard, make_engine
from storage.objects import RESERVED_SEGMENT
from storage.objects_local import LocalStore
from storage.retention import STORE_LOCK
from tasks.backup import back_up
from tests.conftest import PostgresServer


@pytest.fixture(autouse=True)
def world(
    settings: Settings, postgres_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Of the neighbours' databases, MLflow's is beside ours, and Prefect's is not."""
    password = settings.db_password.get_secret_value() if settings.db_password else ""
    mlflow = f"{settings.db_name}_mlflow"
    postgres_server.create_database(mlflow)
    url = settings.database_url(mlflow).replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table registered_models as select generate_series(1, 3)")
    (tmp_path / "bin").mkdir()
    for name in CLIENT:
        (tmp_path / "bin" / name).symlink_to(find_programs(needed=CLIENT).path(name))
    for name, value in {
        "ASSAY_HOME": str(settings.home), "DB_HOST": str(settings.db_host), "DB_PORT": str(settings.db_port),
        "DB_USER": settings.db_user, "DB_PASSWORD": password, "DB_NAME": settings.db_name, "COLUMNS": "160",
        "MLFLOW_DB_NAME": mlflow, "MLFLOW_TRACKING_URI": "http://mlflow.invalid:5000",
        "PREFECT_DB_NAME": "not_on_this_server", "PREFECT_API_URL": "http://prefect.invalid/api",
        "POSTGRES_BIN": str(tmp_path / "bin"),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    yield
    postgres_server.drop_database(mlflow)


def call(*arguments: str) -> Any:
    answer = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer


def of_last_year(place: Path) -> tuple[BackupFolder, str]:
    target = BackupFolder(LocalStore(place))
    at = datetime(2025, 1, 1, tzinfo=UTC)
    programs = find_programs(needed=CLIENT).folder
    return target, back_up(load_settings(), target, programs=programs, at=at).name


def test_what_is_in_a_backup_and_what_is_not_is_said(tmp_path: Path) -> None:
    place = str(tmp_path / "backups")

    said = call("backup", place).stderr

    assert "2 databases (platform, mlflow)" in said
    assert "Left out: Prefect's database is not in this backup" in said
    assert "no database 'not_on_this_server'" in said
    assert "PREFECT_DB_NAME" in said
    (listed,) = json.loads(call("backup", place, "--list", "--json").stdout)
    assert listed["databases"] == ["platform", "mlflow"]
    assert "platform, mlflow" in call("backup", place, "--list").stdout


def modes(place: Path) -> dict[str, int]:
    inner = ("backups", "blobs", RESERVED_SEGMENT)
    return {name: (place / name).stat().st_mode & 0o777 for name in (".", *inner)}


def test_nobody_else_reads_a_backup(tmp_path: Path) -> None:
    place, older = tmp_path / "new" / "backups", tmp_path / "older"
    call("backup", str(place))
    shutil.copytree(place, older)
    for index in (older / "backups").iterdir():
        index.unlink()  # the next one may be of the same second
    for path in (older, *older.iterdir()):
        path.chmod(0o755)
    call("backup", str(older))

    closed = {".": 0o700, "backups": 0o700, "blobs": 0o700, RESERVED_SEGMENT: 0o700}
    assert modes(place) == closed
    assert modes(older) == closed


def test_a_folder_that_holds_other_things_too_stays_open_but_not_the_backup_in_it(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    (place / "photos").mkdir(parents=True)
    place.chmod(0o755)

    call("backup", str(place))

    assert modes(place) == {".": 0o755, "backups": 0o700, "blobs": 0o700, RESERVED_SEGMENT: 0o700}
    assert (place / "photos").stat().st_mode & 0o777 != 0o700


def test_a_restore_says_what_it_brought_and_what_not(
    settings: Settings, postgres_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = str(tmp_path / "backups")
    call("backup", place)
    new = {"DB_NAME": f"{settings.db_name}_new", "MLFLOW_DB_NAME": f"{settings.db_name}_new_mlflow"}
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "new"))
    for setting, name in new.items():
        postgres_server.create_database(name)
        monkeypatch.setenv(setting, name)
    try:
        said = call("restore", place).stderr
    finally:
        for name in new.values():
            postgres_server.drop_database(name)
    assert "2 databases (mlflow, platform)" in said
    assert "Left out: Prefect's database is not in this backup" in said


def test_an_older_backup_is_checked_by_its_name(settings: Settings, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    target, older = of_last_year(place)
    LocalStore(settings.home / "objects" / settings.ml_artifacts_bucket).put("models/one", b"new")
    call("backup", str(place))
    target.store.put(blob_key(target.get().objects[0].sha256), b"altered")

    with pytest.raises(BackupCorrupt, match="was altered"):
        call("backup", str(place), "--check")
    assert f"Backup {older} is whole" in call("backup", str(place), "--check", "--name", older).stderr
    found = json.loads(call("backup", str(place), "--check", "--name", older, "--json").stdout)
    assert (found["backup"], found["blobs"]) == (older, 2)
    with pytest.raises(InputError, match="--name says which backup to check"):
        call("backup", str(place), "--name", older)


def test_what_is_older_is_removed_and_said(settings: Settings, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    store = LocalStore(settings.home / "objects" / settings.ml_artifacts_bucket)
    store.put("models/one", b"old")
    target, older = of_last_year(place)
    store.delete("models/one")

    said = json.loads(call("backup", str(place), "--keep", "1", "--json").stdout)

    assert said["removed"] == [older]
    assert said["freed"] > 0
    assert list(said["databases_left_out"]) == ["prefect"]
    assert target.names() == [said["name"]]


def test_parts_without_a_manifest_are_not_removed_under_a_backup(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "STORE_SECONDS", 0.2)
    store = LocalStore(settings.home / "objects" / settings.ml_artifacts_bucket)
    orphan = f"datasets/face/full/2026-10/{'0' * 64}.parquet"
    store.put(orphan, b"of a killed writer")
    remove = ("datasets", "gc", "--delete", "--older-than-hours", "0", "--json")
    engine = make_engine(settings)
    with advisory_guard(engine)(STORE_LOCK):  # as a backup holds it
        with pytest.raises(DatabaseError, match=STORE_LOCK):
            call(*remove)
        assert orphan in call("datasets", "gc", "--older-than-hours", "0", "--json").stdout
    engine.dispose()
    assert store.exists(orphan)
    assert [one["key"] for one in json.loads(call(*remove).stdout)["objects"]] == [orphan]
    assert not store.exists(orphan)


def test_without_the_programs_it_says_which_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_BIN", str(tmp_path))
    with pytest.raises(PlatformError, match=r"pg_dump, pg_restore.*postgresql-client"):
        call("backup", str(tmp_path / "backups"))


def test_a_private_server_is_started_for_a_restore_with_all_that_the_platform_keeps(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = str(tmp_path / "backups")
    call("backup", place)
    for name in ("DB_HOST", "DB_PASSWORD", "MLFLOW_TRACKING_URI", "PREFECT_API_URL", "POSTGRES_BIN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("DB_PORT", str(free_port()))
    # not pytest's own folder: that is closed to the account that PostgreSQL runs as under root
    folder = Path(tempfile.mkdtemp(prefix="assay-tests-"))
    folder.chmod(0o755)
    monkeypatch.setenv("ASSAY_HOME", str(folder / "home"))
    try:
        with pytest.raises(InputError, match=r"has no database of Prefect.*--without prefect"):
            call("restore", place)
        report = json.loads(call("restore", place, "--without", "prefect", "--json").stdout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert report["rows"]["mlflow"] == 3
    assert list(report["left_out"]) == ["prefect"]
