"""`assay backup` and `assay restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import human_bytes, print_json, print_table, progress, say

if TYPE_CHECKING:
    from config.settings import Settings
    from storage.backups import BackupFolder

Place = Annotated[str, typer.Argument(help="A folder, or s3://BUCKET on the platform's own S3 store.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
BUCKET = "s3://"


def backup(
    place: Place,
    keep: Annotated[int | None, typer.Option(min=1, help="Remove all but this many backups after.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only list the backups that are there.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only read a backup, all of it.")] = False,
    name: Annotated[str | None, typer.Option(help="With --check: which backup; without it the latest.")] = None,
    as_json: Json = False,
) -> None:
    """Write the databases and the artifacts to a folder or a bucket, consistent with one another.

    Only what changed since the last backup there is copied, and each blob is read again after it was written.
    The platform may run. The users' uploads and secrets.env are not in it. The databases of MLflow and Prefect
    are in it where they lie on the server of ours (DB_HOST); one that lies elsewhere is named. Prefect's holds
    the addresses and passwords of alerts, and their key too where PREFECT_SERVER_ENCRYPTION_KEY is not set. A
    folder of backups is closed to other accounts.
    """
    from dataclasses import asdict
    from datetime import UTC, datetime

    from config.errors import InputError
    from config.settings import load_settings
    from storage.backups import keep_private
    from tasks.backup import back_up

    if name is not None and not check:
        raise InputError("--name says which backup to check.", hint="Add --check.")
    settings = load_settings()
    target = _folder(settings, place)
    if list_:
        _list(target, as_json=as_json)
        return
    if check:
        _check(target, name, as_json=as_json)
        return
    with progress("Looking ...") as show:
        programs = _programs(settings)
        if not place.startswith(BUCKET):
            keep_private(_path(place))
        report = back_up(settings, target, programs=programs, at=datetime.now(UTC), keep=keep, told=show)
    if as_json:
        print_json(asdict(report))
        return
    say(
        f"Backup {report.name}: {report.rows:,} rows of {len(report.databases)} databases"
        f" ({', '.join(report.databases)}) and {report.objects:,} objects, {human_bytes(report.bytes)};"
        f" {human_bytes(report.written_bytes)} new."
    )
    if report.left_out:
        say(f"{len(report.left_out)} objects came or went meanwhile: the next backup has them.")
    if report.removed:
        say(f"Removed {', '.join(report.removed)}: {human_bytes(report.freed)}.")
    for sentence in report.databases_left_out.values():
        say(f"Left out: {sentence}")


def restore(
    place: Place,
    name: Annotated[str | None, typer.Option(help="Which backup; without it the latest.")] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="Leave the database of mlflow or prefect out; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring a backup into an empty place: databases without tables, and an empty bucket. Then `assay up`.

    All of the backup is read before anything is written. Nothing is ever overwritten. Set ASSAY_HOME (or
    DB_NAME, ML_ARTIFACTS_BUCKET and the like) to the new place first, and copy secrets.env there: forgotten
    people are known by JWT_SECRET. A PREFECT_SERVER_ENCRYPTION_KEY must be that of the old place.
    """
    from dataclasses import asdict

    from cli.embedded import database_server
    from config.settings import load_settings
    from tasks.backup_restore import restore as bring_back

    source = _folder(load_settings(), place, must_be=True)
    with progress("Looking ...") as show, database_server(load_settings()) as settings:
        report = bring_back(
            settings, source, name, programs=_programs(settings), without=without or (), told=show
        )
    if as_json:
        print_json(asdict(report))
        return
    rows = sum(report.rows.values())
    say(
        f"Restored backup {report.name}: {rows:,} rows of {len(report.rows)} databases"
        f" ({', '.join(report.rows)}) and {report.objects:,} objects."
    )
    for sentence in report.left_out.values():
        say(f"Left out: {sentence}")
    say("Next: `assay up`, then `assay verify`.")


def _check(target: BackupFolder, name: str | None, *, as_json: bool) -> None:
    from tasks.backup import check_backup

    with progress("Looking ...") as show:
        found = check_backup(target, name, told=show)
    blobs, size = len(found.blobs), sum(found.blobs.values())
    if as_json:
        print_json({"backup": found.name, "blobs": blobs, "bytes": size})
        return
    say(f"Backup {found.name} is whole: {blobs:,} blobs, {human_bytes(size)}.")


def _list(target: BackupFolder, *, as_json: bool) -> None:
    rows: list[dict[str, Any]] = []
    for name in target.names():
        one = target.get(name)
        rows.append(
            {
                "backup": name,
                "at": one.at,
                "databases": [each.role for each in one.databases],
                "rows": sum(sum(each.rows.values()) for each in one.databases),
                "objects": len(one.objects),
                "bytes": sum(one.blobs.values()),
            }
        )
    if as_json:
        print_json(rows)
        return
    shown = [
        {**row, "size": human_bytes(row["bytes"]), "databases": ", ".join(row["databases"])} for row in rows
    ]
    print_table(shown, ["backup", "databases", "rows", "objects", "size"], empty="There is no backup there.")


def _folder(settings: Settings, place: str, *, must_be: bool = False) -> BackupFolder:
    """The backups in ``place``. Raises InputError."""
    from config.errors import InputError
    from storage.backups import BackupFolder
    from storage.objects import open_store
    from storage.objects_local import LocalStore

    if place.startswith(BUCKET):
        bucket = place.removeprefix(BUCKET).strip("/")
        if settings.embedded_objects:
            raise InputError(
                f"There is no S3 store to find the bucket '{bucket}' on.",
                hint="Set MINIO_ENDPOINT, or name a folder.",
            )
        if not bucket or "/" in bucket or bucket in (settings.ml_artifacts_bucket, settings.style_photo_bucket):
            raise InputError(f"'{bucket}' cannot hold backups.", hint="Name a bucket of its own: s3://backups.")
        return BackupFolder(open_store(settings, bucket))
    path = _path(place)
    if must_be and not path.is_dir():
        raise InputError(f"There is no folder {path}.", hint="Name the folder that `assay backup` wrote to.")
    return BackupFolder(LocalStore(path))


def _path(place: str) -> Path:
    return Path(place).expanduser().absolute()


def _programs(settings: Settings) -> Path:
    from local.postgres_host import CLIENT, find_programs

    return find_programs(settings.postgres_bin, needed=CLIENT).folder
