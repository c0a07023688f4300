"""What an admin should look at: odd examples get a sentence in ``flag``; they are kept, not dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

#: Growth within a horizon past which a count is more likely wrong than viral.
WILD_GROWTH = 1_000
#: Views under which growth by a factor says nothing.
WILD_GROWTH_FROM = 1_000


def flags(examples: pa.Table) -> Any:
    """(n,) sentences that say what is odd about each example, null where nothing is.

    Only the counts are looked at, never what a model had answered: to keep its misses for review would keep
    them out of the rows that it is measured on.
    """
    views, then = _numbers(examples["views"]), _numbers(examples["views_at_horizon"])
    likes, comments = _numbers(examples["likes"]), _numbers(examples["comments"])
    previous = _numbers(examples["previous_views"])
    found: dict[int, list[str]] = {}

    def note(rows: np.ndarray, sentence: str, *values: np.ndarray) -> None:
        for row in np.flatnonzero(rows):
            found.setdefault(int(row), []).append(sentence.format(*(f"{value[row]:,.0f}" for value in values)))

    with np.errstate(invalid="ignore"):
        note(then < views, "Views fell from {} to {} by the horizon.", views, then)
        note(previous > views, "Views fell from {} to {} since the previous snapshot.", previous, views)
        note(likes > views, "More likes ({}) than views ({}).", likes, views)
        note(comments > views, "More comments ({}) than views ({}).", comments, views)
        wild = (views >= WILD_GROWTH_FROM) & (then > WILD_GROWTH * views)
        note(wild, f"Views grew more than {WILD_GROWTH:,}-fold, from {{}} to {{}}.", views, then)
    return pa.array([" ".join(found[row]) if row in found else None for row in range(len(views))], pa.string())


def _numbers(column: Any) -> np.ndarray:
    return np.asarray(pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan")))
