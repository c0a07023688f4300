"""The content service over HTTP beside the plain FastAPI service of :mod:`benchmarks.plain_content_service`.

Both run as processes with one worker and models of the same texts; a third process loads them in turns. Ours
records each decision (to its spool; there is no database here), calibrates, and says which words it decided by;
the plain service does none of that.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa

from benchmarks.serving_bench import CLIENTS, ROUNDS, interleaved, load, process, row, service_environment
from config.settings import load_settings
from demo import content_world as world
from demo.content_world import Labelled
from local.ports import free_port
from models.family import get_family

ONE, MANY, ANALYZE = "/api/v1/moderate", "/api/v1/moderate/batch", "/api/v1/analyze/batch"
CLEAN = "I took the night train to Lisbon with one backpack, and it was the best week of the whole year for us"
SPAM = (
    "W1N a fr33 ph0ne now! Click http://win.example/42 and enter your card number, only today for our followers"
)
ROWS = {"moderation": 2000, "sentiment": 1000, "topics": 1000, "entities": 400}
MAKERS = {
    "moderation": world.moderated,
    "sentiment": world.sentiments,
    "topics": world.topics,
    "entities": world.names,
}
ITEMS, ANALYZED = 1000, 500
NOTE = "a text of 100 characters; ours calibrates and records each decision"


def run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        texts = prepare(folder)
        ports = free_port(), free_port()
        began = time.monotonic()
        ours = stack.enter_context(
            process(
                [sys.executable, "-m", "serving.run", "content"],
                service_environment(folder / "home", ports[0], "content"),
                f"http://127.0.0.1:{ports[0]}",
                folder / "ours.log",
            )
        )
        first = first_answers(ours, time.monotonic() - began)
        plain = ["benchmarks.plain_content_service:app", "--port", str(ports[1]), "--no-access-log"]
        other = stack.enter_context(
            process(
                [sys.executable, "-m", "uvicorn", *plain],
                {**os.environ, "TEXTS": str(folder / "texts.json"), "OMP_NUM_THREADS": "1"},
                f"http://127.0.0.1:{ports[1]}",
                folder / "plain.log",
            )
        )
        return [*first, *singles(ours, other, folder), *batches(ours, other, folder, texts), *in_process(texts)]


def prepare(folder: Path) -> list[str]:
    """Versions on disk for ours, and the texts for the other; texts to ask about."""
    from serving.disk_copy import DiskCopy

    settings = load_settings()
    for name, rows in ROWS.items():
        family, rng = get_family(name), np.random.default_rng(5)
        train, valid = (MAKERS[name](rng, count) for count in (rows, rows // 4))
        fitted = family.fit(table(train), table(valid), family.options(settings), {}, settings.training_seed)
        copy = DiskCopy(folder / "home" / "services" / "content" / name)
        copy.save("1", fitted.to_files(), {"dataset": "bench"})
        if name == "moderation":
            (folder / "texts.json").write_text(json.dumps([[one.text, one.label] for one in train]))
    return [one.text for one in world.moderated(np.random.default_rng(6), ITEMS)]


def table(rows: list[Labelled]) -> pa.Table:
    """Texts with their labels."""
    return pa.table({"text": [one.text for one in rows], "label": [one.label for one in rows]})


def first_answers(url: str, started: float) -> list[dict[str, Any]]:
    """How long the first questions take once the process answers at all."""
    found = []
    for path, body in (
        (ONE, {"text": CLEAN}),
        ("/api/v1/analyze", {"content_data": {"text": CLEAN}}),
    ):
        began = time.perf_counter()
        httpx.post(f"{url}{path}", json=body, timeout=30).raise_for_status()
        found.append(1000 * (time.perf_counter() - began))
    how = f"the process answers {started:.1f} s after its launch; then this question is its first"
    return [
        alone(f"first answer of {what} after the start", took, "ms", how)
        for what, took in zip(("moderate", "analyze"), found, strict=True)
    ]


def singles(ours: str, other: str, folder: Path) -> list[dict[str, Any]]:
    """Requests about one text each."""
    rows = []
    for name, text, clients_of in (("a clean text", CLEAN, CLIENTS), ("spam", SPAM, (8,))):
        body = folder / "one.json"
        body.write_text(json.dumps({"content_type": "comment", "text": text, "creator_id": "u1"}))
        for url in (f"{ours}{ONE}", f"{other}/moderate"):
            load(url, body, 4, 1.0)
        note = NOTE if text is CLEAN else f"{NOTE}, and says which words it decided by"
        for clients in clients_of:
            first, second = interleaved(f"{ours}{ONE}", f"{other}/moderate", body, clients)
            at = f"{name}, {clients} client{'s' if clients > 1 else ''}"
            rows.append(row(f"moderate {at}", first["per_second"], second["per_second"], "1/s", note))
            rows += [
                row(f"{part}, {at}", first[part], second[part], "ms", note, less_is_better=True)
                for part in ("p50", "p99")
            ]
    return rows


def batches(ours: str, other: str, folder: Path, texts: list[str]) -> list[dict[str, Any]]:
    """Texts a second in large requests by one client."""
    many, analyze = folder / "many.json", folder / "analyze.json"
    many.write_text(json.dumps({"items": [{"text": text} for text in texts]}))
    analyze.write_text(json.dumps({"items": [{"content_data": {"text": text}} for text in texts[:ANALYZED]]}))
    found: tuple[list[float], ...] = ([], [], [])
    for _ in range(ROUNDS):
        found[0].append(ITEMS * load(f"{ours}{MANY}", many, 1)["per_second"])
        found[1].append(ITEMS * load(f"{other}/moderate/batch", many, 1)["per_second"])
        found[2].append(ANALYZED * load(f"{ours}{ANALYZE}", analyze, 1)["per_second"])
    moderated, theirs, analyzed = (statistics.median(values) for values in found)
    how = f"by HTTP, {ITEMS} texts of the sample world a request, half of them to be explained, 1 client"
    what = f"by HTTP, {ANALYZED} texts a request; language, tags, sentiment, categories, topics, names"
    return [
        row("texts moderated in batch", moderated, theirs, "texts/s", how),
        alone("texts analyzed in batch", analyzed, "texts/s", what),
    ]


def in_process(texts: list[str]) -> list[dict[str, Any]]:
    """The same batch without HTTP: from the request's bytes to the answer's, its record in the spool."""
    from serving.content_app import ContentService, content_runtime

    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name:
        settings = load_settings(assay_home=Path(name), mlflow_tracking_uri="http://127.0.0.1:9")
        family, rng = get_family("moderation"), np.random.default_rng(5)
        train, valid = (table(world.moderated(rng, count)) for count in (2000, 500))
        fitted = family.fit(train, valid, family.options(settings), {}, settings.training_seed)
        runtime = content_runtime(settings, registry=_nobody, database=_nobody)
        runtime.models["moderation"].disk.save("1", fitted.to_files(), {})
        runtime.models.load_from_disk()
        service = ContentService(runtime)
        application = service.application()
        body = json.dumps({"items": [{"text": text} for text in texts]}).encode()
        took = asyncio.run(_timed(application, body, 5 * ROUNDS))
        service.stop()
    how = f"in process, {ITEMS} texts: validated, decided, explained, recorded, as JSON"
    return [alone("texts moderated in batch, in process", ITEMS / statistics.median(took), "texts/s", how)]


async def _timed(application: Any, body: bytes, times: int) -> list[float]:
    """Seconds of each of ``times`` requests, asked through ASGI."""
    took = []
    for _ in range(times):
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": MANY, "headers": [], "query_string": b""}
        began = time.perf_counter()
        await application(scope, receive, send)
        took.append(time.perf_counter() - began)
        if sent[0]["status"] != 200:
            raise RuntimeError(f"the batch was refused: {sent[1]}")
    return took


def alone(figure: str, value: float, unit: str, note: str) -> dict[str, Any]:
    """A figure that stands beside nothing."""
    return {"figure": figure, "ours": value, "other": None, "ratio": None, "unit": unit, "note": note}


def _nobody() -> Any:
    raise ConnectionError("nobody is there")
