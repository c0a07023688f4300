"""Drift of texts and pictures: is now told from the training rows, by how much, and is that more than usual?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from models.monitoring.contract import Compared
from models.monitoring.inputs import Rules
from models.monitoring.two_samples import told_apart
from models.monitoring.usual import some_starts

#: Rows of each side that a classifier gets; more only make small differences certain.
MOST_ROWS = 3000
#: Now gets as many rows as a window of the reference has: a classifier that learns from more tells more apart.
FAIR_ROWS = 200
#: So many windows of the reference are told from its rest, to know what is usual: each costs a classifier.
WINDOWS = 5
#: With fewer rows on a side nothing is told.
LEAST_ROWS = 50
BINS = 10


def compare_embedded(
    name: str,
    kind: Literal["text", "picture"],
    matrices: tuple[Any, Any],
    entities: tuple[np.ndarray, np.ndarray],
    days: np.ndarray,
    rules: Rules,
    nulls: tuple[float, float],
) -> Compared | None:
    """Embedded rows of both sides told apart; None: a side has too few.

    Args:
        name: of the comparison.
        kind: ``text`` or ``picture``.
        matrices: (n, d) of the reference and (m, d) of now, dense or sparse, in an order that means nothing.
        entities: (n,) and (m,) numbers of their entities, the same number on both sides for one entity.
        days: (n,) the day of each row of the reference.
        rules: the seed, and the length of a window.
        nulls: shares of rows without a text or a picture.
    """
    before, now = matrices
    now, of_now = now[: _fair_size(days, rules)], entities[1][: _fair_size(days, rules)]
    if min(before.shape[0], now.shape[0]) < LEAST_ROWS:
        return None
    groups = np.concatenate([entities[0], of_now])
    apart = told_apart(_stacked(before, now), _labels(before, now), groups, rules.seed)
    scores = apart.scores
    reference, current = scores[: before.shape[0]], scores[before.shape[0] :]
    histograms = _histograms(reference, current)
    return Compared(
        name=name,
        kind=kind,
        psi=apart.psi,
        statistic=apart.auc,
        test="classifier",
        p=apart.p,
        adjusted_p=apart.p,
        # each window costs a classifier: they are only asked where there is a shift to excuse
        usual=_usual(before, entities[0], days, rules) if apart.psi >= rules.psi else None,
        nulls=nulls,
        drifted=False,
        reference=histograms[0],
        current=histograms[1],
    )


def _fair_size(days: np.ndarray, rules: Rules) -> int:
    """How many rows of now are used: as many as the reference has in a window, where its windows are known."""
    if some_starts(days, rules.window_days, WINDOWS) is None:
        return MOST_ROWS
    span = int(days.max()) - int(days.min()) + 1
    return max(FAIR_ROWS, len(days) * rules.window_days // span)


def _stacked(before: Any, now: Any) -> Any:
    if isinstance(before, np.ndarray):
        return np.vstack([before, now])
    from scipy.sparse import vstack

    return vstack([before, now]).tocsr()


def _labels(before: Any, now: Any) -> np.ndarray:
    return np.concatenate([np.zeros(before.shape[0], int), np.ones(now.shape[0], int)])


def _usual(matrix: Any, entities: np.ndarray, days: np.ndarray, rules: Rules) -> float | None:
    """The largest index of some windows of the reference told from its other rows."""
    first_days = some_starts(days, rules.window_days, WINDOWS)
    if first_days is None:
        return None
    seen = []
    for first in first_days:
        inside = (days >= first) & (days < first + rules.window_days)
        if min(inside.sum(), (~inside).sum()) < LEAST_ROWS:
            continue
        order = np.concatenate([np.flatnonzero(~inside), np.flatnonzero(inside)])
        labels = inside[order].astype(int)
        seen.append(told_apart(matrix[order], labels, entities[order], rules.seed).psi)
    return max(seen) if len(seen) >= 2 else None


def _histograms(reference: np.ndarray, current: np.ndarray) -> list[dict[str, float]]:
    """Both sides' scores in tenths of the reference's: how sure the classifier is that a row is of now."""
    known = reference[np.isfinite(reference)]
    edges = np.quantile(known, np.arange(1, BINS) / BINS) if len(known) else np.zeros(BINS - 1)
    found = []
    for scores in (reference, current):
        codes = np.searchsorted(edges, scores[np.isfinite(scores)], side="right")
        counts = np.bincount(codes, minlength=BINS)
        found.append({f"tenth {at + 1}": float(n / max(counts.sum(), 1)) for at, n in enumerate(counts)})
    return found


def sampled(keys: np.ndarray, entities: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Indices of at most ``most`` rows, one an entity and value, the same ones in whatever order rows come.

    Args:
        keys: (n,) texts that tell the rows' values.
        entities: (n,) texts that name their entities.
        most: rows.
        seed: of the choice.
    """
    import hashlib

    chosen: dict[tuple[str, str], int] = {}
    for row, (entity, key) in enumerate(zip(entities.tolist(), keys.tolist(), strict=True)):
        chosen.setdefault((entity, key), row)
    salt = str(seed).encode()
    rank: Callable[[tuple[str, str]], bytes] = lambda pair: hashlib.blake2b(  # noqa: E731
        f"{pair[0]}\0{pair[1]}".encode(errors="replace"), digest_size=8, key=salt
    ).digest()
    return np.array([chosen[pair] for pair in sorted(chosen, key=rank)[:most]], dtype=np.int64)
