"""One contender of the recommendation benchmark in a process of its own, so that its memory is its own.

``python -m benchmarks.recommendation_contender FOLDER DATA CONTENDER``: the folder has ``liked.npz`` and
``seen.npz``, and ``asked.npz``, and gets ``lists.npz`` and ``facts.json``.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.recommendation_data import OPTIONS, SEED, Contest, all_rows, rows_by_role

OURS, OURS_ON_ALL = "ours", "ours on all"
CORES = 2
#: One contender may take so long, its choice of a setting included.
LONGEST = 1200


@dataclass(frozen=True)
class Entry:
    """What a contender gave: (u, 20) places in the order of the contest's items, and what it took."""

    lists: np.ndarray
    facts: dict[str, Any]


def enter(data: str, name: str, given: Contest) -> Entry:
    """Run a contender, and take its lists for all users who have something to be found."""
    from scipy.sparse import save_npz

    asked = np.flatnonzero(np.diff(given.wanted.indptr))
    with tempfile.TemporaryDirectory() as folder:
        save_npz(Path(folder) / "liked.npz", given.liked)
        save_npz(Path(folder) / "seen.npz", given.seen)
        np.savez(Path(folder) / "asked.npz", asked=asked, users=given.users, items=given.items)
        threads = {name: str(CORES) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        subprocess.run(
            [sys.executable, "-m", "benchmarks.recommendation_contender", folder, data, name],
            check=True, env={**os.environ, **threads}, cwd=Path(__file__).parents[1], timeout=LONGEST,
        )  # fmt: skip
        with np.load(Path(folder) / "lists.npz") as found:
            lists = found["lists"]
        return Entry(lists, json.loads((Path(folder) / "facts.json").read_text()))


def main(folder: Path, data: str, name: str) -> None:
    """The child's side of :func:`enter`."""
    lists, facts = _ours(folder, data, name) if name in (OURS, OURS_ON_ALL) else _rival(folder, name)
    np.savez(folder / "lists.npz", lists=lists)
    (folder / "facts.json").write_text(json.dumps(facts))


def _ours(folder: Path, data: str, name: str) -> tuple[np.ndarray, dict[str, Any]]:
    """The family's own way: clean rows, examples, fit, lists as in service."""
    from models.recommendation import FAMILY
    from models.recommendation.evaluation import figures, lists_of

    began = time.perf_counter()
    rows = all_rows(data) if name == OURS_ON_ALL else rows_by_role(data)
    examples = FAMILY.examples_from_rows(rows, OPTIONS)
    del rows
    read, before = time.perf_counter() - began, _peak()
    began = time.perf_counter()
    predictor: Any = FAMILY.fit(examples["train"], examples["valid"], OPTIONS, {}, SEED)
    facts = {"seconds": time.perf_counter() - began, "peak": _peak(), "before": before, "read": read}
    facts |= {
        name: predictor.info[name] for name in ("interactions", "items", "users", "ranker", "mix", "reranker")
    }
    if name == OURS_ON_ALL:
        return np.zeros((0, 0), np.int64), facts
    began = time.perf_counter()
    own = lists_of(predictor, examples["test"])
    facts["answer_ms"] = 1000 * (time.perf_counter() - began) / max(len(own.places), 1)
    facts["metrics"] = figures(predictor, own, SEED)[0]
    with np.load(folder / "asked.npz") as given:
        place = {item: at for at, item in enumerate(given["items"].tolist())}
        row = {user: at for at, user in enumerate(given["users"][given["asked"]].tolist())}
    ours = np.array([*(place.get(item, -1) for item in predictor.catalogue.ids), -1])
    lists = np.full((len(row), own.places.shape[1]), -1, np.int64)
    # whoever wants only what nobody can know is not asked about, and has an empty list
    lists[[row[user] for user in own.users.tolist()]] = ours[own.places]
    return lists, facts


def _rival(folder: Path, name: str) -> tuple[np.ndarray, dict[str, Any]]:
    from scipy.sparse import load_npz

    from benchmarks.recommendation_rivals import RIVALS, best_lists, settings_of

    liked, seen = load_npz(folder / "liked.npz"), load_npz(folder / "seen.npz")
    setting = settings_of(name, liked)
    with np.load(folder / "asked.npz") as given:
        asked = given["asked"]
    _forget_peak()
    began, before = time.perf_counter(), _peak()
    score = RIVALS[name].fit(liked, **setting)
    facts = {"seconds": time.perf_counter() - began, "peak": _peak(), "before": before, "setting": setting}
    return best_lists(score, seen, asked), facts


def _peak() -> float:
    """The most memory that this process had, in MB. A child begins with its parent's in ``ru_maxrss``."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def _forget_peak() -> None:
    """Begin anew with the peak, where the system can (Linux): choosing a setting does not count."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
