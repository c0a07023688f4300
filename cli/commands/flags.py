"""`assay flags`: for how many users each feature flag is on, and who changed it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.actor import actor
from cli.database import database
from cli.output import print_json, print_table, say

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Feature flags, each on for a percentage of the users."
)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """All flags: for how many percent of the users each is on, and what it does."""
    from config.flags import FLAGS
    from storage.flags import read_flags

    with database() as engine:
        found = read_flags(engine)
    if as_json:
        print_json(list(found.values()))
        return
    rows: list[dict[str, Any]] = [
        {
            "flag": one.name, "is": one.state.words, "what it does": FLAGS[one.name].on,
            "changed": one.updated_at, "by": one.updated_by,
        }
        for one in found.values()
    ]  # fmt: skip
    print_table(rows, ["flag", "is", "what it does", "changed", "by"], drop_when_narrow=("by", "changed"))


@app.command("set")
def set_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A flag, such as mlRecommendations.")],
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; kept in the history for ever.")],
    on: Annotated[
        bool | None, typer.Option("--on/--off", help="Switch it; left out, it stays as it is.")
    ] = None,
    rollout: Annotated[
        int | None,
        typer.Option(min=0, max=100, help="Percent of the users for whom it is on; left out, it stays."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Change a flag; the services follow within 10 seconds.

    A user keeps what they have: a higher percentage only adds users, a lower one takes the last ones away.
    """
    from datetime import UTC, datetime

    from config.errors import InputError
    from config.flags import known_flag
    from storage.flags import read_flags, set_flag

    known_flag(name)
    if on is None and rollout is None:
        raise InputError("Say what to change.", hint="Give --on or --off, or --rollout with a percentage.")
    with database() as engine:
        before = read_flags(engine)[name]
        after = set_flag(
            engine, name,
            enabled=before.enabled if on is None else on,
            rollout=before.rollout if rollout is None else rollout,
            actor=actor(), reason=reason, at=datetime.now(UTC), expected_revision=before.revision,
        )  # fmt: skip
    if as_json:
        print_json(after)
        return
    say(f"{name} is {after.state.words}; it was {before.state.words}.")
    if not after.enabled and rollout is not None:
        how = f"`assay flags set {name} --on --reason WHY`"
        say(f"Its roll-out of {after.rollout} % counts when it is switched on: {how}.")


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Of one flag only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many of the last changes.")] = 50,
    as_json: Json = False,
) -> None:
    """Who changed what, when and why; the newest first."""
    from storage.flags import changes

    with database() as engine:
        found = changes(engine, name, limit)
    if as_json:
        print_json(found)
        return
    rows = [
        {
            "at": one.at, "flag": one.name, "was": one.was.words, "is": one.now.words, "by": one.actor,
            "reason": one.reason,
        }
        for one in found
    ]  # fmt: skip
    print_table(
        rows, ["at", "flag", "was", "is", "by", "reason"], drop_when_narrow=("was",),
        empty="No flag has been changed yet: each is at its default.",
    )  # fmt: skip
