"""What traces cost a request: the viral application in process, with traces off and on, in turn."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import orjson

from benchmarks.viral_model import sample_model
from config.settings import load_settings
from serving.disk_copy import DiskCopy
from serving.runtime import ServiceRuntime
from serving.viral_app import viral_application

ROUNDS, REQUESTS = 30, 500
NOBODY = "http://127.0.0.1:9"
BODY = orjson.dumps({"video_id": "v1", "views": 900, "likes": 90, "comments": 9, "shares": 3, "explain": 0})
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
Message = MutableMapping[str, Any]


def run() -> list[dict[str, Any]]:
    """Processor time of the answering thread a request, in microseconds."""
    files = sample_model().to_files()
    with tempfile.TemporaryDirectory() as folder:
        off, on = (_runtime(Path(folder) / name, files, url) for name, url in (("off", None), ("on", NOBODY)))
        plain, traced = viral_application(off), viral_application(on)
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):
            for application, taken in zip((plain, traced), times, strict=True):
                taken.append(_microseconds(application))
        off.stop()
        on.stop()
    without, with_traces = (statistics.median(taken[2:]) for taken in times)
    return [
        {
            "figure": "viral request in process",
            "ours": round(without, 1),
            "other": round(with_traces, 1),
            "ratio": round(with_traces / without, 2),
            "unit": "µs",
            "note": "processor time with no endpoint set; other: a span a request, the collector away",
        }
    ]


def _runtime(home: Path, files: Any, endpoint: str | None) -> ServiceRuntime:
    settings = load_settings(assay_home=home, otel_exporter_otlp_endpoint=endpoint)
    DiskCopy(home / "services" / "viral").save("1", files, {})
    made = ServiceRuntime("viral", settings, registry=_away, database=_away)
    made.watcher.load_from_disk()
    return made


def _away() -> Any:
    raise ConnectionError("nobody is asked here")


def _microseconds(application: Any) -> float:
    async def receive() -> Message:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Message) -> None:
        assert message.get("status", 200) == 200

    async def ask() -> None:
        for _ in range(REQUESTS):
            scope = {
                "type": "http", "method": "POST", "path": "/predict", "query_string": b"", "headers": HEADERS,
            }  # fmt: skip
            await application(scope, receive, send)

    started = time.thread_time()
    asyncio.run(ask())
    return (time.thread_time() - started) / REQUESTS * 1e6


if __name__ == "__main__":
    print(run())
