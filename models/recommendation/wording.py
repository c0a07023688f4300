"""A list as it is answered: each item with its score, where it came from, and why, in a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.recommendation.candidates import Pool
from models.recommendation.catalogue import Catalogue
from models.recommendation.question import (
    COLLABORATIVE,
    CONTENT,
    EXPLORATION,
    FOLLOWED,
    ITEM_KINDS,
    POPULAR,
    TRENDING,
)
from models.recommendation.reasons import UNKNOWN, alike, because, reason
from models.recommendation.selecting import Chosen

Answer = dict[str, Any]
_SOURCES = (COLLABORATIVE, CONTENT, TRENDING, FOLLOWED)


def answers(chosen: Chosen, catalogue: Catalogue, mix: tuple[float, float, float]) -> list[Answer]:
    """Each item: ``id``, ``kind``, ``score``, ``source``, ``reason``, ``because`` (the item of the history that
    speaks most for it, and what was done to it; or None) and ``author_id``.
    """
    pool, user, items = chosen.pool, chosen.user, len(catalogue)
    sources = _sources(pool, chosen.rows, mix)
    terms = {COLLABORATIVE: pool.collaborative_terms, CONTENT: pool.content_terms}
    told = {
        source: those.best_row(chosen.places, items) for source, those in terms.items() if source in sources
    }
    ids, names, titles, places = catalogue.ids, catalogue.names, catalogue.titles, chosen.places
    kinds, origins = catalogue.kinds[places].tolist(), user.places.tolist()
    found = []
    for place, score, source, kind in zip(places.tolist(), chosen.scores.tolist(), sources, kinds, strict=True):
        author, category, language = names[place]
        row = told[source].get(place) if source in told else None
        if row is None:
            speaks = None
            shown = author if source == FOLLOWED else None
            why = reason(source, author=shown, category=category, language=language)
        else:
            did, name = user.kinds[row], ids[origins[row]]
            speaks = {"item_id": name, "kind": did}
            why = because(source, did, titles[origins[row]] or name)
        found.append(
            {
                "id": ids[place],
                "kind": ITEM_KINDS[kind],
                "score": score,
                "source": source,
                "reason": why,
                "because": speaks,
                "author_id": author,
            }
        )
    return found


def as_similar(answer: Answer, title: str | None) -> Answer:
    """An answer about what is similar to an item with that title: nobody has liked it."""
    return {**answer, "reason": alike(answer["source"], title), "because": None}


def unknown(item_id: str) -> Answer:
    """The answer about an item of which nothing is known."""
    return {
        "id": item_id,
        "kind": None,
        "score": None,
        "source": UNKNOWN,
        "reason": reason(UNKNOWN),
        "because": None,
        "author_id": None,
    }


def _sources(pool: Pool, rows: np.ndarray, mix: tuple[float, float, float]) -> list[str]:
    """Where each came from: the source that gives it most. Rows of -1 were explored."""
    parts = np.stack(
        [
            mix[0] * pool.collaborative[rows],
            mix[1] * pool.content[rows],
            mix[2] * pool.trend[rows],
            mix[2] * pool.fresh[rows],
        ]
    ) if len(pool) else np.zeros((len(_SOURCES), len(rows)))  # fmt: skip
    most, any_of = parts.argmax(axis=0).tolist(), (parts.max(axis=0) > 0).tolist()
    return [
        EXPLORATION if row < 0 else _SOURCES[best] if some else POPULAR
        for row, best, some in zip(rows.tolist(), most, any_of, strict=True)
    ]
