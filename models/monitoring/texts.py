"""Texts as hashed n-grams, compared, with the words that tell the two sides apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from models.monitoring.contract import Compared
from models.monitoring.embeddings import LEAST_ROWS, MOST_ROWS, compare_embedded, sampled
from models.monitoring.inputs import Rules
from models.monitoring.side import days_of

FEATURES = 2**14
#: So many words are shown, each in at least this many texts of one side.
WORDS, LEAST_TEXTS = 6, 5


def compare_texts(
    name: str, time: str, entity: str, reference: pa.Table, current: pa.Table, rules: Rules
) -> tuple[Compared | None, list[str]]:
    """The column ``name`` of both, and words that are more frequent now, the most telling first.

    ``entity`` is the column of those whose texts are much alike: who wrote them, where that is known.
    """
    chosen = [_sample(table, name, entity, rules) for table in (reference, current)]
    texts = [table[name].to_pylist() for table in chosen]
    if min(map(len, texts)) < LEAST_ROWS:
        return None, []
    days = days_of(chosen[0], time)
    missing = [table[name].null_count / max(table.num_rows, 1) for table in (reference, current)]
    groups = _numbered([_names(table, entity) for table in chosen])
    compared = compare_embedded(name, "text", _hashed(*texts), groups, days, rules, (missing[0], missing[1]))
    return compared, telling_words(*texts)


def _sample(table: pa.Table, name: str, entity: str, rules: Rules) -> pa.Table:
    table = table.filter(table[name].is_valid())
    texts, names = (
        np.array(values, dtype=object) for values in (table[name].to_pylist(), _names(table, entity))
    )
    return table.take(pa.array(sampled(texts, names, MOST_ROWS, rules.seed)))


def _names(table: pa.Table, entity: str) -> list[str]:
    if entity not in table.column_names:
        return [f"row {number}" for number in range(table.num_rows)]
    values = table[entity].to_pylist()
    return [f"row {number}" if value is None else str(value) for number, value in enumerate(values)]


def _numbered(names: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the entities, one number for one entity on both sides."""
    numbers = {name: at for at, name in enumerate(dict.fromkeys([*names[0], *names[1]]))}
    before, now = (np.array([numbers[name] for name in side], dtype=np.int64) for side in names)
    return before, now


def _hashed(before: list[str], now: list[str]) -> tuple[Any, Any]:
    """Words and pairs of words, hashed (Weinberger et al. 2009)."""
    from sklearn.feature_extraction.text import HashingVectorizer

    embed = HashingVectorizer(n_features=FEATURES, ngram_range=(1, 2), alternate_sign=False, norm="l2")
    return embed.transform(before), embed.transform(now)


def telling_words(before: list[str], now: list[str]) -> list[str]:
    """Words that are more frequent now than in the reference, by their log odds with a prior of both (Monroe,
    Colaresi & Quinn 2008, "Fightin' Words").
    """
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(binary=True, min_df=1)
    try:
        counts = counter.fit_transform([*before, *now])
    except ValueError:  # no text holds a word
        return []
    then, today = (
        np.asarray(part.sum(axis=0)).ravel() for part in (counts[: len(before)], counts[len(before) :])
    )
    prior = (then + today) / (len(before) + len(now))
    odds = [np.log((n + prior) / (rows - n + 1)) for n, rows in ((then, len(before)), (today, len(now)))]
    z = (odds[1] - odds[0]) / np.sqrt(1 / (then + prior) + 1 / (today + prior))
    words = counter.get_feature_names_out()
    ranked = sorted(
        np.flatnonzero((today >= LEAST_TEXTS) & (z > 2)).tolist(), key=lambda at: (-z[at], words[at])
    )
    return [str(words[at]) for at in ranked[:WORDS]]
