"""Real click data for the CTR benchmarks, by way of the family's own cleaning."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

FOLDER = Path(os.environ.get("ASSAY_DATA", Path(__file__).parents[2] / "shared" / "data")) / "ctr"
UPWORTHY = FOLDER / "upworthy.parquet"
LOGS = FOLDER / "criteo_avazu_small"
#: Names of Criteo's columns: click, 13 counts, 26 categories.
CRITEO = ("label", *(f"I{number}" for number in range(1, 14)), *(f"C{number}" for number in range(1, 27)))
#: Where the columns of an anonymous log go; what has no place of its own becomes words of the title.
PLACES = {
    "avazu": {
        "creator_id": "site_id", "advertiser_id": "app_id", "creative_id": "C17", "placement": "banner_pos",
        "audience": "device_model", "category": "site_category", "language": "app_category",
    },
    "criteo": {
        "creator_id": "C3", "advertiser_id": "C12", "creative_id": "C4", "placement": "C9", "audience": "C15",
        "category": "C8", "language": "C6", "duration": "I6", "psychology_composite": "I11",
        "hook_strength": "I7", "novelty_score": "I5", "emotion_priority": "I13", "composite_score": "I8",
    },
}  # fmt: skip


def upworthy() -> Any:
    """The tests as a DataFrame; the excerpt and the lede are one text, ``hook``. What is known of a winner only
    afterwards is left out.
    """
    import pandas as pd

    outcomes = ("significance", "winner", "first_place", "winner_count_anomaly", "ctr")
    frame = pd.read_parquet(UPWORTHY).drop(columns=list(outcomes))
    texts = frame["excerpt"].fillna("") + " " + frame["lede"].fillna("").str.replace(r"</?p>", "", regex=True)
    frame["hook"] = texts.str.strip()
    frame["arm"] = [f"arm-{number}" for number in range(len(frame))]
    return frame.drop(columns=["excerpt", "lede"])


def folds(tests: Any, count: int, seed: int) -> np.ndarray:
    """(n,) fold of each row: whole tests."""
    names, codes = np.unique(np.asarray(tests, dtype=object), return_inverse=True)
    return np.random.default_rng(seed).permutation(len(names))[codes] % count


def click_log(name: str, part: str) -> Any:
    """One file of Criteo or Avazu as a DataFrame with ``click`` and the file's own columns."""
    import pandas as pd

    path = LOGS / f"{name}_{part}.csv.gz"
    if name == "criteo":
        frame = pd.read_csv(path, sep="\t", names=CRITEO, dtype={f"C{n}": str for n in range(1, 27)})
        return frame.rename(columns={"label": "click"})
    # only the training file has a head line
    names = pd.read_csv(LOGS / f"{name}_train.csv.gz", nrows=0).columns.tolist()
    frame = pd.read_csv(path, dtype=str, names=names, skiprows=int(part == "train"))
    return frame.assign(click=frame["click"].astype(int)).drop(columns=["id", "hour"])


def as_outcomes(name: str, frame: Any) -> pa.Table:
    """A click log in the columns that the family's cleaning knows."""
    names = [column for column in frame.columns if column != "click"]
    words = [column for column in names if not column.startswith("I")]
    # a category is a word that its column's name goes with
    texts = [
        " ".join(f"{column}{value}" for column, value in zip(words, row, strict=True) if isinstance(value, str))
        for row in frame[words].itertuples(index=False)
    ]
    table = {"clip_id": [f"{name}-{number}" for number in range(len(frame))], "title": texts,
             "impressions": [1] * len(frame), "clicks": frame["click"].tolist()}  # fmt: skip
    for field, column in PLACES[name].items():
        values = frame[column].tolist()
        table[field] = [None if value != value else value for value in values]
    return pa.table(table)
