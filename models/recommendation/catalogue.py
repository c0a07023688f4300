"""What can be recommended, as arrays: a place (a whole number) for each item, and what is known of it there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from models.recommendation.question import ITEM_KINDS

#: The code of a value that is not known.
UNKNOWN = -1
#: The time of an item whose time is not known: before all others.
NO_TIME_US = np.iinfo(np.int64).min
#: Titles are kept for reasons ("because you liked ..."), up to so many characters.
TITLE_LENGTH = 60


@dataclass(frozen=True)
class Names:
    """Values of a column and their codes."""

    values: tuple[str, ...] = ()

    @cached_property
    def codes(self) -> dict[str, int]:
        """Value -> code."""
        return {value: code for code, value in enumerate(self.values)}

    def code(self, value: str | None) -> int:
        """The code of ``value``; ``UNKNOWN`` where there is none."""
        return UNKNOWN if value is None else self.codes.get(value, UNKNOWN)

    def value(self, code: int) -> str | None:
        """The value of ``code``; None of ``UNKNOWN``."""
        return None if code < 0 else self.values[code]


@dataclass(frozen=True)
class Catalogue:
    """n items. Arrays are (n,): ``kinds`` int8 (place in ``ITEM_KINDS``), ``authors``, ``categories`` and
    ``languages`` int32 codes, ``published`` int64 microseconds since 1970, ``popularity`` and ``trend`` float32
    (weighted interactions, all and recent ones as a share of the greatest), ``users`` int32 (who interacted),
    ``alive`` bool. ``titles`` are texts or None.
    """

    ids: tuple[str, ...]
    kinds: np.ndarray
    authors: np.ndarray
    categories: np.ndarray
    languages: np.ndarray
    published: np.ndarray
    popularity: np.ndarray
    trend: np.ndarray
    users: np.ndarray
    alive: np.ndarray
    titles: tuple[str | None, ...]
    author_names: Names = field(default_factory=Names)
    category_names: Names = field(default_factory=Names)
    language_names: Names = field(default_factory=Names)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def places(self) -> dict[str, int]:
        """Id -> place."""
        return {name: place for place, name in enumerate(self.ids)}

    @cached_property
    def names(self) -> list[tuple[str | None, str | None, str | None]]:
        """(author, category, language) of each item."""
        parts = (
            (self.author_names, self.authors),
            (self.category_names, self.categories),
            (self.language_names, self.languages),
        )
        return list(
            zip(*([names.value(code) for code in codes.tolist()] for names, codes in parts), strict=True)
        )

    @cached_property
    def allowed(self) -> list[np.ndarray]:
        """For each kind, (n,) whether an item is of it and was not taken down."""
        return [self.alive & (self.kinds == kind) for kind in range(len(ITEM_KINDS))]

    @cached_property
    def fame(self) -> np.ndarray:
        """(n,) the popularity of each item as a share of the greatest."""
        return np.asarray(self.popularity / max(float(self.popularity.max(initial=0.0)), 1e-12), np.float64)

    @cached_property
    def standing(self) -> np.ndarray:
        """(n,) float32 in (0, 1]: the root of how many users know an item, as a share of the best known one."""
        known = self.users + 1.0
        return np.asarray(np.sqrt(known / known.max(initial=1.0)), np.float32)

    @cached_property
    def usual_standing(self) -> float:
        """The standing of an item as people know them: what is guessed of one that is too new to have any."""
        known = self.standing[self.users > 0]
        return float(np.median(known)) if len(known) else 1.0

    @cached_property
    def by_author(self) -> tuple[np.ndarray, np.ndarray]:
        """(places of all items with an author, by author and the newest first; where each author begins)."""
        order = np.lexsort((np.arange(len(self)), -self.published, self.authors))
        order = order[self.authors[order] >= 0]
        starts = np.searchsorted(self.authors[order], np.arange(len(self.author_names.values) + 1))
        return order, starts

    @cached_property
    def popular(self) -> list[np.ndarray]:
        """For each kind, the places of its items with any interaction, the most popular first."""
        order = np.argsort(-self.popularity, kind="stable")
        order = order[self.popularity[order] > 0]
        return [order[self.kinds[order] == kind] for kind in range(len(ITEM_KINDS))]

    @cached_property
    def newest(self) -> list[np.ndarray]:
        """For each kind, the places of its items whose time is known, the newest first."""
        order = np.argsort(-self.published, kind="stable")
        order = order[self.published[order] != NO_TIME_US]
        return [order[self.kinds[order] == kind] for kind in range(len(ITEM_KINDS))]

    @cached_property
    def _since(self) -> list[np.ndarray]:
        """For each kind, the negative times of :attr:`newest`: rising, to search in."""
        return [-self.published[places] for places in self.newest]

    def published_between(self, kind: int, first: int, last: int) -> np.ndarray:
        """Places of the items of a kind that were published after ``first`` and up to ``last`` (microseconds),
        the newest first.
        """
        times = self._since[kind]
        return self.newest[kind][np.searchsorted(times, -last) : np.searchsorted(times, -first)]

    def items_of(self, author: int, most: int) -> np.ndarray:
        """Places of the newest items of an author (a code)."""
        order, starts = self.by_author
        return order[starts[author] : min(starts[author + 1], starts[author] + most)]

    def extended(self, rows: Sequence[Mapping[str, Any]]) -> Catalogue:
        """A catalogue with ``rows`` (``id``, ``kind``, and maybe ``author_id``, ``text``, ``category``,
        ``language``, ``published_us``, ``removed``): unknown ids are added at the end, of known ones only
        whether they were removed is taken over.
        """
        told = {row["id"]: row for row in rows}
        fresh = [row for name, row in told.items() if name not in self.places]
        alive = np.concatenate([self.alive, np.ones(len(fresh), bool)])
        both = replace(
            self,
            ids=self.ids + tuple(row["id"] for row in fresh),
            kinds=_more(self.kinds, (ITEM_KINDS.index(row["kind"]) for row in fresh)),
            published=_more(self.published, (_moment(row) for row in fresh)),
            popularity=_more(self.popularity, (0 for _ in fresh)),
            trend=_more(self.trend, (0 for _ in fresh)),
            users=_more(self.users, (0 for _ in fresh)),
            titles=self.titles + tuple(title(row.get("text")) for row in fresh),
            alive=alive,
            **_named(self, fresh),
        )
        for name, row in told.items():
            alive[both.places[name]] = not row.get("removed", False)
        return both


def title(text: str | None) -> str | None:
    """A text as a title for reasons: its first line, cut at a word."""
    line = (text or "").strip().split("\n", 1)[0].strip()
    if len(line) > TITLE_LENGTH:
        line = line[:TITLE_LENGTH].rsplit(" ", 1)[0].rstrip() + " ..."
    return line or None


def _moment(row: Mapping[str, Any]) -> int:
    moment = row.get("published_us")
    return int(NO_TIME_US) if moment is None else int(moment)


def _more(array: np.ndarray, values: Iterable[Any]) -> np.ndarray:
    return np.concatenate([array, np.array(list(values), dtype=array.dtype)])


def _named(catalogue: Catalogue, fresh: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Codes and names of the columns of names, with those of ``fresh``."""
    columns: dict[str, Any] = {}
    for plural, one, names in (
        ("authors", "author_id", "author_names"),
        ("categories", "category", "category_names"),
        ("languages", "language", "language_names"),
    ):
        known: Names = getattr(catalogue, names)
        told = [row.get(one) for row in fresh]
        extra = tuple(dict.fromkeys(value for value in told if value is not None and value not in known.codes))
        together = Names(known.values + extra) if extra else known
        columns[names] = together
        columns[plural] = _more(getattr(catalogue, plural), (together.code(value) for value in told))
    return columns
