"""How much two items have in common, by what is told of them alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def likeness(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Jaccard index of the tags, and a part for each of author, category and language in common; 0 to 1.

    Without a common tag, author or category there is none: a language alone says nothing.
    """
    tags, others = set(one.get("tags") or ()), set(other.get("tags") or ())
    shared = len(tags & others) / len(tags | others) if tags and others else 0.0
    same = {
        name: one.get(name) is not None and one.get(name) == other.get(name)
        for name in ("author_id", "category", "language")
    }
    if not (shared or same["author_id"] or same["category"]):
        return 0.0
    return math.fsum((0.5 * shared, 0.25 * same["category"], 0.15 * same["author_id"], 0.1 * same["language"]))
