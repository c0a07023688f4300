"""Stands in for the recommendation service, whose lists the gateway keeps: one list of 20 for anybody."""

from __future__ import annotations

from typing import Any

import orjson

ITEMS = [
    {
        "id": f"video-{number}", "kind": "video", "score": 1 - number / 20, "source": "collaborative",
        "reason": "because you liked it", "because": None, "author_id": "a",
    }
    for number in range(20)
]  # fmt: skip


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers every request alike."""
    if scope["type"] != "http":
        return
    data, more = b"", True
    while more:
        message = await receive()
        data += message.get("body", b"")
        more = message.get("more_body", False)
    user = orjson.loads(data)["user_id"] if data else "nobody"
    body = orjson.dumps(
        {
            "user_id": user, "items": ITEMS, "count": 20, "answered_by": "model", "model_version": "1",
            "recommendation_id": "019a9c3e-5a70-7c11-9d5e-0242ac120002", "flags": {}, "degraded": False,
            "cached": False,
        }
    )  # fmt: skip
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})
