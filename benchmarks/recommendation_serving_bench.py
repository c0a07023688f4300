"""``POST /api/v1/recommend`` over HTTP beside :mod:`benchmarks.plain_recommendation_service`.

Gowalla: the catalogue has 41,000 items on both sides, both run with one worker, and a third process asks both
in turns for the same 2,000 users of 1 to 200 interactions each. Ours has PostgreSQL beside it, out of which it
read the users' histories when they first asked; it records each list, gives reasons, spreads authors, explores,
and looks each second who acted. Uncached is ours with RECOMMENDATION_CACHE_SECONDS=0.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa

from benchmarks.database import bench_database, database_environment
from benchmarks.recommendation_people import as_examples, gowalla_lists, moment
from benchmarks.serving_bench import CLIENTS, ROOT, ROUNDS, process, row, service_environment
from config.settings import Settings
from local.ports import free_port

PATH = "/api/v1/recommend"
#: As many factors as implicit fits unless it is told otherwise.
FACTORS = 100
USERS, LONGEST, SECONDS, SEED = 2000, 200, 3.0, 7
#: The larger catalogue is so many copies of Gowalla's beside one another.
COPIES, ITEMS = 10, 40_981


def run() -> list[dict[str, Any]]:
    with ExitStack() as stack:
        _, settings, folder = stack.enter_context(bench_database())
        users = prepare(settings, folder)
        uncached = stack.enter_context(
            ours(settings, folder, "uncached", {"RECOMMENDATION_CACHE_SECONDS": "0"})
        )
        cached = stack.enter_context(ours(settings, folder, "cached", {}))
        plain = stack.enter_context(theirs(folder))
        rows = measure(uncached, cached, plain, users)
    return [*rows, *in_a_larger_catalogue()]


def in_a_larger_catalogue() -> list[dict[str, Any]]:
    """Uncached lists where there are ``COPIES`` times as many items, for the same users."""
    with ExitStack() as stack:
        _, settings, folder = stack.enter_context(bench_database())
        users = prepare(settings, folder, COPIES)
        mine = stack.enter_context(ours(settings, folder, "uncached", {"RECOMMENDATION_CACHE_SECONDS": "0"}))
        plain = stack.enter_context(theirs(folder))
        for url in (mine, plain):
            warm_up(url, users)
        found = interleaved((mine, plain), users, 8)
    note = f"uncached; one worker each, {COPIES} copies of the catalogue beside one another"
    at = f"{COPIES * ITEMS // 1000:,},000 items, 8 clients"
    return [
        row(f"uncached lists, {at}", found[0]["per_second"], found[1]["per_second"], "1/s", note),
        *(
            row(f"uncached {part}, {at}", found[0][part], found[1][part], "ms", note, less_is_better=True)
            for part in ("p50", "p99")
        ),
    ]


def prepare(settings: Settings, folder: Path, copies: int = 1) -> Path:
    """The model on disk, the users' histories in the database, factors for the other; the file of users."""
    from models.recommendation import FAMILY
    from serving.disk_copy import DiskCopy

    now, lists = moment(), gowalla_lists()
    examples = as_examples(lists, now, SEED)
    chosen = [user for user, items in lists.items() if len(items) <= LONGEST][:USERS]
    fill(settings, examples, chosen)
    files = os.environ.get("RECOMMENDATION_FILES")  # of a fit before, to measure again without another
    if files:
        model = {path.name: path.read_bytes() for path in Path(files).iterdir()}
    else:
        cut = examples.num_rows * 9 // 10
        options = FAMILY.options(settings)
        model = FAMILY.fit(examples.slice(0, cut), examples.slice(cut), options, {}, SEED).to_files()
    if copies > 1:
        model = copied(FAMILY.load(model), copies).to_files()
    facts = {"dataset": "bench", "created_at": now.isoformat()}
    for name in ("uncached", "cached"):
        DiskCopy(folder / name / "services" / "recommendation").save("1", model, facts)
    plain_factors(lists, chosen, folder / "factors.npz", copies)
    (folder / "users.txt").write_text("\n".join(chosen))
    return folder / "users.txt"


def fill(settings: Settings, examples: pa.Table, users: list[str]) -> None:
    """The interactions of the users that are asked for, and no others."""
    import pyarrow.compute as pc

    from storage.database import make_engine
    from storage.events import insert_events

    wanted = examples.filter(pc.is_in(examples["user_id"], value_set=pa.array(users)))
    names = ["user_id", "item_id", "item_kind", "kind", "at"]
    rows = [one | {"id": str(number)} for number, one in enumerate(wanted.select(names).to_pylist())]
    engine = make_engine(settings)
    for start in range(0, len(rows), 5000):
        part = rows[start : start + 5000]
        insert_events(engine, [one | {"received_at": one["at"]} for one in part], moment())
    engine.dispose()


def copied(predictor: Any, copies: int) -> Any:
    """A predictor whose catalogue is ``copies`` of this one's beside one another; users know the first one."""
    from dataclasses import replace

    from models.recommendation.neighbours import Neighbours
    from models.recommendation.predictor import RecommendationPredictor

    known, sources = predictor.catalogue, predictor.sources
    arrays = {
        name: np.tile(value, copies) for name, value in vars(known).items() if isinstance(value, np.ndarray)
    }
    catalogue = replace(
        known,
        ids=tuple(name if not copy else f"{name}~{copy}" for copy in range(copies) for name in known.ids),
        titles=known.titles * copies,
        **{name: value for name, value in arrays.items() if name in known.__dataclass_fields__},
    )

    def beside(rows: Neighbours) -> Neighbours:
        return Neighbours.joined([replace(rows, places=rows.places + len(known) * at) for at in range(copies)])

    wide = replace(
        sources,
        catalogue=catalogue,
        collaborative=beside(sources.collaborative),
        content=beside(sources.content),
        vectors=np.tile(sources.vectors, (copies, 1)),
    )
    return RecommendationPredictor(
        wide, predictor.encoder, predictor.ranker, predictor.options, predictor.facts
    )


def plain_factors(lists: dict[str, list[str]], users: list[str], path: Path, copies: int) -> None:
    """Factors of all users and items. Their values are drawn: the time of a product does not depend on them."""
    draw = np.random.default_rng(SEED)
    items = sorted({item for those in lists.values() for item in those})
    place = {item: at for at, item in enumerate(items)}
    seen = [np.array([place[item] for item in lists[user]], np.int32) for user in users]
    np.savez(
        path,
        user_factors=draw.normal(size=(len(users), FACTORS)).astype(np.float32),
        item_factors=draw.normal(size=(copies * len(items), FACTORS)).astype(np.float32),
        users=np.array(users),
        items=np.array([item if not copy else f"{item}~{copy}" for copy in range(copies) for item in items]),
        seen=np.concatenate(seen),
        seen_from=np.concatenate([[0], np.cumsum([len(one) for one in seen])]),
    )


def ours(settings: Settings, folder: Path, name: str, more: dict[str, str]) -> AbstractContextManager[str]:
    port = free_port()
    return process(
        [sys.executable, "-m", "serving.run", "recommendation"],
        {
            **service_environment(folder / name, port, "recommendation"),
            **database_environment(settings),
            **more,
        },
        f"http://127.0.0.1:{port}",
        folder / f"{name}.log",
    )


def theirs(folder: Path) -> AbstractContextManager[str]:
    port = free_port()
    app = ["benchmarks.plain_recommendation_service:app", "--port", str(port), "--no-access-log"]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return process(
        [sys.executable, "-m", "uvicorn", *app],
        {**os.environ, **threads, "FACTORS": str(folder / "factors.npz")},
        f"http://127.0.0.1:{port}",
        folder / "plain.log",
    )


def measure(uncached: str, cached: str, plain: str, users: Path) -> list[dict[str, Any]]:
    """All figures of three running services."""
    for url in (uncached, cached, plain):
        warm_up(url, users)
    rows = []
    for clients in CLIENTS:
        found = interleaved((uncached, cached, plain), users, clients)
        at = f"{clients} client{'s' if clients > 1 else ''}"
        for name, mine in zip(("uncached", "cached"), found, strict=False):
            note = f"{name}; one worker each, the same 41,000 items and users"
            rows.append(row(f"{name} lists, {at}", mine["per_second"], found[2]["per_second"], "1/s", note))
            rows += [
                row(f"{name} {part}, {at}", mine[part], found[2][part], "ms", note, less_is_better=True)
                for part in ("p50", "p99")
            ]
    return rows


def warm_up(url: str, users: Path) -> None:
    """Each user once, so that histories and kept lists are in memory; ours must not answer without them."""
    names = users.read_text().split()
    with httpx.Client(base_url=url, timeout=10, trust_env=False) as client:
        for user in names:
            answer = client.post(PATH, json={"user_id": user})
            body = answer.json()
            if answer.status_code != 200 or body["count"] != 20 or body.get("answered_by", "model") != "model":
                raise RuntimeError(f"{url} answered {answer.status_code}: {answer.text[:500]}")
            if body.get("degraded"):
                raise RuntimeError(f"{url} answers without the history of {user}")


def interleaved(urls: tuple[str, ...], users: Path, clients: int) -> list[dict[str, float]]:
    """Medians over rounds in which the services took turns."""
    found: list[list[dict[str, float]]] = [[] for _ in urls]
    for _ in range(ROUNDS):
        for url, rounds in zip(urls, found, strict=True):
            rounds.append(load(f"{url}{PATH}", users, clients))
    return [{name: statistics.median(one[name] for one in rounds) for name in rounds[0]} for rounds in found]


def load(url: str, users: Path, clients: int) -> dict[str, float]:
    """What the load generator saw."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.recommendation_load",
        url,
        str(users),
        str(clients),
        str(SECONDS),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=SECONDS + 90)
    found: dict[str, float] = json.loads(done.stdout)
    if found["failures"]:
        raise RuntimeError(f"{url} failed {found['failures']} of {found['requests']} requests")
    return found
