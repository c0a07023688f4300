"""The gateway beside the plain one of :mod:`benchmarks.plain_gateway`: what each adds, and kept answers.

Both run as processes with one worker in front of the same viral service (ours, with a real model). A third
process asks that service directly, through ours and through theirs in turns, one client: what a gateway adds is
its median minus that of the service alone. Ours verifies, counts, validates strictly, gives ids, and watches
its breaker.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.serving_bench import QUESTION, ROOT, process, row, service_environment
from benchmarks.viral_model import sample_model
from local.ports import free_port

ROUNDS, SECONDS = 5, 2.0
SECRET = "a secret of at least thirty-two characters, for benchmarks"  # noqa: S105
API = "/api/v1/ml"
ASKED: dict[str, Any] = {
    "content_id": "bench",
    "content_data": {"title": QUESTION["title"], "duration": 45, "creator_followers": 85000},
    "engagement_data": {name: QUESTION[name] for name in ("views", "likes", "comments", "shares")},
}
DIRECT: dict[str, Any] = {
    "video_id": "bench",
    "title": QUESTION["title"],
    "video_duration": 45,
    "creator_followers": 85000,
    **ASKED["engagement_data"],
    "explain": 0,
}


def request(url: str, method: str, token: str | None = None, body: Any = None) -> bytes:
    """A request as it goes over the wire."""
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    data = json.dumps(body).encode() if body is not None else b""
    head = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}"]
    if token:
        head.append(f"Authorization: Bearer {token}")
    if data:
        head += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return "\r\n".join([*head, "", ""]).encode() + data


def load(url: str, asked: bytes, clients: int, folder: Path, seconds: float = SECONDS) -> dict[str, float]:
    """What the load generator saw."""
    file = folder / "request"
    file.write_bytes(asked)
    command = [sys.executable, "-m", "benchmarks.gateway_load", url, str(file), str(clients), str(seconds)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=seconds + 60)
    found: dict[str, float] = json.loads(done.stdout)
    if found["failures"]:
        raise RuntimeError(f"{url} failed {found['failures']} of {found['requests']} requests")
    return found


def in_turns(sides: dict[str, tuple[str, bytes]], clients: int, folder: Path) -> dict[str, dict[str, float]]:
    """Medians over rounds in which all sides took turns."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for url, asked in sides.values():
        load(url, asked, clients, folder, 0.5)
    for _ in range(ROUNDS):
        for name, (url, asked) in sides.items():
            seen[name].append(load(url, asked, clients, folder))
    return {
        name: {part: statistics.median(one[part] for one in found) for part in found[0]}
        for name, found in seen.items()
    }


def added(direct: str, ours: str, theirs: str, token: str, folder: Path) -> list[dict[str, Any]]:
    """What a prediction takes longer through a gateway."""
    path = f"{API}/viral-prediction"
    rows = []
    for clients in (1, 8):
        found = in_turns(
            {
                "direct": (direct, request(f"{direct}/predict", "POST", None, DIRECT)),
                "ours": (ours, request(f"{ours}{path}", "POST", token, ASKED)),
                "theirs": (theirs, request(f"{theirs}{path}", "POST", token, ASKED)),
            },
            clients,
            folder,
        )
        at = f"{clients} client{'s' if clients > 1 else ''}"
        alone = found["direct"]["p50"]
        mine, other = found["ours"], found["theirs"]
        note = f"POST viral-prediction; the viral service alone answers in {alone:.2f} ms"
        rows.append(
            row(f"added at the median, {at}", mine["p50"] - alone, other["p50"] - alone, "ms", note,
                less_is_better=True)
        )  # fmt: skip
        rows.append(row(f"p50 through it, {at}", mine["p50"], other["p50"], "ms", note, less_is_better=True))
        rows.append(row(f"p99 through it, {at}", mine["p99"], other["p99"], "ms", note, less_is_better=True))
    return rows


def kept(ours: str, theirs: str, token: str, folder: Path) -> list[dict[str, Any]]:
    """Recommendations that are kept: neither asks a service."""
    path = f"{API}/recommendations?content_type=video&limit=20"
    sides = {name: (url, request(f"{url}{path}", "GET", token)) for name, url in (("o", ours), ("t", theirs))}
    rows = []
    for clients in (1, 8, 32):
        found = in_turns(sides, clients, folder)
        at, note = f"{clients} client{'s' if clients > 1 else ''}", "GET recommendations, kept in the process"
        mine, other = found["o"], found["t"]
        rows.append(row(f"kept answers, {at}", mine["per_second"], other["per_second"], "1/s", note))
        rows += [
            row(f"{part} of kept answers, {at}", mine[part], other[part], "ms", note, less_is_better=True)
            for part in ("p50", "p99")
        ]
    return rows


def first_answer(home: Path, port: int, environment: dict[str, str], token: str) -> dict[str, Any]:
    """Milliseconds from the start of the process, and from its first open port, to a first answer."""
    import httpx

    began = time.perf_counter()
    command = [sys.executable, "-m", "serving.gateway"]
    with process(command, environment, f"http://127.0.0.1:{port}", home / "first.log") as url:
        up = time.perf_counter()
        headers = {"Authorization": f"Bearer {token}"}
        httpx.post(f"{url}{API}/viral-prediction", json=ASKED, headers=headers, timeout=10).raise_for_status()
        took = 1000 * (time.perf_counter() - up)
    note = f"a prediction, once it listens; it listens {up - began:.1f} s after its start"
    return {"figure": "first answer", "ours": took, "other": None, "ratio": None, "unit": "ms", "note": note}


def run() -> list[dict[str, Any]]:
    from serving.disk_copy import DiskCopy
    from serving.gateway.tokens import make_token

    token = make_token(SECRET, "bench", ["creator"], int(time.time()), 3600)
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        DiskCopy(folder / "home" / "services" / "viral").save(
            "1", sample_model().to_files(), {"dataset": "bench"}
        )
        viral, lists, ours, theirs, first = (free_port() for _ in range(5))
        address = {port: f"http://127.0.0.1:{port}" for port in (viral, lists, ours, theirs, first)}
        gateway = {
            "JWT_SECRET": SECRET,
            "VIRAL_URL": address[viral],
            "RECOMMENDATION_URL": address[lists],
            "RATE_LIMIT_PER_MINUTE": "100000000",
        }
        home = folder / "gateway"
        home.mkdir()
        uvicorn = [sys.executable, "-m", "uvicorn", "--no-access-log", "--port"]
        for command, environment, port in (
            (
                [sys.executable, "-m", "serving.run", "viral"],
                service_environment(folder / "home", viral),
                viral,
            ),
            ([*uvicorn, str(lists), "benchmarks.gateway_list_service:app"], dict(os.environ), lists),
            (
                [sys.executable, "-m", "serving.gateway"],
                {**service_environment(home, ours, "gateway"), **gateway},
                ours,
            ),
            ([*uvicorn, str(theirs), "benchmarks.plain_gateway:app"], {**os.environ, **gateway}, theirs),
        ):
            stack.enter_context(process(command, environment, address[port], folder / f"{port}.log"))
        rows = added(address[viral], address[ours], address[theirs], token, folder)
        rows += kept(address[ours], address[theirs], token, folder)
        again = {**service_environment(home, first, "gateway"), **gateway}
        return [*rows, first_answer(folder, first, again, token)]
