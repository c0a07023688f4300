"""Requests of many items, each validated by itself: a faulty one costs itself alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from serving.problems import FieldError, Problem, invalid_fields
from serving.validation import BodyValidator, json_object

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Items:
    """``good`` by index, ready to be worked on; ``faulty`` by index, as they stand in the answer."""

    good: dict[int, Row]
    faulty: dict[int, Row]

    def merged(self, answers: list[Row]) -> list[Row]:
        """Answers of the good items and the faulty ones, in the order of the request."""
        if not self.faulty:
            return answers
        found = dict(zip(self.good, answers, strict=True)) | self.faulty
        return [found[index] for index in sorted(found)]


class ItemsValidator:
    """Validates ``{name: [item, ...]}``.

    Args:
        name: of the list.
        whole: validates the list at once, which most requests pass.
        one: validates an item, where the list at once does not fit.
        identity: the field by which a faulty item is named.
        most: items in a list.
        check: what no type says, as faults of an item.
    """

    def __init__(
        self,
        name: str,
        whole: BodyValidator,
        one: BodyValidator,
        *,
        identity: str,
        most: int,
        check: Callable[[Row], list[FieldError]],
    ) -> None:
        self._name = name
        self._whole = whole
        self._one = one
        self._identity = identity
        self._most = most
        self._check = check

    def one(self, body: bytes) -> Row:
        """A body that is one item. Raises Problem."""
        row = self._one.parse(body)
        if faults := self._check(row):
            raise invalid_fields(faults)
        return row

    def many(self, body: bytes) -> Items:
        """The items of a body.

        Raises:
            Problem: 400 or 422, the body is no such list, or all its items are faulty.
        """
        try:
            rows: list[Any] = self._whole.parse(body)[self._name]
        except Problem as problem:
            if problem.status == 400:
                raise
            return self._each(self._listed(body))
        items = Items({}, {})
        for index, row in enumerate(rows):
            if faults := self._check(row):
                items.faulty[index] = self._fault(index, row, invalid_fields(faults))
            else:
                items.good[index] = row
        return self._some(items)

    def _listed(self, body: bytes) -> list[Any]:
        parsed = json_object(body)
        rows = parsed.pop(self._name, None)
        if parsed:
            stray = next(iter(parsed))[:100]
            raise invalid_fields([FieldError(stray, f"{stray} does not belong beside {self._name}.")])
        if not isinstance(rows, list) or not 0 < len(rows) <= self._most:
            sentence = f"{self._name} must be a list of 1 to {self._most} items."
            raise invalid_fields([FieldError(self._name, sentence)])
        return rows

    def _each(self, rows: list[Any]) -> Items:
        items = Items({}, {})
        for index, raw in enumerate(rows):
            try:
                items.good[index] = self.one(orjson.dumps(raw))
            except Problem as problem:
                items.faulty[index] = self._fault(index, raw, problem)
        return self._some(items)

    def _fault(self, index: int, raw: Any, problem: Problem) -> Row:
        named = raw.get(self._identity) if isinstance(raw, dict) else None
        errors = [{"field": error.field, "message": error.message} for error in problem.errors]
        entry = {
            "index": index,
            self._identity: named if isinstance(named, str) else None,
            "status": "faulty",
            "detail": problem.detail,
        }
        return {**entry, "errors": errors} if errors else entry

    def _some(self, items: Items) -> Items:
        if not items.good:
            raise invalid_fields(list(self._errors(items.faulty)))
        return items

    def _errors(self, faulty: dict[int, Row]) -> Iterator[FieldError]:
        for index, entry in faulty.items():
            place = f"{self._name}[{index}]"
            for error in entry.get("errors") or [None]:
                if error is None:
                    yield FieldError(place, entry["detail"])
                else:
                    yield FieldError(f"{place}.{error['field']}", error["message"])
