"""`assay experiments`: define, run, judge and conclude them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.actor import actor
from cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from serving.experiments.desk import ExperimentDesk
    from storage.experiments import ExperimentRecord

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of an experiment, such as thumbnails.")]
Reason = Annotated[str | None, typer.Option("--reason", "-m", help="Why; kept in the history for ever.")]

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Experiments that choose the better of 2 to 20 variants."
)


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="Only those: draft, running, paused or concluded.")] = None,
    as_json: Json = False,
) -> None:
    """All experiments: running ones first, then the newest first."""
    from config.errors import InputError

    if state not in (None, "draft", "running", "paused", "concluded"):
        raise InputError(f"There is no state '{state}'.", hint="States: draft, running, paused, concluded.")
    with _desk() as desk:
        found = [one for one in desk.every() if state in (None, one.state)]
    if as_json:
        print_json(found)
        return
    rows = [
        {
            "experiment": one.id, "state": one.state, "policy": one.definition["policy"]["kind"],
            "variants": len(one.variants), "decisions": sum(each["decisions"] for each in one.variants),
            "winner": one.winner, "created": one.created_at,
        }
        for one in found
    ]  # fmt: skip
    print_table(
        rows, ["experiment", "state", "policy", "variants", "decisions", "winner", "created"],
        drop_when_narrow=("created", "policy"),
        empty="There is no experiment yet: `assay experiments create`.",
    )  # fmt: skip


@app.command()
def create(
    file: Annotated[
        Path | None, typer.Argument(help="The definition, as JSON or YAML; `-` reads standard input.")
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Its id, with which services ask.")] = None,
    title: Annotated[str | None, typer.Option(help="What it asks; the id when left out.")] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[=SHARE]", help="A variant; repeat it. The first is the control."),
    ] = None,
    reward: Annotated[str | None, typer.Option(help="Name of the reward.  [default: click]")] = None,
    low: Annotated[float | None, typer.Option(help="Least reward: it is a number, no click.")] = None,
    high: Annotated[float | None, typer.Option(help="Greatest reward: it is a number, no click.")] = None,
    missing: Annotated[str | None, typer.Option(help="No reward counts as: zero or ignore.")] = None,
    policy: Annotated[str | None, typer.Option(help="fixed, thompson or contextual.  [default: fixed]")] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:number]", help="A field of the context; repeat it."),
    ] = None,
    traffic: Annotated[
        float | None, typer.Option(help="Share of subjects that take part.  [default: 1]")
    ] = None,
    minimum_effect: Annotated[float | None, typer.Option(help="The smallest difference that matters.")] = None,
    start: Annotated[bool, typer.Option("--start", help="Start it at once.")] = False,
    as_json: Json = False,
) -> None:
    """Keep a new experiment as a draft.

    It is defined by a file, or by options alone; options change what the file says.
    """
    from cli.experiment_file import merged, read_definition_file

    given = read_definition_file(file) if file is not None else {}
    options = {
        "id": id_, "title": title, "variant": variant, "reward": reward, "low": low, "high": high,
        "missing": missing, "policy": policy, "context": context, "traffic": traffic,
        "minimum_effect": minimum_effect,
    }  # fmt: skip
    with _desk() as desk:
        made = desk.create(merged(given, options), actor())
        if start:
            made = desk.start(made.id, actor())
    _report(made, as_json)


@app.command()
def edit(
    experiment: Id,
    file: Annotated[
        Path, typer.Argument(help="The whole definition, as JSON or YAML; `-` reads standard input.")
    ],
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Replace the definition of a draft."""
    from cli.experiment_file import read_definition_file

    given = {"id": experiment, **read_definition_file(file)}
    with _desk() as desk:
        changed = desk.edit(experiment, given, actor(), reason=reason)
    _report(changed, as_json)


@app.command()
def show(experiment: Id, as_json: Json = False) -> None:
    """What it is: its definition and its state."""
    from cli.experiment_output import print_experiment

    with _desk() as desk:
        found = desk.get(experiment)
    if as_json:
        print_json(found)
        return
    print_experiment(found)


@app.command()
def stats(experiment: Id, as_json: Json = False) -> None:
    """What it says so far: effects with intervals, who is best, what to do."""
    from cli.experiment_output import print_stats

    with _desk() as desk:
        found = desk.stats(experiment)
    if as_json:
        print_json(found)
        return
    print_stats(found)


@app.command()
def start(experiment: Id, reason: Reason = None, as_json: Json = False) -> None:
    """Let a draft decide. Its definition stays from now on."""
    with _desk() as desk:
        _report(desk.start(experiment, actor(), reason), as_json)


@app.command()
def pause(experiment: Id, reason: Reason = None, as_json: Json = False) -> None:
    """Stop deciding for now: everybody gets the control. Rewards still count."""
    with _desk() as desk:
        _report(desk.pause(experiment, actor(), reason), as_json)


@app.command()
def resume(experiment: Id, reason: Reason = None, as_json: Json = False) -> None:
    """Let a paused experiment decide again."""
    with _desk() as desk:
        _report(desk.resume(experiment, actor(), reason), as_json)


@app.command()
def conclude(
    experiment: Id,
    winner: Annotated[
        str | None, typer.Option(help="The variant that everybody gets from now on; left out: the control.")
    ] = None,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """End it for good, with a winner, or without one and a reason."""
    with _desk() as desk:
        _report(desk.conclude(experiment, winner, actor(), reason), as_json)


@app.command()
def history(experiment: Id, as_json: Json = False) -> None:
    """Every change: who, when, and why."""
    with _desk() as desk:
        found = desk.changes(experiment)
    if as_json:
        print_json(found)
        return
    rows = [
        {
            "at": one.at, "action": one.action, "state is": one.to_state, "by": one.actor,
            "winner": one.details.get("winner"), "reason": one.reason,
        }
        for one in found
    ]  # fmt: skip
    print_table(rows, ["at", "action", "state is", "winner", "by", "reason"])


@app.command("off-policy")
def off_policy(experiment: Id, as_json: Json = False) -> None:
    """What other policies would have earned, estimated from the logged propensities."""
    from cli.experiment_output import print_off_policy

    with _desk() as desk:
        found = desk.off_policy(experiment)
    if as_json:
        print_json(found)
        return
    print_off_policy(found)


def _report(now: ExperimentRecord, as_json: bool) -> None:
    if as_json:
        print_json(now)
        return
    said: dict[str, Any] = {
        "draft": f"Experiment {now.id} is a draft: `assay experiments start {now.id}` starts it.",
        "running": f"Experiment {now.id} is running.",
        "paused": f"Experiment {now.id} is paused: everybody gets the control.",
        "concluded": f"Experiment {now.id} is concluded: everybody gets {now.winner or 'the control'}.",
    }
    say(said[now.state])


@contextmanager
def _desk() -> Iterator[ExperimentDesk]:
    from config.settings import load_settings
    from serving.experiments.desk import ExperimentDesk
    from storage.database import make_engine

    engine = make_engine(load_settings(), pool_size=1)
    try:
        yield ExperimentDesk(engine)
    finally:
        engine.dispose()
