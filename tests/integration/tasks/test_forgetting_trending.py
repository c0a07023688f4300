"""Forgetting a person takes their rows out of what trends, and the sums go on."""

from __future__ import annotations

from sqlalchemy import Engine, text

from config.settings import Settings
from storage.database import transaction
from storage.erasure_tables import Traces, count_rows, delete_rows
from storage.trending import top
from tests.trending_world import SUMS, event, items, known, send, tick

NOBODY = Traces("recommendation", "user_id", frozenset(), frozenset(), by_person=False)
TABLES = (*SUMS, "trends")


def rows(engine: Engine) -> str:
    with transaction(engine) as connection:
        return "\n".join(
            str(row) for table in TABLES for row in connection.execute(text(f"select t::text from {table} t"))
        )


def forget(engine: Engine, person: str) -> dict[str, int]:
    counted = count_rows(engine, person, [NOBODY])
    with transaction(engine) as connection:
        assert delete_rows(connection, person, [NOBODY], "someone") == counted
    return counted


def test_nothing_of_the_person_nor_of_their_items_is_left(engine: Engine, settings: Settings) -> None:
    items(engine, "ann-video", author_id="ann-author")
    items(engine, "other", author_id="bob")
    for user in ("ann-author", "carl", "dora"):
        send(engine, [row for item in ("ann-video", "other") for row in known(user, item, 2)])
    send(engine, [event(user, "ann-author", 3, "follow", item_kind="user") for user in ("carl", "dora")])
    tick(engine, settings, 1)
    assert {"ann-video", "ann-author", "other"} <= {row.item_id for row in top(engine, window="24h")}

    counted = forget(engine, "ann-author")

    assert counted["trend_contributions"] > 0
    left = rows(engine)
    assert "ann-author" not in left.replace("own-ann-author", "")
    assert "ann-video" not in left
    assert [row.item_id for row in top(engine, window="24h", kind="user")] == []


def test_after_it_ticks_go_on_and_what_the_person_did_fades_with_the_windows(
    engine: Engine, settings: Settings
) -> None:
    for user in ("ann", "carl", "dora"):
        send(engine, known(user, "x", 2))
    tick(engine, settings)
    forget(engine, "ann")
    send(engine, [event("carl", "x", 0.01, "share")])
    assert not tick(engine, settings, -0.5)["rebuilt"]
    assert next(row for row in top(engine, window="24h") if row.item_id == "x").accounts == 3
    tick(engine, settings, -24 * 70)
    assert rows(engine).count("x") == 0
    assert top(engine, window="30d") == []
