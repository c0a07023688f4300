"""Candidates for the verify page, with drawn photos in a real store, and the pages as a running server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import Engine

from config.settings import Settings
from demo.faces import draw_face, jpeg, make_person
from serving.admin.app import admin_application
from storage.accounts import Account, create_account
from storage.admin_sessions import open_session
from storage.candidates import IndexRow, index_candidates
from storage.objects import open_store
from storage.reviews import candidate_key
from tests.uvicorn_thread import answering

DAY = date(2026, 11, 19)
PASSWORD = "a long test password"
STYLES = ("Serious", "Soft", "Strong", "Sunny", "Vintage", "Warm")


@lru_cache(maxsize=64)
def photo(number: int) -> bytes:
    """A drawn photo, 192 by 192."""
    rng = np.random.default_rng(number)
    return jpeg(draw_face(STYLES[number % len(STYLES)], make_person(rng), rng))


def photo_row(number: int, **changes: Any) -> IndexRow:
    """A photo's row as the collection makes it; two photos a user, the least certain first."""
    user, label = f"user-{number // 2}", STYLES[number % len(STYLES)]
    sure = min(0.97, 0.42 + number / 300)
    rest = [name for name in STYLES if name != label]
    made: dict[str, Any] = {
        "candidate": candidate_key([f"{user}/photo-{number}.jpg"]),
        "entity": user,
        "label": label,
        "confidence": sure,
        "margin": sure / 2,
        "flag": None,
        "kind": None,
        "set_aside": False,
        "image": f"{user}/photo-{number}.jpg",
        "values": {
            "width": 192, "height": 192, "face_x": 52, "face_y": 46, "face_width": 88, "face_height": 104,
            "faces": 1, "sharpness": 180.5, "brightness": 0.52, "model_version": "3",
            "probabilities": {label: sure, rest[0]: (1 - sure) * 0.6, rest[1]: (1 - sure) * 0.3},
        },
        "rank": number / 1000,
        "cluster": user,
    }  # fmt: skip
    return IndexRow(**made | changes)


def index_photos(settings: Settings, engine: Engine, count: int, *, pictures: int | None = None) -> None:
    """``count`` photos that wait, and their files in the store (the first ``pictures``, default all)."""
    index_candidates(engine, "face", DAY, f"face/candidates/{DAY}", [photo_row(one) for one in range(count)])
    put_photos(settings, range(count if pictures is None else pictures))


def put_photos(settings: Settings, numbers: range) -> None:
    """The files of photos, in the bucket of uploads."""
    store = open_store(settings, settings.style_photo_bucket)
    for number in numbers:
        store.put(f"user-{number // 2}/photo-{number}.jpg", photo(number % 48))


def flagged_row(number: int, kind: str = "Views fell from N to N by the horizon.") -> IndexRow:
    """A row of viral that validation flagged."""
    views, then = 20_000 + number, 900 + number
    flag = f"Views fell from {views:,} to {then:,} by the horizon."
    if kind.startswith("More"):
        flag = f"More likes ({views * 2:,}) than views ({views:,})."
    values = {
        "video_id": f"video-{number}", "views": views, "views_at_horizon": then, "likes": views * 2,
        "comments": number, "title": "Cats <b>and</b> dogs", "has_music": True, "shares": 4, "bookmarks": 7,
    }  # fmt: skip
    return IndexRow(
        candidate=candidate_key([f"video-{number}", datetime(2026, 11, 12, 8, number % 60, tzinfo=UTC)]),
        entity=f"video-{number}", label="low", confidence=None, margin=None, flag=flag, kind=kind,
        set_aside=False, image=None, values=values, rank=number / 1000, cluster=f"video-{number}",
    )  # fmt: skip


def index_rows(engine: Engine, falls: int = 12, likes: int = 5) -> None:
    """Flagged rows of two kinds."""
    rows = [flagged_row(one) for one in range(falls)]
    rows += [flagged_row(falls + one, "More likes (N) than views (N).") for one in range(likes)]
    index_candidates(engine, "viral", DAY, f"viral/candidates/{DAY}", rows)


def session_cookie(engine: Engine, name: str, role: str = "verifier") -> Mapping[str, str]:
    """Somebody with an account, logged in: the cookie of their browser."""
    at = datetime.now(UTC)
    account: Account = create_account(engine, name=name, role=role, password=PASSWORD, at=at)
    return {"name": "assay_admin", "value": open_session(engine, account, at=at, hours=8)}


@dataclass(frozen=True)
class Served:
    """The pages, answering at ``url``."""

    url: str


@contextmanager
def served(settings: Settings) -> Iterator[Served]:
    """The admin pages on a port of this machine, in a thread of this process."""
    with answering(admin_application(settings), log_level="warning") as url:
        yield Served(url)
