"""The order of a list in which no author has too many items in a row."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


def spread(order: Sequence[int], authors: Sequence[int | str | None], run: int, count: int) -> list[int]:
    """The first ``count`` of ``order`` with at most ``run`` items of one author in a row.

    Greedy: the best item that does not make a run too long comes next, so the order is kept where it can be.
    Items without an author never clash. The list is never shorter for it: when only items of one author are
    left, they go to the latest places between the others that keep the rule, and where there is no such place
    any more, to the end. A longer run thus stands only where no order of these items would avoid it.

    Args:
        order: indices into ``authors``, the best first, each once.
        authors: of the items.
        run: at least 1.
        count: at most so many are returned.

    Returns:
        min(count, len(order)) of the indices.
    """
    chosen: list[int] = []
    waiting: deque[int] = deque()  # of one author always: a wait ends with the next item of another one
    last: int | str | None = None
    length = 0
    rest = iter(order)
    while len(chosen) < count:
        if waiting and (authors[waiting[0]] != last or length < run):
            at = waiting.popleft()
        elif (following := next(rest, None)) is None:
            break
        else:
            at = following
        author = authors[at]
        if author is not None and author == last:
            if length >= run:
                waiting.append(at)
                continue
            length += 1
        else:
            last, length = author, 1
        chosen.append(at)
    return _filled(chosen, [*waiting][: count - len(chosen)], authors, run) if waiting else chosen


def _filled(chosen: list[int], more: list[int], authors: Sequence[int | str | None], run: int) -> list[int]:
    """``chosen`` with ``more`` items of one author put between; that author's items keep their order."""
    if not more:
        return chosen
    author = authors[more[0]]
    ordered = iter([*(at for at in chosen if authors[at] == author), *more])
    filled = list(chosen)
    for at in more:
        filled.insert(_place(filled, authors, author, run), at)
    return [next(ordered) if authors[at] == author else at for at in filled]


def _place(
    chosen: Sequence[int], authors: Sequence[int | str | None], author: int | str | None, run: int
) -> int:
    """The latest place where one more item of ``author`` makes no run too long; the end where there is none."""
    length = 0
    for place in range(len(chosen), -1, -1):
        if place and authors[chosen[place - 1]] == author:
            length += 1
        elif length < run:
            return place
        else:
            length = 0
    return len(chosen)
