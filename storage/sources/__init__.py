"""What each family's collection reads: one module a family, with ``read``."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine

from config.errors import InputError
from storage.objects import ObjectStore

#: Modules whose ``read`` also takes ``photos``, ``bucket`` and ``day``.
WITH_PHOTOS = frozenset({"face"})


def read_sources(
    engine: Engine,
    family: str,
    start: datetime,
    end: datetime,
    *,
    photos: ObjectStore | None = None,
    bucket: str = "",
    day: date | None = None,
) -> dict[str, Any]:
    """The sources of ``family`` for ``start <= t < end``, by name: tables, and what else its collection needs.

    A family that learns from pictures also takes the store of the users' uploads (``photos``; ``bucket`` is its
    name) and the day that is collected: what was collected before it is known to such a family.

    Raises:
        InputError: the family has no sources in the database.
        DatabaseUnavailable: the server cannot be reached.
    """
    module = f"{__name__}.{family}"
    if not family.isidentifier() or importlib.util.find_spec(module) is None:
        raise InputError(f"The database holds no sources of family '{family}'.")
    more: Mapping[str, Any] = {}
    if family in WITH_PHOTOS:
        more = {"photos": photos, "bucket": bucket, "day": day or start.date()}
    found: dict[str, Any] = importlib.import_module(module).read(engine, start, end, **more)
    return found
