"""`assay retention`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import NOT_WELL, human_bytes, print_json, print_table, progress, say

if TYPE_CHECKING:
    from storage.retention import Plan
    from tasks.retaining import Done


def retention(
    apply: Annotated[bool, typer.Option("--apply", help="Delete it. Without it, it is only said.")] = False,
    expected: Annotated[
        str | None, typer.Option(help="Digest of the plan that you read: another one is refused.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; with --apply it needs --yes.")] = False,
) -> None:
    """Say what the RETENTION settings would delete, row by row counted; delete it with --apply.

    Nothing that collection, building, trending or a version in production needs is ever deleted. What was
    deleted stays on record. After it broke off, run it again.
    """
    from datetime import UTC, datetime

    from cli.actor import actor
    from config.errors import InputError
    from config.settings import load_settings
    from tasks.platform import Platform
    from tasks.retaining import apply as delete
    from tasks.retention_looking import look

    if apply and not yes and (as_json or not sys.stdin.isatty()):
        raise InputError("What is deleted does not come back, and nobody can be asked here.", hint="Add --yes.")
    parts = Platform(load_settings())
    try:
        with progress("Looking ...") as show:
            work = look(parts, datetime.now(UTC), told=show)
        if not as_json:
            _print_plan(work.plan)
        if not apply or not _sure(work.plan, yes=yes):
            if as_json:
                print_json({"plan": work.plan.as_json(), "deleted": None})
            return
        with progress("Deleting ...") as show:
            done = delete(
                parts, work, at=datetime.now(UTC), actor=actor(), run_id=None, expected=expected, told=show
            )
    finally:
        parts.close()
    _print_done(work.plan, done, as_json=as_json)
    if not done.complete:
        raise typer.Exit(NOT_WELL)


def _sure(plan: Plan, *, yes: bool) -> bool:
    if yes or not plan.lines:
        return True
    if typer.confirm("Delete all of that?", err=True):
        return True
    say("Nothing was deleted.")
    return False


def _print_plan(plan: Plan) -> None:
    from tasks.retention_text import kinds_table

    rows: list[dict[str, Any]] = [{**row, "size": human_bytes(row["bytes"])} for row in kinds_table(plan)]
    print_table(
        rows, ["kind", "rows", "objects", "size", "oldest", "newest", "settings"],
        drop_when_narrow=("newest", "oldest"),
    )  # fmt: skip
    for sentence in plan.held:
        say(f"Kept: {sentence}")
    say(f"As of {plan.at:%Y-%m-%d} (UTC). The plan's digest is {plan.digest}.")


def _print_done(plan: Plan, done: Done, *, as_json: bool) -> None:
    if as_json:
        print_json({"plan": plan.as_json(), **done.as_json()})
        return
    deleted = ", ".join(f"{kind} {count:,}" for kind, count in done.deleted.items() if count)
    say(f"Deleted: {deleted or 'nothing'}.")
    for sentence in done.left:
        say(f"Left: {sentence}")
