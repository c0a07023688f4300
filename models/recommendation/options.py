"""What the recommendation family may be told: what interactions weigh, and how lists are made of scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np

from config.settings import Settings

#: Kinds of interactions, in the order of their codes.
KINDS = ("view", "like", "comment", "share", "bookmark", "follow", "skip")
#: What of a user is known at least, to tell what they have seen.
REMEMBERED = 1_000
DEFAULT_WEIGHTS = {
    "view": 1.0, "like": 3.0, "comment": 4.0, "share": 5.0, "bookmark": 4.0, "follow": 6.0, "skip": -1.0,
}  # fmt: skip


@dataclass(frozen=True)
class RecommendationOptions:
    """Options of one fit, and of everything that must agree with it.

    Attributes:
        weights: what an interaction of each kind says of the user's taste; that of a view is taken times the
            share that was watched.
        half_life: an interaction counts half after this long.
        mix: shares of collaborative filtering, content and trending in the hybrid.
        exploration: share of a list for new items that few have seen.
        author_run: so many items of one author may follow one another.
        seen: what a user has seen does not come back for this long.
        history: so many of the newest interactions count.
        neighbours: related items that are kept of each item.
        test_span: the newest interactions, of this long at most, measure.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    half_life: timedelta = timedelta(days=7)
    mix: tuple[float, float, float] = (0.4, 0.4, 0.2)
    exploration: float = 0.1
    author_run: int = 2
    seen: timedelta = timedelta(days=30)
    history: int = 200
    neighbours: int = 100
    test_span: timedelta = timedelta(days=2)

    @property
    def kind_weights(self) -> np.ndarray:
        """(kinds,) weights in the order of ``KINDS``."""
        return np.array([self.weights[kind] for kind in KINDS], dtype=np.float64)

    @property
    def remembered(self) -> int:
        """So many of a user's newest interactions are asked for: what was seen must not come back for a while,
        also where it is too old to count.
        """
        return max(self.history, REMEMBERED)

    def describe(self) -> dict[str, Any]:
        """JSON-ready form, the inverse of :meth:`restore`."""
        return {
            "weights": dict(self.weights),
            "half_life_seconds": self.half_life.total_seconds(),
            "mix": list(self.mix),
            "exploration": self.exploration,
            "author_run": self.author_run,
            "seen_seconds": self.seen.total_seconds(),
            "history": self.history,
            "neighbours": self.neighbours,
            "test_span_seconds": self.test_span.total_seconds(),
        }

    @classmethod
    def restore(cls, facts: Mapping[str, Any]) -> RecommendationOptions:
        """Options out of :meth:`describe`'s form. Raises KeyError, TypeError or ValueError."""
        collaborative, content, trending = (float(share) for share in facts["mix"])
        return cls(
            weights={kind: float(facts["weights"][kind]) for kind in KINDS},
            half_life=timedelta(seconds=float(facts["half_life_seconds"])),
            mix=(collaborative, content, trending),
            exploration=float(facts["exploration"]),
            author_run=int(facts["author_run"]),
            seen=timedelta(seconds=float(facts["seen_seconds"])),
            history=int(facts["history"]),
            neighbours=int(facts["neighbours"]),
            test_span=timedelta(seconds=float(facts["test_span_seconds"])),
        )


def options_from_settings(settings: Settings) -> RecommendationOptions:
    """The family's options out of the platform's settings."""
    collaborative, content, trending = settings.recommendation_mix
    return RecommendationOptions(
        weights=dict(settings.recommendation_weights),
        half_life=timedelta(days=settings.recommendation_half_life_days),
        mix=(collaborative, content, trending),
        exploration=settings.recommendation_exploration,
        author_run=settings.recommendation_author_run,
        seen=timedelta(days=settings.recommendation_seen_days),
        history=settings.recommendation_history,
        neighbours=settings.recommendation_neighbours,
        test_span=timedelta(days=settings.recommendation_test_days),
    )
