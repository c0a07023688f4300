"""`assay models canary`, `shadow`, `rollouts` and `stop`: versions that are tried beside production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.actor import actor
from cli.output import print_fields, print_json, print_table, say

if TYPE_CHECKING:
    from storage.rollouts import Rollout
    from tasks.rollout_comparison import Comparison

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Family = Annotated[str, typer.Argument(help="Family, such as viral.")]
Version = Annotated[str, typer.Argument(help="Number of a version, such as 3.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why; kept with the rollout for ever.")]


def add_to(app: typer.Typer) -> None:
    """Give ``assay models`` these commands."""
    app.command()(canary)
    app.command()(shadow)
    app.command()(rollouts)
    app.command()(stop)


def canary(
    family: Family,
    version: Version,
    reason: Reason,
    share: Annotated[float, typer.Option(help="Share of the questions that it answers, such as 0.1.")] = 0.1,
    force: Annotated[bool, typer.Option("--force", help="Try it although the gate did not pass it.")] = False,
    as_json: Json = False,
) -> None:
    """Let a version answer a share of the questions, beside the one in production.

    Who is answered by it stays so for as long as it runs. Production does not move: promote it, or stop it.
    """
    _start(family, version, "canary", share, reason, force, as_json)


def shadow(
    family: Family,
    version: Version,
    reason: Reason,
    share: Annotated[float, typer.Option(help="Share of the questions that it is asked too.")] = 1.0,
    as_json: Json = False,
) -> None:
    """Ask a version what production is asked; its answers are recorded, and nobody sees them."""
    _start(family, version, "shadow", share, reason, False, as_json)


def rollouts(
    family: Annotated[str | None, typer.Argument(help="Compare the latest one of this family.")] = None,
    as_json: Json = False,
) -> None:
    """What is tried, and how it does: answers, time, agreement, and who errs less as outcomes come."""
    from datetime import UTC, datetime

    from models.family import get_family
    from storage.rollouts import list_rollouts
    from tasks.platform import platform
    from tasks.rollout_comparison import compare_rollout

    with platform() as parts:
        found = list_rollouts(parts.engine, get_family(family).name if family else None, limit=20)
        if family is None or not found:
            _show_all(found, as_json)
            return
        comparison = compare_rollout(parts, found[0], datetime.now(UTC))
    if as_json:
        print_json(comparison.as_dict())
    else:
        _show(comparison)


def stop(family: Family, as_json: Json = False) -> None:
    """End what is tried: production answers everything again."""
    from datetime import UTC, datetime

    from cli.commands.models import open_registry

    with open_registry() as registry:
        ended = registry.rollouts.stop(family, by=actor(), at=datetime.now(UTC))
    if as_json:
        print_json(ended)
        return
    say(f"Version {ended.version} of {family} is tried no more; version {ended.champion} answers everything.")


def _start(family: str, version: str, mode: str, share: float, reason: str, force: bool, as_json: bool) -> None:
    from datetime import UTC, datetime

    from cli.commands.models import open_registry

    with open_registry() as registry:
        row = registry.rollouts.start(
            family,
            version,
            mode=mode,
            share=share,
            by=actor(),
            reason=reason,
            force=force,
            at=datetime.now(UTC),
        )
    if as_json:
        print_json(row)
        return
    what = "answers" if mode == "canary" else "is asked, unseen,"
    part = f"{row.share * 100:.4g} % of the questions"
    say(f"Version {row.version} of {family} {what} {part}, beside version {row.champion}.")
    say(f"Compare them: `assay models rollouts {family}`; end it: `assay models stop {family}`.")


def _show_all(found: list[Rollout], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [
        {
            "family": one.family, "version": one.version, "beside": one.champion, "as": one.mode,
            "share": f"{one.share:.4g}", "since": one.started_at, "by": one.started_by,
            "outcome": one.outcome or "running",
        }
        for one in found
    ]  # fmt: skip
    print_table(
        rows, ["family", "version", "beside", "as", "share", "since", "by", "outcome"],
        drop_when_narrow=("by", "since"), empty="No version was ever tried beside production.",
    )  # fmt: skip


def _show(found: Comparison) -> None:
    one = found.rollout
    print_fields(
        {
            "family": one.family, "version": one.version, "beside": one.champion, "as": one.mode,
            "share": f"{one.share:.4g}", "since": one.started_at, "by": one.started_by, "reason": one.reason,
            "outcome": one.outcome or "running",
        }
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    for number, answered in ((one.champion, found.answers.champion), (one.version, found.answers.challenger)):
        times = {f"{share:.0%}": value for share, value in answered.latency_ms.items()}
        rows.append({"version": number, "answers": answered.answers, **times})
    print_table(rows, ["version", "answers", "50%", "95%", "99%"], title="Answers, and their milliseconds")
    if (alike := found.answers.agreement) is not None:
        say(f"Both said the same to {alike.same:.1%} of {alike.pairs:,} questions.")
    say(found.sentence)
    if found.note:
        say(found.note)
