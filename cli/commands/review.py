"""`assay datasets review`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from storage.reviews import Decision
    from tasks.reviewing import Flagged


def review(
    family: Annotated[str, typer.Argument(help="Family, such as viral.")],
    period: Annotated[
        str | None, typer.Option(help="Only candidates of this day (YYYY-MM-DD) or month (YYYY-MM).")
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this candidate, as the list shows it; its id alone means all of it. Repeatable."
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Only those whose flag holds these words.")] = None,
    accept: Annotated[bool, typer.Option("--accept", help="They are right as they are.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="They must not teach.")] = False,
    correct: Annotated[str | None, typer.Option(metavar="LABEL", help="Their right label is this one.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Decide about all that wait.")] = False,
    by: Annotated[str | None, typer.Option(help="Who decides; kept for ever.")] = None,
    because: Annotated[str | None, typer.Option("--because", "-m", help="Why; kept for ever.")] = None,
    decided: Annotated[bool, typer.Option("--decided", help="Also those that are decided already.")] = False,
    aside: Annotated[
        bool,
        typer.Option(
            "--aside", help="Also those set aside, such as duplicates (--key and --reason find them)."
        ),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="List at most so many.")] = 40,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, of all of them.")] = False,
) -> None:
    """List the candidates that wait for an admin, or decide about them.

    The next build of their month follows the latest decision about each.
    """
    from datetime import UTC, datetime

    from config.settings import load_settings
    from models.family import get_family
    from storage import reviews
    from storage.database import make_engine
    from storage.datasets.repository import DatasetRepository
    from storage.objects import open_store
    from tasks.reviewing import check_decision, check_label, flagged, months_of, select

    decision = _decision(accept, reject, correct)
    if decision is not None:
        _require_choice(by, bool(key or reason or everything))
    chosen_family, settings = get_family(family), load_settings()
    engine = make_engine(settings, pool_size=2)
    try:
        if correct is not None:
            check_label(chosen_family, settings, correct)
        found = flagged(DatasetRepository(open_store(settings)), engine, chosen_family, period)
        chosen = select(found, keys=key or (), reason=reason, decided=decided, aside=aside)
        if decision is not None:
            check_decision(chosen_family, decision, chosen)
            reviews.decide(
                engine,
                family=chosen_family.name,
                candidates=[one.candidate for one in chosen],
                decision=decision,
                decided_by=by or "",
                decided_at=datetime.now(UTC),
                corrected_label=correct,
                reason=because,
            )
    finally:
        engine.dispose()
    if decision is None:
        _print_list(chosen, limit, as_json)
    else:
        _print_decision(decision, chosen, months_of(chosen_family, chosen, datetime.now(UTC)), as_json)


def _decision(accept: bool, reject: bool, correct: str | None) -> Decision | None:
    from config.errors import InputError

    given: list[Decision] = []
    given += ["accept"] if accept else []
    given += ["reject"] if reject else []
    given += ["correct"] if correct is not None else []
    if len(given) > 1:
        raise InputError(f"One decision at a time, not {' and '.join(given)}.")
    return given[0] if given else None


def _require_choice(by: str | None, chosen: bool) -> None:
    from config.errors import InputError

    if not by or not by.strip():
        raise InputError("A decision names who makes it.", hint="Add --by and a name.")
    if not chosen:
        raise InputError(
            "A decision names what it is about.", hint="Add --key, --reason, or --all for all that wait."
        )


def _print_list(chosen: list[Flagged], limit: int, as_json: bool) -> None:
    from collections import Counter

    from tasks.reviewing import kind

    if as_json:
        print_json([_plain(one) for one in chosen])
        return
    kinds = Counter(kind(one.flag) for one in chosen if one.flag)
    if kinds and len(kinds) < len(chosen):
        print_table([{"rows": count, "flag": text} for text, count in kinds.most_common()], ["rows", "flag"])
    shown = [{**_plain(one), "key": one.name, "decision": _said(one)} for one in chosen[:limit]]
    optional = [name for name in ("flag", "decision", "by") if any(row[name] for row in shown)]
    print_table(shown, ["key", "label", *optional], empty="Nobody waits for an admin.")
    if len(chosen) > limit:
        say(f"{len(chosen) - limit:,} more: raise --limit, or see --json.")


def _print_decision(decision: str, chosen: list[Flagged], months: list[str], as_json: bool) -> None:
    if as_json:
        print_json({"decision": decision, "candidates": [one.key for one in chosen]})
        return
    if not chosen:
        say("No candidate was meant, so that nothing was decided.")
        return
    say(f"{decision}: {len(chosen):,} candidates. It counts from the next build on:")
    for month in months:
        say(f"  assay flows run build-datasets-monthly --month {month}")


def _said(one: Flagged) -> str:
    made = one.review
    return " ".join(filter(None, (made.decision, made.corrected_label))) if made else ""


def _plain(one: Flagged) -> dict[str, Any]:
    made = one.review
    return {
        "dataset": one.dataset,
        "key": one.key,
        "label": one.label,
        "flag": one.flag,
        "decision": made.decision if made else None,
        "corrected_label": made.corrected_label if made else None,
        "by": made.decided_by if made else None,
        "because": made.reason if made else None,
    }
