"""`assay content`: publish a piece of content as a backend does, and see what came of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.database import database
from cli.output import print_fields, print_json, print_table, say

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the content.")]

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Content: add some, and see how it stands.")


class Kind(StrEnum):
    """What can be published."""

    video = "video"
    post = "post"
    comment = "comment"


@app.command()
def add(
    name: Id,
    kind: Annotated[Kind, typer.Option("--kind", help="What it is.")] = Kind.post,
    text: Annotated[str | None, typer.Option("--text", help="Its text.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="Its title.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A tag; again for more.")] = None,
    creator: Annotated[str | None, typer.Option("--creator", help="Who made it.")] = None,
    video: Annotated[str | None, typer.Option("--video", help="Key of its video in the media bucket.")] = None,
    image: Annotated[
        list[str] | None, typer.Option("--image", help="Key of a picture in the media bucket; again for more.")
    ] = None,
) -> None:
    """Publish content, or describe it anew; it is moderated and analyzed by itself."""
    from datetime import UTC, datetime

    from config.errors import InputError
    from storage.contents import put_contents

    if not any((text, title, video, image)):
        raise InputError("There is nothing in it.", hint="Give --text, --title, --video or --image.")
    now = datetime.now(UTC)
    row = {
        "id": name, "kind": kind.value, "creator_id": creator, "title": title, "text": text,
        "tags": tag or None, "video": video, "images": image or None, "created_at": now,
    }  # fmt: skip
    with database() as engine:
        put_contents(engine, [row], now)
    say(f"{name} is there; `assay content show {name}` tells what is said of it.")


@app.command()
def show(name: Id, as_json: Json = False) -> None:
    """How content stands: moderation, analysis, media jobs, webhooks."""
    from config.errors import InputError
    from storage.contents import get_content
    from storage.media_jobs import jobs_of
    from storage.moderation import history
    from storage.moderation_trail import deliveries_of

    with database() as engine:
        found = get_content(engine, name)
        if found is None:
            raise InputError(f"There is no content '{name}'.", hint="A person may have been forgotten.")
        past, jobs, told = history(engine, name), jobs_of(engine, name), deliveries_of(engine, name)
    if as_json:
        print_json({"content": found, "decisions": past, "jobs": jobs, "webhooks": told})
        return
    print_fields(_fields(found))
    if past:
        rows = [{**vars(one), "reviewed": one.reviewed_decision, "id": str(one.id)} for one in past]
        print_table(rows, ["at", "decision", "reviewed", "version", "image_version", "id"], title="decisions")
    if jobs:
        print_table(
            [vars(one) for one in jobs], ["kind", "state", "progress", "attempts", "source", "error"],
            title="media",
        )  # fmt: skip
    if told:
        rows = [{**vars(one), "tries": one.attempts} for one in told]
        print_table(rows, ["event", "created_at", "delivered_at", "tries", "error"], title="webhooks")


def _fields(found: Any) -> dict[str, Any]:
    said = found.analysis or {}
    names = [str(one["text"]) for one in said.get("entities") or ()]
    return {
        "kind": found.kind, "creator": found.creator_id, "title": found.title, "text": found.text,
        "moderation": found.moderation_status, "because of": found.flag_reason, "moderated": found.moderated_at,
        "sentiment": said.get("sentiment"), "categories": said.get("categories"),
        "language": said.get("language"), "tags": said.get("tags"), "names": names or None,
        "analyzed": found.analyzed_at, "last error": found.error,
    }  # fmt: skip
