"""`assay models`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cli.actor import actor
from cli.commands.rollouts import add_to
from cli.output import print_fields, print_json, print_table, say

if TYPE_CHECKING:
    from registry.registry import Registry
    from storage.history import Promotion

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Family = Annotated[str, typer.Argument(help="Family, such as viral.")]
Version = Annotated[str, typer.Argument(help="Number of a version, such as 3.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why; kept in the history for ever.")]

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Model versions, and which one is in production."
)


@app.command("list")
def list_versions(
    family: Annotated[str | None, typer.Argument(help="Only this family.")] = None, as_json: Json = False
) -> None:
    """All registered versions, the newest first."""
    from models.family import FAMILIES, get_family

    rows = []
    with open_registry() as registry:
        for name in [get_family(family).name] if family else FAMILIES:
            metric = get_family(name).primary_metric[0]
            rows += [
                {**version.as_dict(), metric: version.metrics.get(metric)}
                for version in registry.versions(name)
            ]
    if as_json:
        print_json(rows)
        return
    metrics = sorted({get_family(row["family"]).primary_metric[0] for row in rows})
    shown = [{**row, "created": row["created_at"][:16].replace("T", " ")} for row in rows]
    print_table(
        shown, ["family", "version", "production", *metrics, "dataset", "created"],
        drop_when_narrow=("created",),
        empty="No version is registered yet: `assay train viral`.",
    )  # fmt: skip


@app.command()
def show(family: Family, version: Version, as_json: Json = False) -> None:
    """One version: figures, data, code, and what the gate said."""
    with open_registry() as registry:
        found = registry.version(family, version).as_dict()
    if as_json:
        print_json(found)
        return
    metrics, gate = found.pop("metrics"), found.pop("gate")
    print_fields(found)
    print_table([{"metric": name, "value": value} for name, value in metrics.items()], ["metric", "value"])
    if checks := gate.get("checks"):
        print_table([{**check, "gate": check["name"]} for check in checks], ["gate", "passed", "detail"])


@app.command()
def history(family: Family, as_json: Json = False) -> None:
    """Every promotion and rollback: who, when, from which version to which, and why."""
    from models.family import get_family

    with open_registry() as registry:
        moves = registry.history(get_family(family).name)
    if as_json:
        print_json(moves)
        return
    rows = [
        {
            "at": m.at,
            "action": m.action,
            "from": m.from_version,
            "to": m.to_version,
            "by": m.actor,
            "reason": m.reason,
        }
        for m in moves
    ]
    print_table(rows, ["at", "action", "from", "to", "by", "reason"], empty="Nothing has been promoted yet.")


@app.command()
def compare(family: Family, a: Version, b: Version, as_json: Json = False) -> None:
    """Two versions' figures side by side."""
    with open_registry() as registry:
        found = registry.compare(family, a, b)
    if as_json:
        print_json(found)
        return
    rows = [{**row, "metric": row["name"]} for row in found["metrics"]]
    print_table(rows, ["metric", "a", "b", "difference"], title=f"{family}: a = version {a}, b = version {b}")
    if not found["same_rows"]:
        say("Mind: they were measured on the test rows of different dataset versions.")


@app.command()
def promote(
    family: Family,
    version: Version,
    reason: Reason,
    force: Annotated[bool, typer.Option("--force", help="Pass the gate; the history says so.")] = False,
    as_json: Json = False,
) -> None:
    """Put a version into production, after loading it and asking it a real question."""
    from datetime import UTC, datetime

    with open_registry() as registry:
        move = registry.promote(
            family, version, actor=actor(), reason=reason, force=force, at=datetime.now(UTC)
        )
    _report(move, as_json)


@app.command()
def rollback(
    family: Family,
    reason: Reason,
    to: Annotated[str | None, typer.Option(help="Version to go back to; the one before when left out.")] = None,
    as_json: Json = False,
) -> None:
    """Go back to an earlier version."""
    from datetime import UTC, datetime

    with open_registry() as registry:
        move = registry.rollback(family, actor=actor(), reason=reason, to=to, at=datetime.now(UTC))
    _report(move, as_json)


@contextmanager
def open_registry() -> Iterator[Registry]:
    """The registry with its database, by the settings as they are now."""
    from config.settings import apply_tool_environment, load_settings
    from registry.registry import Registry
    from storage.database import make_engine

    settings = load_settings()
    apply_tool_environment(settings)
    engine = make_engine(settings, pool_size=1)
    registry = Registry(settings, engine)
    try:
        yield registry
    finally:
        registry.close()
        engine.dispose()


def _report(move: Promotion, as_json: bool) -> None:
    if as_json:
        print_json(move)
        return
    came_from = f" (before: {move.from_version})" if move.from_version else ""
    say(f"Version {move.to_version} of {move.family} is in production{came_from}.")


add_to(app)
