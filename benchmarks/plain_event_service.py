"""Events as a user of FastAPI would take them: what ours is measured against.

A pydantic model a batch, ``INSERT ... ON CONFLICT DO NOTHING`` with a row of parameters for each event
(executemany), and one commit a request, through SQLAlchemy. ``DATABASE_URL`` names the database.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Literal

from fastapi import FastAPI
from pydantic import BaseModel, Field
from sqlalchemy import create_engine, text

_TABLE = """
    create table if not exists plain_events (
        id text, at timestamptz, received_at timestamptz not null, user_id text not null, item_id text not null,
        kind text not null, watch_share real, region text, primary key (id, at))
"""
_INDEXES = [
    f"create index if not exists plain_{name} on plain_events ({columns})"
    for name, columns in (("user", "user_id, at"), ("item", "item_id, at"), ("received", "received_at"))
]
_INSERT = text(
    "insert into plain_events values (:id, :at, :received_at, :user_id, :item_id, :kind, :watch_share, :region)"
    " on conflict do nothing"
)


class Event(BaseModel):
    event_id: str
    user_id: str
    item_id: str
    kind: Literal["view", "like", "comment", "share", "bookmark", "follow", "skip"]
    at: datetime
    watch_share: float | None = Field(None, ge=0, le=1)
    region: str | None = None


class Events(BaseModel):
    events: list[Event] = Field(min_length=1, max_length=1000)


class Answer(BaseModel):
    accepted: int


engine = create_engine(os.environ["DATABASE_URL"], pool_size=20)
with engine.begin() as connection:
    for statement in (_TABLE, *_INDEXES):
        connection.execute(text(statement))
app = FastAPI(title="Events")


@app.post("/api/v1/events")
def take(batch: Events) -> Answer:
    now = datetime.now(UTC)
    rows = [{**event.model_dump(), "id": event.event_id, "received_at": now} for event in batch.events]
    with engine.begin() as connection:
        connection.execute(_INSERT, rows)
    return Answer(accepted=len(rows))
