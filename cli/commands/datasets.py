"""`assay datasets`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.add_gold import add
from cli.commands.review import review
from cli.output import human_bytes, print_fields, print_json, print_table, say

if TYPE_CHECKING:
    from storage.datasets.repository import DatasetRepository

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[
    str, typer.Argument(help="viral/full/2026-10, viral/full (its latest), or viral (latest full).")
]

#: So long work on the whole store is waited for.
STORE_SECONDS = 60.0

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Dataset versions: immutable parts and one manifest."
)
app.command()(review)
app.command()(add)


@app.command("list")
def list_versions(
    family: Annotated[str | None, typer.Argument(help="Only this family.")] = None,
    stage: Annotated[str | None, typer.Option(help="Only candidates, verified, full or gold.")] = None,
    as_json: Json = False,
) -> None:
    """All versions, with their rows and classes."""
    from models.family import get_family
    from storage.datasets.naming import check_stage

    if family is not None:
        get_family(family)
    if stage is not None:
        check_stage(family or "any", stage)
    repository = _repository()
    erased, retired = repository.erased_names(family, stage), repository.retired_names(family, stage)
    rows = [
        {**_summary(manifest), "erased": manifest.name in erased, "retired": manifest.name in retired}
        for manifest in repository.list(family=family, stage=stage)
    ]
    if as_json:
        print_json(rows)
        return
    shown = [
        {**row, "size": human_bytes(row["size"]), "classes": "erased: see the next revision"}
        if row["erased"]
        else {**row, "size": human_bytes(row["size"]), "classes": "deleted by retention"}
        if row["retired"]
        else {**row, "size": human_bytes(row["size"])}
        for row in rows
    ]
    print_table(
        shown, ["version", "rows", "size", "classes", "made_by"], drop_when_narrow=("made_by", "size"),
        empty="No dataset version is published yet: `assay flows run collect-daily`.",
    )  # fmt: skip


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """One version: schema, parts, classes, split, and what it was built from."""
    repository = _repository()
    manifest = repository.find(name)
    details = {
        **_details(manifest),
        "erased": repository.is_erased(manifest),
        "retired": repository.is_retired(manifest),
    }
    if as_json:
        print_json(details)
        return
    columns, parts = details.pop("schema"), details.pop("parts")
    details["size"] = human_bytes(details["size"])
    print_fields({key: value for key, value in details.items() if value not in (None, [], {}, "", False)})
    shown = [
        {**part, "part": part["key"].rsplit("/", 1)[-1], "size": human_bytes(part["size"])} for part in parts
    ]
    print_table(shown, ["part", "rows", "size"])
    print_table(columns, ["name", "type"])


@app.command()
def diff(a: Name, b: Name, as_json: Json = False) -> None:
    """Rows added, removed and relabelled from version A to version B."""
    from models.family import get_family

    repository = _repository()
    first, second = repository.find(a), repository.find(b)
    family = get_family(second.family)
    found = repository.diff(first, second, key=family.key, label=family.label)
    if as_json:
        print_json({"a": first.name, "b": second.name, **_plain(found)})
        return
    counts = ("added", "removed", "relabelled", "unchanged")
    print_table(
        [{"rows ": name, "count": getattr(found, name)} for name in counts],
        ["rows ", "count"],
        title=f"{first.name} -> {second.name}",
    )


@app.command()
def gc(
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove them; without it they are only listed.")
    ] = False,
    older_than_hours: Annotated[
        float, typer.Option(min=0, help="Spare objects younger than this: a publication may be under way.")
    ] = 24.0,
    as_json: Json = False,
) -> None:
    """Find parts that no manifest names, such as a killed writer leaves."""
    from datetime import UTC, datetime, timedelta

    with _guarded_repository(alone=delete) as repository:
        orphans = repository.gc(
            older_than=timedelta(hours=older_than_hours), as_of=datetime.now(UTC), delete=delete
        )
    if as_json:
        print_json({"deleted": delete, "objects": orphans})
        return
    rows = [{"object": o.key, "size": human_bytes(o.size), "modified": o.modified} for o in orphans]
    print_table(rows, ["object", "size", "modified"], empty="No orphans.", drop_when_narrow=("modified",))
    if orphans and not delete:
        say(f"{len(orphans)} orphans, nothing removed. `assay datasets gc --delete` removes them.")


def _repository() -> DatasetRepository:
    from config.settings import load_settings
    from storage.datasets.repository import DatasetRepository
    from storage.objects import open_store

    return DatasetRepository(open_store(load_settings()))


@contextmanager
def _guarded_repository(alone: bool) -> Iterator[DatasetRepository]:
    """With the publishers' lock, so that nothing is removed under a publication; ``alone``: nor under a backup,
    retention or the forgetting of a person, for which it waits a minute.
    """
    from config.settings import load_settings
    from storage.database import advisory_guard, make_engine
    from storage.datasets.repository import DatasetRepository
    from storage.objects import open_store
    from storage.retention import STORE_LOCK

    settings = load_settings()
    engine = make_engine(settings, pool_size=2)
    try:
        with advisory_guard(engine, STORE_SECONDS)(STORE_LOCK) if alone else nullcontext():
            yield DatasetRepository(open_store(settings), advisory_guard(engine))
    finally:
        engine.dispose()


def _summary(manifest: Any) -> dict[str, Any]:
    return {
        "version": manifest.name,
        "rows": manifest.rows,
        "size": sum(part.size for part in manifest.parts),
        "classes": dict(manifest.classes),
        "split": dict(manifest.split),
        "parts": len(manifest.parts),
        "made_by": manifest.made_by,
        "sha256": manifest.ref.sha256,
    }


def _details(manifest: Any) -> dict[str, Any]:
    return {
        **_summary(manifest),
        "built_from": [ref.name for ref in manifest.built_from],
        "supersedes": manifest.supersedes,
        "details": dict(manifest.details),
        "schema": [{"name": column.name, "type": column.type} for column in manifest.schema],
        "parts": [_plain(part) for part in manifest.parts],
    }


def _plain(value: Any) -> dict[str, Any]:
    import dataclasses

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return dict(value)
