"""A stand-in for the recommendation service, which answers as the real one does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SOURCES = {
    "collaborative": "Because you liked video-17.", "content": "Like what you watched to its end.",
    "trending": "Trending in music.", "followed": "From author-3, whom you follow.",
    "exploration": "New, and few have seen it.",
}  # fmt: skip


def recommendation(user_id: str, count: int = 20, **changes: Any) -> dict[str, Any]:
    """An answer with a list of ``count`` videos."""
    sources = list(SOURCES)
    items = [
        {
            "id": f"video-{100 + place}", "kind": "video", "score": round(1 / (1 + place), 4),
            "source": sources[place % 5], "reason": SOURCES[sources[place % 5]],
            "author_id": f"author-{place % 7}",
        }
        for place in range(count)
    ]  # fmt: skip
    made: dict[str, Any] = {
        "user_id": user_id, "items": items, "count": count, "answered_by": "model", "model_version": "7",
        "recommendation_id": "r1", "cached": False,
        "flags": {"mlRecommendations": True, "personalizedFeed": False, "engagementRanking": True},
    }  # fmt: skip
    return made | changes


@dataclass
class StandIn:
    """What it answers (None: as :func:`recommendation` does), and what it was asked."""

    port: int = 0
    status: int = 200
    body: bytes | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """The service on a port of this machine, in a thread of this process."""
    told = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told.asked.append((self.path, {key.lower(): one for key, one in self.headers.items()}, asked))
            body = told.body
            if body is None:
                body = json.dumps(recommendation(asked["user_id"], **told.changes)).encode()
            self.send_response(told.status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join(5)
