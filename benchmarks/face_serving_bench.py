"""The face service over HTTP, beside the plain FastAPI service of :mod:`benchmarks.plain_face_service`, and
beside the same work called in a loop.

All have the same model; one worker each, and a process of its own loads them in turns. The plain service runs
as four processes: with faces found as OpenCV's tutorials do it and with our own finder, and torch on one thread
and on its own number of threads; of the last two, the quicker counts. Ours records each answer to its spool.
Processor time a photo is what remains comparable on a machine that does other work beside.
"""

from __future__ import annotations

import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.face_model import SIDE, photos, sample_model
from benchmarks.serving_bench import ROOT, load, process, row, service_environment
from local.ports import free_port
from serving.disk_copy import DiskCopy

CLIENTS = (1, 8)
ROUNDS = 3
SECONDS = 2.0
MANY = 10
FINDERS = {"opencv": "faces found as OpenCV's tutorials do it", "ours": "faces found by our own finder"}
THREADS = {"1": "torch on one thread", "": "torch on its own number of threads"}
#: Which plain service: its finder, and torch's threads.
Key = tuple[str, str]
Found = dict[str, float]


def run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        model, bodies = folder / "model", _bodies(folder)
        model.mkdir()
        files = sample_model().to_files()
        for file, data in files.items():
            (model / file).write_bytes(data)
        DiskCopy(folder / "home" / "services" / "face").save("1", files, {"dataset": "bench"})
        ours = stack.enter_context(_ours(folder))
        plain = {
            (finder, threads): stack.enter_context(_plain(folder, model, finder, threads))
            for finder in FINDERS
            for threads in THREADS
        }
        _agree(ours, plain["ours", "1"], bodies[1])
        for url in (ours, *plain.values()):
            load(f"{url}/predict", bodies[1], 4, 1.0)
        workers = _workers()
        rows = _against({None: ours, **plain}, workers, model, bodies)
        return [*rows, _memory(workers)]


def _bodies(folder: Path) -> dict[int, Path]:
    """Requests with one photo and with many."""
    texts = [base64.b64encode(photo).decode() for photo in photos(MANY)]
    for count in (1, MANY):
        (folder / f"{count}.json").write_text(json.dumps({"images": texts[:count]}))
    return {count: folder / f"{count}.json" for count in (1, MANY)}


def _ours(folder: Path) -> Any:
    port = free_port()
    return process(
        [sys.executable, "-m", "serving.run", "face"],
        service_environment(folder / "home", port, "face"),
        f"http://127.0.0.1:{port}",
        folder / "ours.log",
    )


def _plain(folder: Path, model: Path, finder: str, threads: str) -> Any:
    port = free_port()
    arguments = ["benchmarks.plain_face_service:app", "--port", str(port), "--no-access-log"]
    return process(
        [sys.executable, "-m", "uvicorn", *arguments],
        {**os.environ, "MODEL_FILES": str(model), "FINDER": finder, "TORCH_THREADS": threads},
        f"http://127.0.0.1:{port}",
        folder / f"plain-{finder}-{threads or 'own'}.log",
    )


def _agree(ours: str, plain: str, body: Path) -> None:
    """Both answer alike, else there is nothing to compare."""
    question = json.loads(body.read_text())
    mine, theirs = (httpx.post(f"{url}/predict", json=question, timeout=30).json() for url in (ours, plain))
    for name, chance in theirs["probabilities"].items():
        assert abs(mine["probabilities"][name] - chance) < 0.02, "the two services disagree"


def _workers() -> dict[Key | None, psutil.Process]:
    """The process that answers, of ours (None) and of each plain service."""
    found: dict[Key | None, psutil.Process] = {}
    for child in psutil.Process().children(recursive=True):
        words = " ".join(child.cmdline())
        if "benchmarks.plain_face_service" in words:
            told = child.environ()
            found[told["FINDER"], told["TORCH_THREADS"]] = child
        elif "serving.face:FaceService" in words and "_bentoml_impl.worker" in words:
            found[None] = child
    return found


def _asked(url: str, worker: psutil.Process, body: Path, clients: int) -> Found:
    """What the load generator saw, and the processor time in milliseconds that a request took (``cpu``)."""
    before = worker.cpu_times()
    found = load(f"{url}/predict", body, clients, SECONDS)
    after = worker.cpu_times()
    spent = after.user + after.system - before.user - before.system
    return {**found, "cpu": 1000 * spent / found["requests"]}


def _against(
    urls: Mapping[Key | None, str],
    workers: Mapping[Key | None, psutil.Process],
    model: Path,
    bodies: Mapping[int, Path],
) -> list[dict[str, Any]]:
    seen: dict[tuple[Key | None, int], list[Found]] = {
        (key, clients): [] for key in urls for clients in CLIENTS
    }
    loops, many = [], []
    for _ in range(ROUNDS):
        for key, clients in seen:
            seen[key, clients].append(_asked(urls[key], workers[key], bodies[1], clients))
        loops.append(_loop(model, bodies[1]))
        many.append(load(f"{urls[None]}/predict", bodies[MANY], 1, SECONDS))
    middle = {key: _median(found) for key, found in seen.items()}
    rows = []
    for clients in CLIENTS:
        for finder, how in FINDERS.items():
            plain = {threads: middle[(finder, threads), clients] for threads in THREADS}
            best = max(plain, key=lambda threads, rates=plain: rates[threads]["per_second"])
            note = f"other: plain FastAPI, {how}, {THREADS[best]}"
            rows += _beside(middle[None, clients], plain[best], clients, note)
    mine = {clients: middle[None, clients] for clients in CLIENTS}
    together = MANY * _median(many)["per_second"]
    return [*rows, *_loops(mine, _median(loops)), _many(together, mine[1]["per_second"])]


def _beside(mine: Found, other: Found, clients: int, note: str) -> list[dict[str, Any]]:
    at = f"{SIDE} px, 1 photo, {clients} client{'s' if clients > 1 else ''}"
    rate = row(f"POST /predict, {at}", mine["per_second"], other["per_second"], "images/s", note)
    names = {"p50": "p50", "p99": "p99", "cpu": "processor time a photo"}
    times = (
        row(f"{name}, {at}", mine[part], other[part], "ms", note, less_is_better=True)
        for part, name in names.items()
    )
    return [rate, *times]


def _loops(middle: Mapping[int, Found], loop: Found) -> list[dict[str, Any]]:
    note = "other: decode, find the face, cut it out, onnxruntime, in a loop: one process, one thread"
    rates = {clients: middle[clients]["per_second"] for clients in CLIENTS}
    found = [
        row(f"POST /predict against a loop, clients: {clients}", rate, loop["photos"], "images/s", note)
        for clients, rate in rates.items()
    ]
    found += [
        row(f"processor time a photo against a loop, clients: {clients}", mine["cpu"], loop["cpu"], "ms", note,
            less_is_better=True)
        for clients, mine in middle.items()
    ]  # fmt: skip
    alone = {
        "figure": "onnxruntime alone, crops that are ready",
        "ours": loop["crops"],
        "other": None,
        "ratio": None,
    }
    return [
        *found,
        {**alone, "unit": "images/s", "note": "for orientation: the network is a small part of the work"},
    ]


def _many(together: float, single: float) -> dict[str, Any]:
    return row(
        f"{MANY} photos in one request, 1 client", together, single, "images/s", "other: one photo a request"
    )


def _memory(workers: Mapping[Key | None, psutil.Process]) -> dict[str, Any]:
    """Resident memory of ours and of the plain service, after the load."""
    sizes = {key: worker.memory_info().rss / 1e6 for key, worker in workers.items()}
    plain = statistics.median(size for key, size in sizes.items() if key is not None)
    return row("memory of a worker", sizes[None], plain, "MB", "ours has no torch in it", less_is_better=True)


def _loop(model: Path, body: Path) -> Found:
    command = [sys.executable, "-m", "benchmarks.face_loop", str(model), str(body), str(SECONDS)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    answer: Found = json.loads(done.stdout)
    return answer


def _median(found: list[Found]) -> Found:
    return {name: statistics.median(one[name] for one in found) for name in found[0]}
