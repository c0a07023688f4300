"""Texts analyzed by several versions at once, as while some are tried: each text by those that are its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from models.analysis.analyzer import FAMILIES, Analyzer

#: A version of a family; None: a simple way stands in.
V = TypeVar("V")
Own = tuple[V | None, ...]
#: The fields of an answer's ``parts`` that each family fills.
_PARTS = {"sentiment": ("sentiment",), "topics": ("categories", "topics"), "entities": ("entities",)}


def analyze_by(
    own: Sequence[Own[V]],
    production: Own[V],
    analyzer: Callable[[Own[V]], Analyzer],
    texts: Sequence[str],
    titles: Sequence[str | None],
    tags: Sequence[Sequence[str] | None],
    failed: Callable[[str, int, Exception], None],
) -> list[dict[str, Any]]:
    """The analysis of each text by the versions that are its own, and by production's where one of these fails.

    Args:
        own: of each text, a version of each of ``FAMILIES``.
        production: those in production.
        analyzer: makes the analyzer of such versions.
        texts: as :meth:`Analyzer.analyze` takes them.
        titles: of the texts.
        tags: of the texts.
        failed: told of each family whose own version failed, on how many texts, and why.

    Raises:
        Exception: whatever production's versions raise.
    """

    def some(values: Sequence[Any], places: Sequence[int]) -> list[Any]:
        return [values[place] for place in places]

    def whole(versions: Own[V], places: Sequence[int]) -> list[dict[str, Any]]:
        return analyzer(versions).analyze(
            some(texts, places), titles=some(titles, places), tags=some(tags, places)
        )

    groups: dict[tuple[int, ...], tuple[Own[V], list[int]]] = {}
    for place, versions in enumerate(own):
        groups.setdefault(tuple(map(id, versions)), (versions, []))[1].append(place)
    found: dict[int, dict[str, Any]] = {}
    for versions, places in groups.values():
        try:
            answers = whole(versions, places)
        except Exception:  # noqa: BLE001 - which of them failed is found out
            answers = [dict(one) for one in whole(production, places)]
            for number, family in enumerate(FAMILIES):
                if versions[number] is production[number]:
                    continue
                alone: Own[V] = tuple(each if at == number else None for at, each in enumerate(versions))
                try:
                    by = analyzer(alone)
                    said = by.part(family, some(texts, places), some(titles, places))
                    parts = list(zip(answers, said, strict=True))
                except Exception as error:  # noqa: BLE001 - production has answered
                    failed(family, len(places), error)
                    continue
                who = {name: by.parts[name] for name in _PARTS[family]}
                for answer, part in parts:
                    answer |= {**part, "parts": answer["parts"] | who}
        found.update(zip(places, answers, strict=True))
    return [found[place] for place in range(len(own))]
