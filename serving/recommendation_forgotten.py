"""What is of forgotten people: a version knows their items until the next training, and none may come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from models.recommendation.question import ITEM_KINDS

#: So many people are looked up at once, and the answers about so many are kept.
BLOCK, KEPT = 5000, 1_000_000
USER = ITEM_KINDS.index("user")
Row = dict[str, Any]


class ForgottenReader(Protocol):
    """The part of :class:`serving.recommendation_database.RecommendationDatabase` that is used here."""

    def erasures(self) -> int:
        """How many people were forgotten."""
        ...

    def forgotten(self, people: Sequence[str]) -> set[str]:
        """Those of ``people`` who were."""
        ...


class ForgottenAuthors:
    """Takes down what is of forgotten people, or is one of them. While there are none, each look costs one
    short question; each person is asked about once, and again when somebody else was forgotten.

    For one thread at a time. All but the constructor may raise DatabaseError, and SettingsError where the key
    by which forgotten people are known cannot be read.
    """

    def __init__(self, database: ForgottenReader) -> None:
        self._database = database
        self._count: int | None = None
        self._asked: set[str] = set()
        self._found: set[str] = set()
        #: A predictor, and the rows that take down what is in it.
        self._rows: tuple[Any, dict[str, Row]] | None = None

    def look(self) -> bool:
        """Learn, and tell, whether somebody was forgotten since the last look; of the first one nobody was."""
        count = self._database.erasures()
        changed = self._count not in (None, count)
        if count != self._count or len(self._asked) > KEPT:
            self._count, self._asked, self._rows = count, set(), None
        return changed

    def items_of(self, predictor: Any) -> dict[str, Row]:
        """Rows for ``with_live`` that take down what is theirs of a predictor's catalogue, by id."""
        if not self._count or predictor is None:
            return {}
        if self._rows is None or self._rows[0] is not predictor:
            self._rows = predictor, self._in_catalogue(predictor.catalogue)
        return self._rows[1]

    def taken_down(self, rows: Mapping[str, Row]) -> dict[str, Row]:
        """``rows`` of the catalogue by id, what is theirs as taken down, without what it says."""
        if not self._count:
            return dict(rows)
        theirs = self._among(_people(rows.values()))
        return {
            one: row if theirs.isdisjoint(_people([row])) else _removed(one, row["kind"])
            for one, row in rows.items()
        }

    def _in_catalogue(self, catalogue: Any) -> dict[str, Row]:
        users = {catalogue.ids[at]: at for at in np.flatnonzero(catalogue.kinds == USER).tolist()}
        theirs = self._among({*catalogue.author_names.values, *users})
        codes = [code for one in theirs if (code := catalogue.author_names.code(one)) >= 0]
        places = set(np.flatnonzero(np.isin(catalogue.authors, codes)).tolist())
        places |= {users[one] for one in theirs if one in users}
        found = ((catalogue.ids[at], ITEM_KINDS[catalogue.kinds[at]]) for at in sorted(places))
        return {one: _removed(one, kind) for one, kind in found}

    def _among(self, people: Iterable[str]) -> set[str]:
        """Those of ``people`` who were forgotten, and maybe others who were."""
        fresh = sorted(set(people) - self._asked)
        for start in range(0, len(fresh), BLOCK):
            block = fresh[start : start + BLOCK]
            self._found |= self._database.forgotten(block)
            self._asked.update(block)
        return self._found


def _people(rows: Iterable[Row]) -> Iterator[str]:
    """Whose the items are, and users who are items."""
    for row in rows:
        if row.get("author_id") is not None:
            yield row["author_id"]
        if row["kind"] == "user":
            yield row["id"]


def _removed(item_id: str, kind: str) -> Row:
    return {"id": item_id, "kind": kind, "text": None, "removed": True}
