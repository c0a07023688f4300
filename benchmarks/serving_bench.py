"""The viral service over HTTP beside the plain FastAPI service of :mod:`benchmarks.plain_service`.

Both run as processes with one worker and the same model; a third process loads them in turns. Ours records
each prediction (to its spool; there is no database here), validates strictly and explains each single answer
by its top features, as it does in production; the plain service does none of that.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from benchmarks.viral_model import sample_model
from local.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = (1, 8, 32)
ROUNDS = 3
SECONDS = 2.0
QUESTION = {
    "video_id": "bench",
    "views": 150000,
    "likes": 12000,
    "comments": 450,
    "shares": 890,
    "bookmarks": 2300,
    "creator_followers": 85000,
    "creator_verified": False,
    "video_duration": 45,
    "published_at": "2026-10-31T18:00:00Z",
    "taken_at": "2026-11-01T12:00:00Z",
    "title": "You won't believe this hack! #viral #fyp",
}


@contextmanager
def process(command: list[str], environment: dict[str, str], url: str, log: Path) -> Iterator[str]:
    """A server until the block ends, ready when ``url`` answers."""
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        limit = time.monotonic() + 60
        while True:
            try:
                httpx.get(url, timeout=2)
                break
            except httpx.TransportError:
                if time.monotonic() > limit or server.poll() is not None:
                    raise RuntimeError(f"{command} does not answer: {log.read_text()[-2000:]}") from None
                time.sleep(0.1)
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def service_environment(home: Path, port: int, family: str = "viral") -> dict[str, str]:
    """Environment of our service: a home of its own, and neither a database nor a registry to be found."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("ASSAY", "DB_", "MLFLOW"))
    }
    return {
        **kept,
        "ASSAY_HOME": str(home),
        f"{family.upper()}_PORT": str(port),
        "SERVICE_WORKERS": "1",
        "DB_PORT": str(free_port()),
        "MLFLOW_PORT": str(free_port()),
        "LOG_LEVEL": "ERROR",
    }


def load(url: str, body: Path, clients: int, seconds: float = SECONDS) -> dict[str, float]:
    """What the load generator saw."""
    command = [sys.executable, "-m", "benchmarks.load", url, str(body), str(clients), str(seconds)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=seconds + 60)
    found: dict[str, float] = json.loads(done.stdout)
    if found["failures"]:
        raise RuntimeError(f"{url} failed {found['failures']} of {found['requests']} requests")
    return found


def interleaved(ours: str, other: str, body: Path, clients: int) -> tuple[dict[str, float], dict[str, float]]:
    """Medians over rounds in which both sides took turns."""
    rounds: tuple[list[dict[str, float]], list[dict[str, float]]] = ([], [])
    for _ in range(ROUNDS):
        for url, found in zip((ours, other), rounds, strict=True):
            found.append(load(url, body, clients))
    first, second = (
        {name: statistics.median(one[name] for one in found) for name in found[0]} for found in rounds
    )
    return first, second


def row(
    figure: str, ours: float, other: float, unit: str, note: str, *, less_is_better: bool = False
) -> dict[str, Any]:
    ratio = other / ours if less_is_better else ours / other
    return {"figure": figure, "ours": ours, "other": other, "ratio": ratio, "unit": unit, "note": note}


def measure(ours: str, other: str, folder: Path) -> list[dict[str, Any]]:
    """All figures of two running services."""
    single, batch, lean = folder / "single.json", folder / "batch.json", folder / "lean.json"
    single.write_text(json.dumps(QUESTION))
    lean.write_text(json.dumps({**QUESTION, "explain": False}))
    batch.write_text(json.dumps({"videos": [QUESTION] * 100}))
    answers = [httpx.post(f"{url}/predict", json=QUESTION, timeout=10).json() for url in (ours, other)]
    for name in ("viral_class", "viral_score", "probabilities"):
        assert answers[0][name] == answers[1][name], f"the two services disagree on {name}"
    for url in (ours, other):
        load(f"{url}/predict", single, 4, 1.0)
        load(f"{url}/predict/batch", batch, 1, 0.5)
    rows = []
    for clients in CLIENTS:
        mine, theirs = interleaved(f"{ours}/predict", f"{other}/predict", single, clients)
        note = "5 top features in ours, none in theirs"
        at = f"{clients} client{'s' if clients > 1 else ''}"
        rows.append(row(f"POST /predict, {at}", mine["per_second"], theirs["per_second"], "1/s", note))
        rows += [
            row(f"{part}, {at}", mine[part], theirs[part], "ms", note, less_is_better=True)
            for part in ("p50", "p99")
        ]
    return rows + batches(ours, single, lean, batch)


def batches(ours: str, single: Path, lean: Path, batch: Path) -> list[dict[str, Any]]:
    """Rows a second of batches of 100 beside single calls, one client each."""
    found: dict[str, list[float]] = {"single": [], "lean": [], "batch": []}
    for _ in range(ROUNDS):
        found["single"].append(load(f"{ours}/predict", single, 1)["per_second"])
        found["lean"].append(load(f"{ours}/predict", lean, 1)["per_second"])
        found["batch"].append(100 * load(f"{ours}/predict/batch", batch, 1)["per_second"])
    middle = {name: statistics.median(values) for name, values in found.items()}
    figure, unit, beside = "rows in batches of 100", "rows/s", "beside single calls, 1 client,"
    return [
        row(figure, middle["batch"], middle["single"], unit, f"{beside} as asked by default (5 top features)"),
        row(figure, middle["batch"], middle["lean"], unit, f"{beside} without top features"),
    ]


def recording(folder: Path) -> dict[str, Any]:
    """What a prediction's record costs its answer: one line to the spool, in this process."""
    from config.settings import load_settings
    from serving.metrics import ServiceMetrics
    from serving.recorder import Recorder, new_identities

    at = datetime.now(UTC)
    answer = {"viral_class": "low", "probabilities": dict.fromkeys(("low", "medium", "high", "ultra"), 0.25)}
    settings = load_settings(assay_home=folder)
    recorder = Recorder("viral", folder / "spool", settings, ServiceMetrics("viral"), lambda: len)
    times = []
    for _ in range(5000):
        began = time.perf_counter()
        line = (new_identities(1)[0], "bench", at, QUESTION, answer)
        recorder.record([line], version="1", latency_ms=0.1, received_at=at)
        times.append(1e6 * (time.perf_counter() - began))
    recorder.stop()
    note = f"p99 {sorted(times)[4950]:.0f} µs; part of every answer above"
    figure = "recording a prediction, median"
    return {
        "figure": figure,
        "ours": statistics.median(times),
        "other": None,
        "ratio": None,
        "unit": "µs",
        "note": note,
    }


def run() -> list[dict[str, Any]]:
    from serving.disk_copy import DiskCopy

    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        files = sample_model().to_files()
        DiskCopy(folder / "home" / "services" / "viral").save("1", files, {"dataset": "bench"})
        for file, data in files.items():
            (folder / file).write_bytes(data)
        ports = free_port(), free_port()
        ours = process(
            [sys.executable, "-m", "serving.run", "viral"],
            service_environment(folder / "home", ports[0]),
            f"http://127.0.0.1:{ports[0]}",
            folder / "ours.log",
        )
        plain = ["benchmarks.plain_service:app", "--port", str(ports[1]), "--no-access-log"]
        other = process(
            [sys.executable, "-m", "uvicorn", *plain],
            {**os.environ, "MODEL_FILES": str(folder), "OMP_NUM_THREADS": "1"},
            f"http://127.0.0.1:{ports[1]}",
            folder / "plain.log",
        )
        rows = measure(stack.enter_context(ours), stack.enter_context(other), folder)
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name:
        return [*rows, recording(Path(name))]
