"""Small real models of the content service's text families, fitted once a process on the demo's texts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from config.settings import load_settings
from demo import content_world as world
from demo.content_world import Labelled
from models.family import get_family

ROWS = {"moderation": 300, "sentiment": 150, "topics": 150, "entities": 60}
MAKERS = {
    "moderation": world.moderated,
    "sentiment": world.sentiments,
    "topics": world.topics,
    "entities": world.names,
}
SPAM = "W1N a fr33 ph0ne now! Click http://win.example/42"
NEUTRAL = "Muslims and their neighbours cook together"


def table(rows: list[Labelled]) -> pa.Table:
    """Texts with their labels."""
    return pa.table({"text": [row.text for row in rows], "label": [row.label for row in rows]})


def examples(family: str, rows: int, seed: int) -> pa.Table:
    """Labelled texts of the demo's world as the family's examples."""
    made, labelled = get_family(family), MAKERS[family](np.random.default_rng(seed), rows)
    raw = [
        {"text_id": str(number), "text": row.text, "label": row.label, "language": "en"}
        for number, row in enumerate(labelled)
    ]
    good, _ = made.clean(pa.Table.from_pylist(raw), None, None)
    options = made.options(load_settings())
    return made.examples_from_rows({"train": good, "valid": good.slice(0, 0)}, options)["train"]


@cache
def content_predictor(family: str) -> Any:
    """A fitted predictor of a family of texts."""
    rng, made = np.random.default_rng(3), get_family(family)
    rows, options = ROWS[family], made.options(load_settings())
    return made.fit(table(MAKERS[family](rng, rows)), table(MAKERS[family](rng, rows // 3)), options, {}, 7)


@cache
def content_files(family: str) -> Mapping[str, bytes]:
    """Its files."""
    files: Mapping[str, bytes] = content_predictor(family).to_files()
    return files
