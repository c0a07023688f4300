"""Parameters of a query, checked: every fault is named."""

from __future__ import annotations

from collections.abc import Sequence

from serving.gateway.schema import DEFAULT_LIMIT, MAX_EXCLUDED, MAX_LIMIT
from serving.http import Request
from serving.problems import FieldError, invalid_fields

LONGEST = 256


class Query:
    """Reads parameters and gathers faults; :meth:`done` raises them. ``known`` are all that may be there."""

    def __init__(self, request: Request, known: Sequence[str]) -> None:
        self._request = request
        self._faults = [
            FieldError(name[:100], f"There is no parameter '{name[:100]}': there are {', '.join(known)}.")
            for name in request.query_names()
            if name not in known
        ]

    def choice(self, name: str, among: Sequence[str], default: str) -> str:
        """One of a few words."""
        value = self._request.query(name)
        if value is None:
            return default
        if value not in among:
            self._fault(name, f"{name} must be one of {', '.join(among)}.")
        return value

    def text(self, name: str) -> str | None:
        """A short text."""
        value = self._request.query(name) or None
        if value is not None and (len(value) > LONGEST or "\0" in value):
            self._fault(name, f"{name} must be a text of at most {LONGEST} characters.")
        return value

    def limit(self) -> int:
        """How many."""
        text = self._request.query("limit")
        if text is None:
            return DEFAULT_LIMIT
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
        if not 1 <= value <= MAX_LIMIT:
            self._fault("limit", f"limit must be a whole number from 1 to {MAX_LIMIT}.")
        return value

    def ids(self, name: str) -> list[str]:
        """Ids between commas, each once."""
        text = self._request.query(name) or ""
        found = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
        if len(found) > MAX_EXCLUDED or any(len(one) > LONGEST or "\0" in one for one in found):
            self._fault(name, f"{name} must be at most {MAX_EXCLUDED} ids between commas.")
        return found

    def done(self) -> None:
        """Raise Problem 422 where there is a fault."""
        if self._faults:
            raise invalid_fields(self._faults)

    def _fault(self, field: str, sentence: str) -> None:
        self._faults.append(FieldError(field, sentence))
