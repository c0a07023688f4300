"""A gateway in process in front of services that a test scripts; nothing goes over a network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import orjson

from config.settings import Settings
from serving.gateway.app import Gateway
from serving.gateway.tokens import make_token
from serving.gateway.upstream import Answer

SECRET = "a secret of at least thirty-two characters, for tests"
KEY = "a key that is long enough"
OWNER, OTHER = "ana", "bob"
CONTENT, DECISION, JOB = (
    "post-42",
    "019a9c3e-5a70-7c11-9d5e-0242ac120002",
    "1b6a1c3e-9a6f-4a63-8f0e-0f2f5d6a7b8c",
)
API = "/api/v1/ml"
Script = Callable[[Any, dict[str, str]], tuple[int, Any]]
PROBLEM = b"application/problem+json"

ITEM = {
    "id": "video-42", "kind": "video", "score": 0.9, "source": "collaborative",
    "reason": "because you liked it", "because": None, "author_id": "a",
}  # fmt: skip
STANDING = {
    "id": CONTENT, "kind": "post", "creator_id": OWNER, "title": "t", "text": "x", "tags": [],
    "video": "films/7.mp4",
    "images": [], "revision": 1, "status": "approved", "flags": [], "decision_id": DECISION, "analysis": None,
    "due": [], "jobs": [],
}  # fmt: skip
THE_JOB = {
    "id": JOB, "kind": "captions", "state": "done", "progress": 1.0, "content_id": CONTENT,
    "source": "films/7.mp4", "files": [f"/api/v1/media/jobs/{JOB}/captions.vtt"],
}  # fmt: skip
PROBABILITIES = {"low": 0.05, "medium": 0.1, "high": 0.8, "ultra": 0.05}


def moderated(body: Any, _: Any) -> tuple[int, Any]:
    """A decision of a content service that has both models."""
    return 200, {
        "id": DECISION, "content_id": body["content_id"], "content_type": body["content_type"],
        "decision": "approved", "is_safe": True, "flags": [], "confidence": 0.9, "scores": {"spam": 0.1},
        "reasons": [], "language": None, "versions": {"moderation": "3", "imagery": "1"},
        "at": "2026-11-20T12:00:00Z",
    }  # fmt: skip


def recommended(body: Any, _: Any) -> tuple[int, Any]:
    """A list of one."""
    return 200, {
        "user_id": body["user_id"], "items": [ITEM], "count": 1, "answered_by": "model", "model_version": "7",
        "recommendation_id": DECISION, "flags": {}, "degraded": False, "cached": False,
    }  # fmt: skip


def found(body: Any, query: dict[str, str]) -> tuple[int, Any]:
    """One piece of content is known."""
    return (200, STANDING) if query["id"] == CONTENT else (404, problem(404, "There is no such content."))


def problem(status: int, detail: str) -> dict[str, Any]:
    """A problem document."""
    return {"type": "about:blank", "title": "no", "status": status, "detail": detail}


def always(status: int, body: Any) -> Script:
    """The same answer to every question."""
    return lambda *_: (status, body)


def scripts() -> dict[tuple[str, str, str], Script]:
    """What services answer: (service, method, path)."""
    decision = {
        "id": DECISION,
        "content_id": CONTENT,
        "creator_id": OWNER,
        "decision": "rejected",
        "appealed": False,
    }
    return {
        ("content", "POST", "/api/v1/moderate"): moderated,
        ("content", "POST", "/api/v1/analyze"): lambda body, _: (
            200, {"content_id": body["content_id"], "sentiment": "positive", "sentiment_score": 0.8},
        ),
        ("content", "GET", "/api/v1/contents"): found,
        ("content", "POST", "/api/v1/contents"): lambda body, _: (
            202, {"results": [{"index": 0, "id": body["id"], "status": "accepted", "revision": 1}]},
        ),
        ("content", "GET", f"/api/v1/moderation/{DECISION}"): always(200, decision),
        ("content", "POST", f"/api/v1/moderation/{DECISION}/appeal"): always(200, decision),
        ("content", "POST", "/api/v1/media/captions"): always(202, {"job_id": JOB, "kind": "captions",
            "state": "queued", "url": f"/api/v1/media/jobs/{JOB}"}),
        ("content", "POST", "/api/v1/media/thumbnails"): always(202, {"job_id": JOB, "kind": "thumbnails",
            "state": "queued", "url": f"/api/v1/media/jobs/{JOB}"}),
        ("content", "GET", f"/api/v1/media/jobs/{JOB}"): always(200, THE_JOB),
        ("content", "GET", f"/api/v1/media/jobs/{JOB}/captions.vtt"): always(200, b"WEBVTT\n"),
        ("content", "POST", "/models/imagery/load"): always(200, {"name": "imagery", "loaded": True,
            "model_version": "1", "detail": None}),
        ("content", "DELETE", "/models/imagery"): always(200, {"name": "imagery", "loaded": False,
            "model_version": None, "detail": "unloaded"}),
        ("viral", "POST", "/model/load"): always(200, {"loaded": True, "model_version": "3", "detail": None}),
        ("viral", "POST", "/predict"): always(200, {"viral_class": "high", "viral_score": 80, "confidence": 0.8,
            "probabilities": PROBABILITIES, "expected_views": 9e5, "model_version": "3"}),
        ("recommendation", "POST", "/api/v1/recommend"): recommended,
        ("recommendation", "POST", "/api/v1/rank"): lambda body, query: (
            200, {**recommended(body, query)[1], "items": [{**ITEM, "id": one} for one in body["items"]]},
        ),
        ("recommendation", "GET", "/api/v1/trending"): lambda _, query: (
            200, {"items": [{"rank": 1, "item_id": "video-42"}], "count": 1,
                  "content_type": query["content_type"], "time_window": query["time_window"],
                  "as_of": None, "stale": False},
        ),
    }  # fmt: skip


class World:
    """A gateway, and what its services were asked."""

    def __init__(self, settings: Settings) -> None:
        self.gateway = Gateway(settings)
        self.scripts = scripts()
        self.away: set[str] = set()
        self.slow: set[str] = set()
        self.asked: list[tuple[str, str, str, Any]] = []
        self.model_versions = {
            "moderation": "3",
            "imagery": "1",
            "sentiment": "2",
            "topics": "2",
            "entities": "1",
        }
        for name, service in self.gateway.services.all.items():
            service._send = self._sender(name)  # type: ignore[method-assign]

    def _sender(self, name: str) -> Any:
        async def send(method: str, path: str, data: bytes | None) -> Answer:
            parts = urlsplit(path)
            if name in self.slow:
                await asyncio.sleep(60)
            if name in self.away:
                raise ConnectionRefusedError(name)
            if parts.path == "/health":
                versions = (
                    {"model_versions": self.model_versions} if name == "content" else {"model_version": "3"}
                )
                return Answer(
                    200, orjson.dumps({"status": "ok", "detail": "ok", **versions}), b"application/json"
                )
            body = orjson.loads(data) if data else None
            self.asked.append((name, method, path, body))
            script = self.scripts.get((name, method, parts.path), always(404, problem(404, "no such path")))
            status, answer = script(body, dict(parse_qsl(parts.query)))
            kind = (
                PROBLEM if status >= 400 else b"text/vtt" if isinstance(answer, bytes) else b"application/json"
            )
            return Answer(status, answer if isinstance(answer, bytes) else orjson.dumps(answer), kind)

        return send

    def count(self, name: str, path: str) -> int:
        """How often a service was asked for ``path``."""
        return sum(service == name and urlsplit(asked).path == path for service, _, asked, _ in self.asked)

    def ask(self, method: str, path: str, caller: str | None = "admin", **options: Any) -> httpx.Response:
        """One request of ``caller``: a role, ``owner``, ``key``, or None for nobody."""
        headers = {**headers_of(caller), **options.pop("headers", {})}
        return asyncio.run(self.send(method, path, headers=headers, **options))

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request in the loop that runs."""
        url = path if path.startswith("/") else f"{API}/{path}"
        transport = httpx.ASGITransport(app=self.gateway, client=("192.0.2.7", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.request(method, url, **options)


def headers_of(caller: str | None) -> dict[str, str]:
    """What a caller shows: a role is shown by somebody who owns nothing, ``owner`` is a plain user."""
    if caller is None:
        return {}
    if caller == "key":
        return {"x-api-key": KEY}
    user, role = (OWNER, "user") if caller == "owner" else (OTHER, caller)
    return {"authorization": f"Bearer {bearer(user, role)}"}


def bearer(user: str, role: str) -> str:
    """A token that is good for an hour."""
    return make_token(SECRET, user, [role], int(time.time()), 3600)
