"""Labelled texts of the family ``sentiment``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from storage.sources.texts import labelled


def read(engine: Engine, start: datetime, end: datetime) -> dict[str, Any]:
    """``labelled``: see :func:`storage.sources.texts.labelled`."""
    return {"labelled": labelled(engine, "sentiment", start, end)}
