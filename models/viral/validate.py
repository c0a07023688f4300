"""What an admin should look at: odd examples get a sentence in ``flag``; they are kept, not dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.viral.labels import class_index
from models.viral.options import ViralOptions

#: Growth within a horizon past which a count is more likely wrong than viral.
WILD_GROWTH = 1_000
#: Views under which growth by a factor says nothing.
WILD_GROWTH_FROM = 1_000
FAR_OFF_CLASSES = 2


def flags(examples: pa.Table, options: ViralOptions) -> Any:
    """(n,) sentences that say what is odd about each example, null where nothing is."""
    views, then = _numbers(examples["views"]), _numbers(examples["views_at_horizon"])
    likes, comments = _numbers(examples["likes"]), _numbers(examples["comments"])
    previous = _numbers(examples["previous_views"])
    outcome = class_index(np.nan_to_num(then, nan=0.0), options)
    answered = _numbers(pc.index_in(examples["predicted_class"], value_set=pa.array(options.classes)))
    found: dict[int, list[str]] = {}

    def note(rows: np.ndarray, sentence: str, *values: np.ndarray) -> None:
        for row in np.flatnonzero(rows):
            found.setdefault(int(row), []).append(sentence.format(*(_shown(value[row]) for value in values)))

    with np.errstate(invalid="ignore"):
        note(then < views, "Views fell from {} to {} by the horizon.", views, then)
        note(previous > views, "Views fell from {} to {} since the previous snapshot.", previous, views)
        note(likes > views, "More likes ({}) than views ({}).", likes, views)
        note(comments > views, "More comments ({}) than views ({}).", comments, views)
        wild = (views >= WILD_GROWTH_FROM) & (then > WILD_GROWTH * views)
        note(wild, f"Views grew more than {WILD_GROWTH:,}-fold, from {{}} to {{}}.", views, then)
        far = (then >= 0) & (np.abs(outcome - answered) >= FAR_OFF_CLASSES)
    classes = np.asarray(options.classes, dtype=object)
    said = classes[np.nan_to_num(answered, nan=0.0).astype(int)]
    note(far, "The model answered {}, and it became {}.", said, classes[outcome])
    return pa.array([" ".join(found[row]) if row in found else None for row in range(len(views))], pa.string())


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, str) else f"{value:,.0f}"


def _numbers(column: Any) -> np.ndarray:
    return np.asarray(pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan")))
