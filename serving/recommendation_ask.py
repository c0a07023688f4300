"""A request for a list with its defaults filled in: the question it makes, its key, and what is recorded."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

from models.recommendation.question import Question
from serving.problems import FieldError, invalid_fields
from serving.recommendation_schema import DEFAULT_ITEMS
from serving.recommendation_users import Known

Asked = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for a list, with its defaults filled in."""

    user_id: str
    count: int
    item_kind: str
    exclude: frozenset[str]
    language: str | None
    region: str | None
    category: str | None
    explain: bool
    preview: bool

    @classmethod
    def of(cls, asked: Asked) -> Ask:
        """Out of what was sent. Raises Problem 422: the two names for the kind differ."""
        kind, alias = asked.get("content_type"), asked.get("item_kind")
        if kind and alias and kind != alias:
            sentence = "item_kind is another name for content_type, and says something else."
            raise invalid_fields([FieldError("item_kind", sentence)])
        return cls(
            asked["user_id"],
            asked.get("limit") or DEFAULT_ITEMS,
            kind or alias or "video",
            frozenset(asked.get("exclude_ids") or ()),
            asked.get("language"),
            asked.get("region"),
            asked.get("category"),
            bool(asked.get("explain")),
            bool(asked.get("preview")),
        )

    @property
    def key(self) -> str:
        """Stands for all but the user in the key of a kept answer."""
        out = hashlib.blake2b("\0".join(sorted(self.exclude)).encode(), digest_size=12).hexdigest()
        words = "\0".join(word or "" for word in (self.language, self.region, self.category))
        return f"{self.item_kind}|{self.count}|{int(self.explain)}|{out if self.exclude else ''}|{words}"

    def question(self, history: Known) -> Question:
        """The question to whoever answers, about now."""
        return Question(
            user_id=self.user_id,
            at_us=time.time_ns() // 1000,
            history=history.history,
            count=self.count,
            item_kind=self.item_kind,
            exclude=self.exclude,
            language=self.language,
            region=self.region,
            category=self.category,
        )

    def inputs(self) -> dict[str, Any]:
        """What is recorded of it."""
        found = {
            "user_id": self.user_id,
            "content_type": self.item_kind,
            "limit": self.count,
            "language": self.language,
            "region": self.region,
            "category": self.category,
            "excluded": len(self.exclude) or None,
        }
        return {name: value for name, value in found.items() if value is not None}
