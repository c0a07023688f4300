"""The recommendation family: how good its lists are on real interactions, and what its training takes, beside
popularity, item-kNN, ALS and EASE, each in a process of its own.
"""

from __future__ import annotations

import subprocess
from typing import Any

import numpy as np

from benchmarks.recommendation_contender import OURS, OURS_ON_ALL, Entry, enter
from benchmarks.recommendation_data import FILES, FOLDER, SEED, Contest, contest, measured, rows_by_role
from benchmarks.recommendation_rivals import RIVALS
from models.comparison import compare_losses
from models.metrics import bootstrap

TITLES = {
    "gowalla": "Gowalla, train against valid",
    "lastfm": "Last.fm, data1 against test1",
    "movielens_small": "MovieLens small, the last fifth of each user",
}
#: A daily training may take so long on two cores.
LONGEST_TRAINING = 600
Figures = dict[str, np.ndarray]


def run() -> list[dict[str, Any]]:
    """The rows of this benchmark."""
    if not FOLDER.is_dir():
        return [_row("recommendation", None, None, "", "the data are not on this machine (ASSAY_DATA)")]
    return [row for name in FILES for row in _contest(name)]


def _contest(name: str) -> list[dict[str, Any]]:
    given = contest(rows_by_role(name))
    entries, figures = {}, {}
    unfinished = []
    for contender in (OURS, *RIVALS):
        try:
            entries[contender] = enter(name, contender, given)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            if contender == OURS:
                raise
            unfinished.append(_row(f"{TITLES[name]}, {contender}", None, None, "", f"not finished: {error}"))
            continue
        recall, ndcg = measured(entries[contender].lists, given.wanted)
        figures[contender] = {"Recall@20": recall, "NDCG@20": ndcg}
    rows = [*unfinished, *_compared(name, given, figures), *_cost(name, entries), *_own(name, entries[OURS])]
    return [*rows, *_on_all(name, given)] if name == "gowalla" else rows


def _compared(name: str, given: Contest, figures: dict[str, Figures]) -> list[dict[str, Any]]:
    users = given.users[np.flatnonzero(np.diff(given.wanted.indptr))]
    size = f"{given.seen.nnz:,} + {given.wanted.nnz:,} pairs, {len(users):,} users, {len(given.items):,} items"
    rows = []
    for metric in ("Recall@20", "NDCG@20"):
        ours = figures[OURS][metric]
        for rival in [rival for rival in RIVALS if rival in figures]:
            other = figures[rival][metric]
            gain = compare_losses(1 - other, 1 - ours, users, seed=SEED)
            note = (
                f"ours {_ends(ours)}, other {_ends(other)}; "
                f"ours more by {gain.difference:.4f} [{gain.low:.4f}, {gain.high:.4f}]"
            )
            first = rival == next(iter(RIVALS)) and metric == "Recall@20"
            rows.append(
                _row(
                    f"{metric}: {TITLES[name]}, {rival}", ours.mean(), other.mean(), "",
                    f"{size}, 95 % over users; {note}" if first else note,
                )
            )  # fmt: skip
    return rows


def _cost(name: str, entries: dict[str, Entry]) -> list[dict[str, Any]]:
    ours = entries[OURS].facts
    rows = []
    for rival in RIVALS:
        if rival == "popularity" or rival not in entries:
            continue
        facts = entries[rival].facts
        setting = ", ".join(f"{key} {value:g}" for key, value in facts["setting"].items())
        rows += [
            _row(f"training: {TITLES[name]}, {rival}", ours["seconds"], facts["seconds"], "s",
                 f"other: {setting}; choosing that is not counted"),
            _row(f"peak memory in training: {TITLES[name]}, {rival}", ours["peak"], facts["peak"], "MB",
                 f"of the process; {ours['before']:.0f} and {facts['before']:.0f} before the training"),
        ]  # fmt: skip
    return rows


def _own(name: str, entry: Entry) -> list[dict[str, Any]]:
    metrics = entry.facts["metrics"]
    others = ", ".join(f"{key} {metrics[key]:.3f}" for key in ("novelty", "popularity_bias", "hit_rate"))
    return [
        _row(f"coverage: {TITLES[name]}", metrics["coverage"], None, "share", f"of the items; {others}"),
        _row(f"one list: {TITLES[name]}", entry.facts["answer_ms"], None, "ms", "in process, mean"),
        _row(f"the re-ranker: {TITLES[name]}", None, None, "", ranker_note(entry.facts)),
    ]


def _on_all(name: str, given: Contest) -> list[dict[str, Any]]:
    facts = enter(name, OURS_ON_ALL, given).facts
    count = f"{facts['interactions']:,} interactions, {facts['users']:,} users, {facts['items']:,} items"
    return [
        _row(f"training on train and valid: {name}", facts["seconds"], LONGEST_TRAINING, "s",
             f"{count}; other: the target on 2 cores; reading and cutting before it {facts['read']:.0f} s"),
        _row(f"peak memory: training on train and valid: {name}", facts["peak"], None, "MB",
             f"of the process, {facts['before']:.0f} before the training"),
    ]  # fmt: skip


def ranker_note(facts: dict[str, Any]) -> str:
    """Who orders the candidates, and why."""
    said = facts["reranker"]
    gains = [(name, said.get(f"ndcg_gain_of_{name}")) for name in ("mix", "trees")]
    shown = "".join(
        f", NDCG gain of the {name} over the default {gain[0]:.4f} [{gain[1]:.4f}, {gain[2]:.4f}]"
        for name, gain in gains
        if gain
    )
    shares = " / ".join(f"{share:g}" for share in facts["mix"])
    taken = "trees" if facts["ranker"] == "trees" else f"the mix {shares}"
    return f"{taken} taken{shown}: {said.get('why', 'better beyond chance')}"


def _ends(values: np.ndarray) -> str:
    sums = np.stack([values, np.ones(len(values))], axis=1)
    low, high = bootstrap(sums, lambda s: s[:, :1] / s[:, 1:], confidence=0.95, seed=SEED)
    return f"[{low[0]:.4f}, {high[0]:.4f}]"


def _row(figure: str, ours: float | None, other: float | None, unit: str, note: str) -> dict[str, Any]:
    values = [None if value is None else float(value) for value in (ours, other)]
    ratio = values[1] / values[0] if values[0] and values[1] and unit else None
    return {
        "figure": figure, "ours": values[0], "other": values[1], "ratio": ratio, "unit": unit, "note": note,
    }  # fmt: skip
