"""What follows at once from events: lists count them, those that are kept are dropped, decisions rewarded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from models.recommendation.question import Interaction
from models.recommendation.reading import moment_us
from serving.recommendation_acts import ActWatcher
from serving.recommendation_api import RecommendApi
from serving.recommendation_cache import AnswerCache
from serving.recommendation_rewards import Rewards
from serving.recommendation_users import Histories


class EventListener:
    """Told of events that this process took, in the event loop; and of users who acted elsewhere, by a thread.

    Args:
        weights: of kinds of interactions; one that says something good is a reward.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        histories: Histories,
        cache: AnswerCache,
        api: RecommendApi,
        acts: ActWatcher,
        rewards: Rewards,
    ) -> None:
        self._weights = weights
        self._histories = histories
        self._cache = cache
        self._api = api
        self._acts = acts
        self._rewards = rewards

    def taken(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Events that this process took, before their sender is answered."""
        by_user: dict[str, list[Interaction]] = {}
        for row in rows:
            deed = Interaction(row["item_id"], row["kind"], moment_us(row["at"]), row["watch_share"])
            by_user.setdefault(row["user_id"], []).append(deed)
        for user, deeds in by_user.items():
            self._histories.add(user, deeds)
            self._forget(user)
        self._acts.own([row["id"] for row in rows])
        self._rewards.followed(
            [
                row["recommendation_id"]
                for row in rows
                if row["recommendation_id"] is not None and self._is_good(row)
            ]
        )
        self._cache.settle()

    def elsewhere(self, users: Iterable[str]) -> None:
        """Users who acted in another process. In any thread."""
        users = list(users)
        self._histories.acted(users)
        for user in users:
            self._forget(user)
        self._cache.settle()

    def anybody(self) -> None:
        """Anybody may have acted elsewhere. In any thread."""
        self._histories.all_acted()
        self._forget_all()
        self._cache.settle()

    def forgotten(self) -> None:
        """Somebody was forgotten, and nobody says who: all is read anew. In any thread."""
        self._histories.clear()
        self._forget_all()
        self._cache.settle()

    def began(self) -> None:
        """What was read and kept of users before may be old. In any thread."""
        self._histories.all_acted()
        self._api.dropped_all()
        if not self._cache.shared:  # a shared one is told by those who looked
            self._cache.dropping_all()

    def _forget(self, user: str) -> None:
        self._cache.dropping(user)
        self._api.dropped(user)

    def _forget_all(self) -> None:
        self._cache.dropping_all()
        self._api.dropped_all()

    def _is_good(self, row: Mapping[str, Any]) -> bool:
        share = row["watch_share"] if row["kind"] == "view" and row["watch_share"] is not None else 1.0
        return bool(self._weights.get(row["kind"], 0.0) * share > 0)
