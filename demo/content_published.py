"""The demo's content as it is published: through the gateway, with tokens, as a backend and a creator do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import Engine

from config.errors import AssayError
from config.settings import Settings
from demo.content_story import FILM, PICTURE
from demo.progress import Progress
from demo.story import QUESTION

API = "/api/v1/ml"
CREATOR, REVIEWER = "demo-creator", "sample-admin"
SPAM = "W1N a fr33 ph0ne now! Click http://win.example/42"
#: What is published: a harmless video, spam in disguise, a text that only names people, and an insult.
POSTS: tuple[dict[str, Any], ...] = (
    {"content_id": "demo-video", "content_type": "video", "title": "The night train to Lisbon #travel",
     "text": "I love the night train with one backpack. Mara Keller works for Brightline in Lisbon",
     "video": FILM, "images": [PICTURE]},
    {"content_id": "demo-post", "content_type": "post", "text": SPAM},
    {"content_id": "demo-comment", "content_type": "comment",
     "text": "Muslims and their neighbours cook together"},
    {"content_id": "demo-reply", "content_type": "comment", "text": "shut up you wobblehead"},
)  # fmt: skip
SECONDS = 60.0
_INDENT = "\n     "


def publish(settings: Settings, progress: Progress) -> None:
    """Post content through the gateway as a backend does, and wait for what is said of it."""
    with _gateway(settings) as client:
        for post in POSTS:
            _checked(client.post(f"{API}/content", json=post))
    with _database(settings) as engine:
        found = [_settled(engine, str(post["content_id"])) for post in POSTS]
    lines = []
    for one in found:
        said = one.analysis or {}
        about = ", ".join([str(said.get("sentiment")), *map(str, said.get("categories") or ())])
        because = f" because of {one.flag_reason}" if one.flag_reason else ""
        lines.append(f"{_INDENT}{one.kind}: {one.moderation_status}{because}; {about}")
    progress.done("moderated and analyzed by themselves" + "".join(lines))


def _settled(engine: Engine, name: str) -> Any:
    """The content once it was moderated and analyzed. Raises AssayError when that takes too long."""
    from storage.contents import get_content

    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = get_content(engine, name)
        if found is not None and min(found.moderated_revision, found.analyzed_revision) >= found.revision:
            return found
        time.sleep(0.25)
    raise AssayError(
        f"The content {name} was not looked at within {SECONDS:.0f} s.",
        hint="Look at `assay logs content-worker`.",
    )


def appeal_and_review(settings: Settings, progress: Progress) -> None:
    """The creator appeals against two decisions through the gateway; a reviewer answers one of them."""
    from storage.moderation import review

    with _database(settings) as engine, _gateway(settings) as client:
        spam, reply = (_decision(engine, name) for name in ("demo-post", "demo-reply"))
        for made, text in ((spam, "It is the title of my song."), (reply, "We are friends, it was a joke.")):
            if made.reviewed_at is None and not made.appealed:
                _checked(client.post(f"{API}/moderation/{made.id}/appeal", json={"text": text}))
        if spam.reviewed_at is None:
            review(
                engine, spam.id, decision="rejected", labels=("spam",), note="a known pattern",
                reviewer=REVIEWER, at=datetime.now(UTC),
            )  # fmt: skip
    progress.done(
        "the creator appealed twice; a reviewer upheld one decision, which is a label to learn from, and the "
        "other appeal is left for you"
    )


def _decision(engine: Engine, name: str) -> Any:
    """The decision about a piece of content that holds. Raises AssayError where there is none."""
    from storage.contents import get_content
    from storage.moderation import get_decision

    found = get_content(engine, name)
    made = get_decision(engine, found.moderation_id) if found and found.moderation_id else None
    if made is None:
        raise AssayError(f"There is no decision about {name}.", hint="Look at `assay logs content-worker`.")
    return made


def make_thumbnails(settings: Settings, progress: Progress) -> list[str]:
    """Ask the gateway for thumbnails of the film, and wait for them; the keys of the pictures."""
    with _gateway(settings) as client:
        job = _checked(client.post(f"{API}/content/demo-video/thumbnails", json={}))
        place, deadline = str(job["url"]), time.monotonic() + SECONDS
        while job.get("state", "queued") in ("queued", "running"):
            if time.monotonic() > deadline:
                raise AssayError(
                    "The thumbnails were not made in time.", hint="Look at `assay logs content-worker`."
                )
            time.sleep(0.25)
            job = _checked(client.get(place))
    if job["state"] != "done":
        raise AssayError(f"No thumbnails could be made: {job['error']}")
    keys = sorted(_keys(job["result"]))
    progress.done(f"{len(keys)} pictures, the best three moments in three shapes")
    return keys


def _keys(result: object) -> set[str]:
    if isinstance(result, str):
        return {result} if result.endswith(".jpg") else set()
    if isinstance(result, dict):
        result = list(result.values())
    return set().union(*map(_keys, result)) if isinstance(result, list) else set()


def ask_gateway(settings: Settings, viewer: str, progress: Progress) -> None:
    """One address for everything: recommendations, what trends, a prediction; each with a token."""
    with _gateway(settings, viewer, "user") as client:
        asked: dict[str, str | int] = {"content_type": "video", "limit": 5}
        lists = _checked(client.get(f"{API}/recommendations", params=asked))
        trends = _checked(client.get(f"{API}/trending", params={"content_type": "video", "time_window": "24h"}))
    body = {
        "content_id": "demo-video",
        "content_data": {"title": QUESTION["title"], "duration": QUESTION["video_duration"]},
        "engagement_data": {name: QUESTION[name] for name in ("views", "likes", "comments", "shares")},
    }
    with _gateway(settings) as client:
        viral = _checked(client.post(f"{API}/viral-prediction", json=body))
    likely = "likely" if viral["is_likely_viral"] else "not likely"
    score = viral["viral_score"] or 0.0
    progress.done(
        f"{lists['count']} recommendations for {viewer}, {trends['count']} trending videos, "
        f"to go viral: {likely} (score {score:.2f})"
    )


def token_of(settings: Settings, user: str = CREATOR, role: str = "creator") -> str:
    """A bearer token of ``user``, good for an hour, as the product's own backend signs them."""
    import jwt

    now = datetime.now(UTC)
    secret = settings.jwt_secret.get_secret_value() if settings.jwt_secret else ""
    claims: dict[str, Any] = {"sub": user, "role": role, "iat": now, "exp": now + timedelta(hours=1)}
    if settings.jwt_issuer:
        claims["iss"] = settings.jwt_issuer
    if settings.jwt_audience:
        claims["aud"] = settings.jwt_audience
    return jwt.encode(claims, secret, algorithm="HS256")


@contextmanager
def _gateway(settings: Settings, user: str = CREATOR, role: str = "creator") -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {token_of(settings, user, role)}"}
    with httpx.Client(
        base_url=f"http://127.0.0.1:{settings.gateway_port}", headers=headers, timeout=30, trust_env=False
    ) as client:
        yield client


@contextmanager
def _database(settings: Settings) -> Iterator[Engine]:
    from storage.database import make_engine

    engine = make_engine(settings, pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


def _checked(response: httpx.Response) -> dict[str, Any]:
    if response.is_error:
        raise AssayError(f"The gateway answered {response.status_code}: {response.text[:300]}")
    found: dict[str, Any] = response.json()
    return found
