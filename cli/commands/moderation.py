"""`assay moderation`: what waits for a person, reviews, and appeals."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from cli.actor import actor
from cli.database import database
from cli.output import print_fields, print_json, print_table, say

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[UUID, typer.Argument(metavar="DECISION", help="Id of a decision, as `queue` shows it.")]
LABELS = ("spam", "hate", "toxicity", "nsfw", "violence")
SHOWN = 60

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="What moderation was unsure of, reviews of it, appeals."
)


@app.command()
def queue(
    kind: Annotated[list[str] | None, typer.Option("--kind", help="video, post or comment.")] = None,
    label: Annotated[list[str] | None, typer.Option("--label", help="Only where it is a reason.")] = None,
    decision: Annotated[
        list[str] | None, typer.Option("--decision", help="flagged, review_required, rejected or approved.")
    ] = None,
    appealed: Annotated[
        bool | None, typer.Option("--appealed/--not-appealed", help="Only those, or only the others.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """What waits for a person: appeals first, then what is most uncertain."""
    from storage.moderation import queue as read_queue

    with database() as engine:
        rows = read_queue(
            engine, limit=limit, kinds=tuple(kind or ()), labels=tuple(label or ()),
            decisions=tuple(decision or ()), appealed=appealed,
        )  # fmt: skip
    if as_json:
        print_json(rows)
        return
    print_table(
        [_line(one) for one in rows],
        ["id", "kind", "decision", "uncertain", "why", "text", "creator", "at"],
        empty="Nothing waits.",
        drop_when_narrow=("at", "creator", "kind", "uncertain", "why"),  # an id is to be copied whole
    )


def _line(one: Any) -> dict[str, Any]:
    text = " ".join((one.text or "").split())
    return {
        "id": str(one.id), "kind": one.content_kind, "uncertain": round(one.uncertainty, 2),
        "decision": one.decision + (", appealed" if one.appealed else ""), "why": reasons(one),
        "text": text if len(text) <= SHOWN else text[: SHOWN - 1] + "…",
        "creator": one.creator_id, "at": one.at,
    }  # fmt: skip


def reasons(one: Any) -> str:
    """The labels of a decision with their scores."""
    return ", ".join(
        f"{why['label']}" + (f" {why['score']:.2f}" if why.get("score") is not None else "")
        for why in one.reasons
    )


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """A decision: scores, reasons, versions, its reviews and its appeals."""
    from config.errors import InputError
    from storage.moderation import get_decision
    from storage.moderation_trail import appeals_of, reviews_of

    with database() as engine:
        found = get_decision(engine, name)
        if found is None:
            raise InputError(f"There is no decision {name}.", hint="`assay moderation queue` lists some.")
        said, objections = reviews_of(engine, name), appeals_of(engine, name)
    if as_json:
        print_json({"decision": found, "reviews": said, "appeals": objections})
        return
    print_fields(
        {
            "decision": found.decision, "why": reasons(found), "scores": found.scores, "text": found.text,
            "language": found.language, "pictures": len(found.images), "content": found.content_id,
            "kind": found.content_kind, "creator": found.creator_id, "at": found.at, "waits": found.open,
            "text model": found.version, "picture model": found.image_version,
        }
    )  # fmt: skip
    if said:
        rows = [{**vars(one), "by": one.reviewer, "labels": ", ".join(one.labels) or "clean"} for one in said]
        print_table(rows, ["at", "by", "decision", "labels", "note"], title="reviews")
    if objections:
        rows = [{**vars(one), "by": one.appellant_id} for one in objections]
        print_table(rows, ["at", "by", "text", "outcome"], title="appeals")


@app.command()
def review(
    names: Annotated[list[UUID], typer.Argument(metavar="DECISION...", help="Ids of decisions.")],
    approve: Annotated[bool, typer.Option("--approve", help="It is clean.")] = False,
    reject: Annotated[
        list[str] | None, typer.Option("--reject", help=f"A label that holds: {', '.join(LABELS)}.")
    ] = None,
    note: Annotated[str | None, typer.Option("--note", "-m", help="For your colleagues.")] = None,
) -> None:
    """Approve decisions, or reject them for what holds; it answers open appeals, and models learn from it."""
    from datetime import UTC, datetime

    from config.errors import InputError
    from storage.moderation import review as store_review

    labels = tuple(one for one in LABELS if one in (reject or ()))
    if unknown := set(reject or ()) - set(LABELS):
        raise InputError(f"'{min(unknown)}' is none of the labels: {', '.join(LABELS)}.")
    if approve == bool(labels):
        raise InputError("Say what to do.", hint="Give --approve, or --reject with a label.")
    with database() as engine:
        for name in names:
            store_review(
                engine, name, decision="approved" if approve else "rejected", labels=labels, note=note,
                reviewer=actor(), at=datetime.now(UTC),
            )  # fmt: skip
    say(f"{len(names)} {'approved' if approve else 'rejected for ' + ', '.join(labels)}.")


@app.command()
def appeal(
    name: Name,
    by: Annotated[str, typer.Option("--by", help="Id of the creator who objects.")],
    text: Annotated[str | None, typer.Option("--text", help="What they say.")] = None,
) -> None:
    """Note a creator's objection to a decision; it goes to the front of the queue."""
    from datetime import UTC, datetime

    from storage.moderation import appeal as store_appeal

    with database() as engine:
        store_appeal(engine, name, appellant_id=by, text=text, at=datetime.now(UTC))
    say("Noted: a person looks at it again.")
