"""The CTR service over HTTP beside the plain FastAPI service of :mod:`benchmarks.plain_ctr_service`.

Both run as processes with one worker and the same model; a third process loads them in turns. Ours records each
prediction (to its spool; there is no database here), validates strictly and says who answered; the plain
service does none of that. The question holds all features, as those of a backend that knows its clips do.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from benchmarks.serving_bench import CLIENTS, ROUNDS, interleaved, load, process, row, service_environment
from config.settings import load_settings
from demo.ctr_world import make_ctr_world
from local.ports import free_port
from models.ctr import FAMILY

PATH = "/predict/ctr"
QUESTION = {
    "clip_id": "bench",
    "at": "2026-11-20T12:00:00Z",
    "placement": "feed",
    "audience": "25-34",
    "creator_id": "creator-1",
    "advertiser_id": "brand-1",
    "title": "What nobody tells you about sourdough",
    "hook_text": "Watch until the end",
    "category": "food",
    "duration": 21.5,
    "psychology_composite": 0.71,
    "hook_strength": 0.8,
    "novelty_score": 0.42,
    "emotion_priority": 0.6,
    "has_face": True,
    "composite_score": 0.68,
    "published_at": "2026-11-18T12:00:00Z",
    "clip_impressions": 5200,
    "clip_clicks": 214,
    "creator_impressions": 182_000,
    "creator_clicks": 6900,
    "advertiser_impressions": 940_000,
    "advertiser_clicks": 31_000,
}


def sample_files() -> dict[str, bytes]:
    """The files of a model fitted to the sample world."""
    settings = load_settings()
    options = FAMILY.options(settings)
    rows, _ = FAMILY.clean(make_ctr_world(date(2026, 11, 1)), None, None)
    roles = FAMILY.examples_from_rows({"train": rows}, options)
    return FAMILY.fit(roles["train"], roles["valid"], options, {}, settings.training_seed).to_files()


def measure(ours: str, other: str, folder: Path) -> list[dict[str, Any]]:
    """All figures of two running services."""
    single, batch = folder / "single.json", folder / "batch.json"
    single.write_text(json.dumps(QUESTION))
    batch.write_text(json.dumps({"clips": [QUESTION] * 100}))
    mine, theirs = (httpx.post(f"{url}{PATH}", json=QUESTION, timeout=10).json() for url in (ours, other))
    assert mine["answered_by"] == "model", mine
    for name in ("predicted_ctr", "ctr_low", "ctr_high", "confidence"):
        assert math.isclose(mine[name], theirs[name], rel_tol=1e-9), f"the two services disagree on {name}"
    for url in (ours, other):
        load(f"{url}{PATH}", single, 4, 1.0)
    rows = []
    for clients in CLIENTS:
        first, second = interleaved(f"{ours}{PATH}", f"{other}{PATH}", single, clients)
        at = f"{clients} client{'s' if clients > 1 else ''}"
        note = "the same model and interval; ours also records each answer"
        rows.append(row(f"POST {PATH}, {at}", first["per_second"], second["per_second"], "1/s", note))
        rows += [
            row(f"{part}, {at}", first[part], second[part], "ms", note, less_is_better=True)
            for part in ("p50", "p99")
        ]
    return [*rows, batches(ours, single, batch)]


def batches(ours: str, single: Path, batch: Path) -> dict[str, Any]:
    """Clips a second in requests about 100 beside single ones, one client each."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        found[0].append(100 * load(f"{ours}{PATH}", batch, 1)["per_second"])
        found[1].append(load(f"{ours}{PATH}", single, 1)["per_second"])
    many, one = (statistics.median(values) for values in found)
    return row("clips in requests about 100", many, one, "clips/s", "beside single requests, 1 client")


def run() -> list[dict[str, Any]]:
    from serving.disk_copy import DiskCopy

    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        files = sample_files()
        DiskCopy(folder / "home" / "services" / "ctr").save("1", files, {"dataset": "bench"})
        (folder / "model").mkdir()
        for file, data in files.items():
            (folder / "model" / file).write_bytes(data)
        ports = free_port(), free_port()
        ours = process(
            [sys.executable, "-m", "serving.run", "ctr"],
            service_environment(folder / "home", ports[0], "ctr"),
            f"http://127.0.0.1:{ports[0]}",
            folder / "ours.log",
        )
        plain = ["benchmarks.plain_ctr_service:app", "--port", str(ports[1]), "--no-access-log"]
        other = process(
            [sys.executable, "-m", "uvicorn", *plain],
            {**os.environ, "MODEL_FILES": str(folder / "model"), "OMP_NUM_THREADS": "1"},
            f"http://127.0.0.1:{ports[1]}",
            folder / "plain.log",
        )
        return measure(stack.enter_context(ours), stack.enter_context(other), folder)
