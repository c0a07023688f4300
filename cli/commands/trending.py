"""`assay trending`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from cli.output import print_json, print_table


class Window(StrEnum):
    """How far back."""

    hour = "1h"
    quarter_day = "6h"
    day = "24h"
    week = "7d"
    month = "30d"


class Kind(StrEnum):
    """What may trend."""

    video = "video"
    post = "post"
    user = "user"


def trending(
    window: Annotated[Window, typer.Option("--window", help="How far back.")] = Window.day,
    category: Annotated[str | None, typer.Option("--category", help="Only items of this category.")] = None,
    language: Annotated[str | None, typer.Option("--language", help="Only items in this language.")] = None,
    region: Annotated[str | None, typer.Option("--region", help="Only engagement from this region.")] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", help="Only items of this kind.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=50, help="How many items at most.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What trends, as the last run of refresh-trending found it."""
    from config.settings import load_settings
    from storage.database import make_engine
    from storage.trending import as_of, top

    engine = make_engine(load_settings(), pool_size=1)
    try:
        rows = top(
            engine,
            window=window.value,
            kind=kind.value if kind else None,
            category=category,
            language=language,
            region=region,
            limit=limit,
        )
        moment = as_of(engine, window.value)
    finally:
        engine.dispose()
    if as_json:
        print_json(rows)
        return
    empty = (
        "Nothing is known yet: `assay flows run refresh-trending`."
        if moment is None
        else "Nothing trends here."
    )
    shown = [
        {**vars(row), "item": row.item_id, "an_hour": row.velocity, "author": row.author_id} for row in rows
    ]
    print_table(
        shown,
        ["item", "kind", "author", "category", "direction", "growth", "score", "an_hour", "accounts"],
        title=f"Of the last {window.value}, as of {moment:%Y-%m-%d %H:%M} UTC" if moment else None,
        drop_when_narrow=("author", "category", "an_hour"),
        empty=empty,
    )
