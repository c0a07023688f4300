"""`assay forget`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import NOT_WELL, print_json, print_table, progress, say

if TYPE_CHECKING:
    from tasks.forgetting import Forgotten, Removal

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Forget a person.")

NOT_OURS = (
    "Not touched: the photo bucket and the backend's own tables, which are the product's; backups, and"
    " PostgreSQL's write-ahead log until it is used again. Models and checkpoints hold weights, no pictures."
)


@app.callback()
def forget() -> None:
    """Forget a person."""


@app.command()
def user(
    person: Annotated[str, typer.Argument(metavar="ID", help="The user, or the creator of videos.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why; kept for ever.")] = None,
    by: Annotated[str | None, typer.Option(help="Who asks for it; left out: the account you work as.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; needs --yes.")] = False,
) -> None:
    """Remove a user's rows and pictures from all versions, tables and queues, and take in no more of theirs.

    Versions are written anew as the next revision.

    This cannot be undone. After it broke off, run it again.
    """
    from config.errors import InputError
    from config.settings import load_settings
    from tasks.forgetting import look
    from tasks.platform import Platform

    if not yes and (as_json or not sys.stdin.isatty()):
        raise InputError("Forgetting a user cannot be undone, and nobody can be asked here.", hint="Add --yes.")
    parts = Platform(load_settings())
    try:
        if not yes:
            with progress("Looking through versions, tables and queues ..."):
                found = look(parts, person)
            _print_removals(found, "Nothing of that user is here. They will be left out from now on.")
            if not typer.confirm(f"Remove all of it, and leave '{person}' out from now on?", err=True):
                say("Nothing was removed.")
                return
        done = _forget(parts, person, by, reason)
    finally:
        parts.close()
    if as_json:
        print_json({"removed": done.removed, "left": done.left, "complete": done.complete})
    else:
        _print(done)
    if not done.complete:
        raise typer.Exit(NOT_WELL)


def _forget(parts: Any, person: str, by: str | None, reason: str | None) -> Forgotten:
    import getpass
    from datetime import UTC, datetime

    from tasks.forgetting import forget as forget_person

    with progress("Forgetting ...") as show:
        return forget_person(
            parts, person, by=by or getpass.getuser(), reason=reason, at=datetime.now(UTC), say=show
        )


def _print(done: Forgotten) -> None:
    _print_removals(done.removed, "Nothing of that user was here.")
    for sentence in done.left:
        say(f"Left: {sentence}")
    if done.complete:
        if done.removed:
            say("The user is forgotten, and left out from now on.")
        else:
            say(
                "Nothing was found under that id: is it written right? It is left out from now on all the same."
            )
    say(NOT_OURS)


def _print_removals(removals: list[Removal], empty: str) -> None:
    from tasks.forgetting import VERSIONS

    versions = [one for one in removals if one.place == VERSIONS and one.unit == "rows"]
    others = [one for one in removals if one not in versions]
    if versions or not others:
        columns = ["version", "removed", *(["read now"] if any(one.now for one in versions) else [])]
        rows = [{"version": one.where, "removed": _said(one), "read now": one.now} for one in versions]
        print_table(rows, columns, empty=empty)
    if others:
        print_table(
            [{"place": one.place, "where": one.where, "removed": _said(one)} for one in others],
            ["place", "where", "removed"],
        )


def _said(one: Removal) -> str:
    if not one.count:
        return "the name, in a flag"
    return f"{one.count:,} {one.unit if one.count > 1 else one.unit.removesuffix('s')}"
