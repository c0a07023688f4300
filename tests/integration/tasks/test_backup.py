"""`assay backup` and `assay restore`: all that there was comes back, and the model answers as before."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from config.errors import BackupCorrupt, InputError
from local.ports import free_port
from storage.backups import BLOBS, BackupFolder, blob_key
from storage.database import make_engine
from storage.objects_local import LocalStore
from tasks.audit import audit
from tasks.backup import back_up, check_backup
from tasks.backup_restore import restore
from tasks.platform import Platform
from tests.integration.conftest import BIN, server
from tests.integration.tasks.backup_world import AT, Place, Places, bring_back, programs, run
from tests.integration.tasks.test_audit import publish
from tests.viral_world import roles, trained


@pytest.fixture
def target(tmp_path: Path) -> BackupFolder:
    return BackupFolder(LocalStore(tmp_path / "backups"))


def mlflow_of(place: Place, log: Path) -> AbstractContextManager[object]:
    with warnings.catch_warnings():  # MLflow's own, about MLflow's own type hints
        warnings.simplefilter("ignore")
        import mlflow.pyfunc  # noqa: F401
    port = free_port()
    place.settings = place.settings.model_copy(update={"mlflow_tracking_uri": f"http://127.0.0.1:{port}"})
    artifacts = place.settings.home / "objects" / place.settings.ml_artifacts_bucket / "mlflow"
    environment = {
        "MLFLOW_BACKEND_STORE_URI": place.settings.database_url(place.settings.mlflow_db_name),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ARTIFACTS_DESTINATION": artifacts.as_uri(),
    }
    command = [str(BIN / "mlflow"), "server", "--workers", "1", "--serve-artifacts", "--port", str(port)]
    return server(command, environment, f"http://127.0.0.1:{port}/health", log)


def test_a_platform_comes_back_whole_and_its_model_answers_as_before(
    places: Places, target: BackupFolder, tmp_path: Path
) -> None:
    old, new = places.new(migrated=True), places.new(migrated=False)
    prefect = old.settings.prefect_db_name
    old.execute("create extension pg_trgm; create table flow_run as select generate_series(1, 3)", prefect)
    predictor, evaluation = trained()
    question = roles()[2].slice(0, 5)
    counts = dict(zip(("train", "valid", "test"), (part.num_rows for part in roles()), strict=True))
    with mlflow_of(old, tmp_path / "old.log"):
        parts = Platform(old.settings)
        data = publish(parts, "full", "2026-10", "v1")
        version = parts.registry.log_training(
            family="viral", predictor=predictor, evaluation=evaluation, comparison=None, dataset=data.name,
            dataset_sha256=data.ref.sha256, params={}, rows=counts, key="backup",
        )  # fmt: skip
        parts.registry.promote("viral", version.version, actor="ana", reason="first", at=AT, force=True)
        answers = parts.registry.load("viral", version.version).predictor.predict(question)
        manifests = parts.datasets.list()
        parts.close()
        made = back_up(old.settings, target, programs=programs(), at=AT)

    report = restore(new.settings, target, programs=programs())

    saved = target.get()
    assert report.rows == {one.role: sum(one.rows.values()) for one in saved.databases}
    assert report.rows["platform"] > 0
    assert report.rows["mlflow"] > 0
    assert report.rows["prefect"] == 3
    assert (made.databases_left_out, report.left_out) == ({}, {})
    with mlflow_of(new, tmp_path / "new.log"):
        parts = Platform(new.settings)
        assert parts.datasets.list() == manifests
        assert audit(parts).faults == []
        production = parts.registry.production("viral")
        assert production is not None
        assert parts.registry.load("viral", production.version).predictor.predict(question) == answers
        parts.close()


def test_a_second_backup_copies_what_changed_and_each_is_whole(places: Places, target: BackupFolder) -> None:
    place = places.new(migrated=True)
    parts = Platform(place.settings)
    publish(parts, "full", "2026-09", "v1")
    first = run(place, target)
    added = publish(parts, "full", "2026-10", "v2")
    second = run(place, target, minutes=5)
    parts.close()

    assert first.written == first.objects + 1
    assert second.objects == first.objects + 2
    assert second.written == 3  # the dump, the part and the manifest
    assert {one.key for one in check_backup(target).objects} >= {added.key, added.parts[0].key}
    assert len(check_backup(target, first.name).objects) == first.objects


def test_a_version_that_is_published_while_the_backup_runs_is_left_to_the_next_one(
    places: Places, target: BackupFolder
) -> None:
    place = places.new(migrated=True)
    parts = Platform(place.settings)
    known = publish(parts, "full", "2026-09", "v1")
    engine = make_engine(place.settings)
    late = publish(parts, "full", "2026-10", "v2")
    with engine.begin() as connection:  # as if its row came after the dump
        connection.exec_driver_sql("delete from dataset_versions where period = '2026-10'")
    engine.dispose()
    parts.close()

    report = run(place, target)

    assert list(report.left_out) == [late.key]
    new = places.new(migrated=False)
    bring_back(new, target)
    restored = Platform(new.settings)
    assert [one.name for one in restored.datasets.list()] == [known.name]
    assert audit(restored, models=False).faults == []
    restored.close()


def test_nothing_is_restored_over_what_is_there(places: Places, target: BackupFolder) -> None:
    place, used = places.new(migrated=True), places.new(migrated=True)
    run(place, target)

    with pytest.raises(InputError, match="is not empty: it has the table"):
        bring_back(used, target)
    full = places.new(migrated=False)
    LocalStore(full.settings.home / "objects" / full.settings.ml_artifacts_bucket).put("a", b"a")
    with pytest.raises(InputError, match="is not empty: it has a"):
        bring_back(full, target)


def test_an_altered_blob_is_found_by_a_check_and_stops_a_restore(places: Places, target: BackupFolder) -> None:
    place = places.new(migrated=True)
    parts = Platform(place.settings)
    manifest = publish(parts, "full", "2026-09", "v1")
    parts.close()
    run(place, target)
    sha256 = manifest.parts[0].sha256
    target.store.put(blob_key(sha256), b"something else")

    with pytest.raises(BackupCorrupt, match=f"The blob {sha256[:12]} of the backup was altered"):
        check_backup(target)


def test_what_is_damaged_is_found_before_anything_is_written_so_that_an_older_one_can_follow(
    places: Places, target: BackupFolder
) -> None:
    place, new = places.new(migrated=True), places.new(migrated=False)
    parts = Platform(place.settings)
    manifest = publish(parts, "full", "2026-09", "v1")
    older = run(place, target)
    publish(parts, "full", "2026-10", "v2")
    parts.close()
    run(place, target, minutes=5)
    target.store.put(blob_key(target.get().databases[0].sha256), b"something else")

    with pytest.raises(BackupCorrupt, match="was altered"):
        bring_back(new, target)

    objects = LocalStore(new.settings.home / "objects" / new.settings.ml_artifacts_bucket)
    assert list(objects.list()) == []
    check_backup(target, older.name)
    bring_back(new, target, older.name)
    assert objects.exists(manifest.key)


def test_a_backup_that_fails_half_way_is_none(
    places: Places, target: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = places.new(migrated=True)
    parts = Platform(place.settings)
    publish(parts, "full", "2026-09", "v1")
    parts.close()

    def fails(_sha256: str, _path: Path) -> None:
        raise BackupCorrupt("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(target, "put", fails)
        with pytest.raises(BackupCorrupt):
            run(place, target)

    assert target.names() == []
    assert list((place.settings.home / "tmp").iterdir()) == []
    with pytest.raises(InputError, match="There is no backup there"):
        target.get()


def test_pruning_keeps_the_newest_and_what_they_need(places: Places, target: BackupFolder) -> None:
    place = places.new(migrated=True)
    parts = Platform(place.settings)
    names = []
    for number in range(3):
        publish(parts, "full", f"2026-0{number + 1}", f"v{number}")
        names.append(run(place, target, minutes=number).name)
    parts.close()

    gone, freed = target.prune(2)

    assert (gone, target.names()) == (names[:1], names[1:])
    assert freed > 0
    for name in names[1:]:
        check_backup(target, name)
    kept = {sha256 for name in names[1:] for sha256 in target.get(name).blobs}
    assert {info.key.removeprefix(BLOBS).split("/")[1] for info in target.store.list(BLOBS)} == kept
