"""What each family's collection reads: one module a family, with ``read``."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from datetime import date, datetime
from types import ModuleType
from typing import Any

from sqlalchemy import Engine

from config.errors import InputError
from config.settings import Settings
from storage.fetching import PhotoStore
from storage.moderation_images import ModeratedImages
from storage.objects import open_store

#: Modules whose ``read`` also takes ``photos``, ``bucket`` and ``day``.
WITH_PHOTOS = frozenset({"face"})
#: Modules whose ``read`` also takes ``photos``, the store of the pictures that moderation looked at.
WITH_MODERATED = frozenset({"imagery"})
#: Modules whose functions also take the family's ``options``.
WITH_OPTIONS = frozenset({"ctr", "recommendation"})


def read_sources(
    engine: Engine,
    family: str,
    start: datetime,
    end: datetime,
    *,
    photos: PhotoStore | None = None,
    bucket: str = "",
    day: date | None = None,
    options: Any = None,
) -> dict[str, Any]:
    """The sources of ``family`` for ``start <= t < end``, by name: tables, and what else its collection needs.

    A family that learns from pictures also takes their store (``photos``, see :func:`open_photos`). One that
    learns from the users' uploads takes the bucket's name and the day that is collected too: what was collected
    before it is known to such a family. A family whose settings say when a row is final takes its ``options``.

    Raises:
        InputError: the family has no sources in the database.
        DatabaseUnavailable: the server cannot be reached.
    """
    more: Mapping[str, Any] = {}
    if family in WITH_PHOTOS:
        more = {"photos": photos, "bucket": bucket, "day": day or start.date()}
    if family in WITH_MODERATED:
        more = {"photos": photos}
    if family in WITH_OPTIONS:
        more = {"options": options}
    found: dict[str, Any] = _module(family).read(engine, start, end, **more)
    return found


def open_photos(settings: Settings, family: str, *, retries: int = 4, timeout: float = 30.0) -> PhotoStore:
    """The store of the pictures that ``family`` is collected from; see :func:`storage.objects.open_store`."""
    if family in WITH_MODERATED:
        return ModeratedImages(settings, retries=retries, timeout=timeout)
    return open_store(settings, settings.style_photo_bucket, retries=retries, timeout=timeout)


def after_collect(
    engine: Engine, family: str, start: datetime, end: datetime, *, options: Any = None
) -> dict[str, int]:
    """What a family does once ``start <= t < end`` is collected, such as writing outcomes beside what was
    predicted: its source module's ``after_collect``, if it has one. How many rows of what that changed.

    Raises:
        InputError: the family has no sources in the database.
        DatabaseUnavailable: the server cannot be reached.
    """
    hook = getattr(_module(family), "after_collect", None)
    if hook is None:
        return {}
    more = {"options": options} if family in WITH_OPTIONS else {}
    changed: dict[str, int] = hook(engine, start, end, **more)
    return changed


def late_days(engine: Engine, family: str, start: datetime, end: datetime) -> list[date]:
    """Days before ``start`` of which something came in during ``start <= t < end``, after they were collected,
    oldest first: its source module's ``late_days``, if it has one. Families that are collected by when a row
    came in have none.

    Raises:
        InputError: the family has no sources in the database.
        DatabaseUnavailable: the server cannot be reached.
    """
    hook = getattr(_module(family), "late_days", None)
    return list(hook(engine, start, end)) if hook is not None else []


def _module(family: str) -> ModuleType:
    name = f"{__name__}.{family}"
    if not family.isidentifier() or importlib.util.find_spec(name) is None:
        raise InputError(f"The database holds no sources of family '{family}'.")
    return importlib.import_module(name)
