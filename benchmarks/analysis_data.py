"""Real texts for the analysis: tables by the names that ``clean`` knows, read from the shared data."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from models.entities.conll import table_of

FOLDER = Path(os.environ.get("ASSAY_DATA", Path(__file__).parents[2] / "shared" / "data")) / "text"


def lines(name: str, encoding: str = "utf-8") -> Iterator[str]:
    """The lines of a file, without their ends."""
    path = FOLDER / name
    with (
        gzip.open(path, "rt", encoding=encoding)
        if name.endswith(".gz")
        else path.open(encoding=encoding) as file
    ):
        for line in file:
            yield line.rstrip("\n")


def tweets() -> pa.Table:
    """TweetEval's validation part of sentiment: 2,000 tweets. The texts of its training part are not there."""
    labels = list(lines("tweeteval/sentiment/val_labels.txt"))
    return pa.table({"text": list(lines("tweeteval/sentiment/val_text.txt.gz")), "label": labels})


def sst2(part: str) -> pa.Table:
    """SST-2: ``train`` or ``dev``."""
    rows = [line.rsplit("\t", 1) for line in lines("sst2/train.tsv.gz" if part == "train" else "sst2/dev.tsv")]
    return pa.table({"text": [row[0] for row in rows], "label": [row[1] for row in rows]})


def trec(part: str) -> pa.Table:
    """TREC's coarse question classes: ``train`` or ``test``."""
    name = "train_5500.label" if part == "train" else "TREC_10.en.label"
    rows = [line.split(" ", 1) for line in lines(f"trec_topic/{name}", "latin-1")]
    return pa.table({"text": [row[1] for row in rows], "label": [row[0].split(":")[0] for row in rows]})


def wnut(part: str) -> pa.Table:
    """WNUT 2017: ``train`` or ``dev``."""
    name = "wnut17train.conll.gz" if part == "train" else "emerging.dev.conll.gz"
    return table_of(lines(f"wnut17/{name}"))


def languages(name: str) -> list[tuple[str, str]]:
    """(language, text) of ``single-words`` or ``word-pairs``."""
    rows = [line.split("\t") for line in lines(f"language_id/{name}.tsv.gz")]
    return [(row[0], row[1]) for row in rows if len(row) == 2]
