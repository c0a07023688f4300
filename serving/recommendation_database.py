"""What the recommendation service asks PostgreSQL; every call raises DatabaseUnavailable while it is away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from config.settings import Settings
from models.recommendation.question import Interaction
from models.recommendation.reading import described, interactions
from serving.short_waits import CONNECT_SECONDS, LOCK_SECONDS

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from storage.flags import Flag
    from storage.recommendation_acts import Acts
    from storage.recommendation_lists import StoredList

POOL_SIZE = 6
#: So many items of a board: the newest, those that trend most of each kind, and the most engaging.
NEWEST, TRENDING, ENGAGING = 3000, 300, 3000
#: Where nothing is summed up yet, engagement is counted over the newest events.
ENGAGEMENT_SPAN, ENGAGEMENT_EVENTS = timedelta(days=7), 100_000
KINDS = ("video", "post", "user")
Row = dict[str, Any]


class RecommendationDatabase:
    """The platform's database, as this service reads it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._weights = dict(settings.recommendation_weights)

    @cached_property
    def engine(self) -> Engine:
        """Made when it is first used: nothing connects before."""
        from storage.database import make_engine

        return make_engine(
            self._settings, pool_size=POOL_SIZE, connect_seconds=CONNECT_SECONDS, lock_seconds=LOCK_SECONDS
        )

    def histories(self, users: Sequence[str]) -> Mapping[str, tuple[Interaction, ...]]:
        """The newest interactions of users, the newest first; who did nothing is absent."""
        from storage.events import history

        found = history(self.engine, users, limit=self._settings.recommendation_history)
        return {user: interactions(rows) for user, rows in found.items()}

    def lists(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], StoredList]:
        """Lists that were computed ahead, of (user, kind of item)."""
        from storage.recommendation_lists import read_lists

        return read_lists(self.engine, keys)

    def acts(self, last: str | None) -> Acts:
        """Who acted since the snapshot ``last``."""
        from storage.recommendation_acts import acts_since

        return acts_since(self.engine, last)

    def flags(self) -> Mapping[str, Flag]:
        """The feature flags."""
        from storage.flags import read_flags

        return read_flags(self.engine)

    def trending(self) -> dict[str, float]:
        """Item -> how strongly it trends, of all kinds."""
        from storage.trending import trend_scores

        return {
            item: score for kind in KINDS for item, score in trend_scores(self.engine, kind, TRENDING).items()
        }

    def engagement(self, now: datetime) -> dict[str, float]:
        """Item -> weighted engagement of the last days."""
        from storage.recommendation_board import engagement

        return engagement(
            self.engine, self._weights, now - ENGAGEMENT_SPAN, events=ENGAGEMENT_EVENTS, limit=ENGAGING
        )

    def newest(self, now: datetime) -> list[Row]:
        """The newest items, described as the model takes them."""
        from storage.recommendation_board import newest_items

        return [described(row) for row in newest_items(self.engine, now, NEWEST)]

    def updated(self, since: datetime, limit: int) -> list[Row]:
        """Items that were told of since then, described as the model takes them; those taken down, too."""
        from storage.recommendation_board import updated_items

        return [described(row) for row in updated_items(self.engine, since, limit)]

    def items(self, ids: Iterable[str]) -> dict[str, Row]:
        """Items by id, described as the model takes them."""
        from storage.items import items

        return {one: described(row) for one, row in items(self.engine, list(ids)).items()}

    def erasures(self) -> int:
        """How many people were forgotten."""
        from storage.erasure import count_erased

        return count_erased(self.engine)

    def forgotten(self, people: Sequence[str]) -> set[str]:
        """Those of ``people`` who were forgotten. Raises SettingsError: the key that tells cannot be read."""
        from storage.erasure import is_erased

        return is_erased(self.engine, self._settings, people)

    def decisions(self, recommendations: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        """Recommendation -> (decision, experiment) that it followed from."""
        from storage.recommendation_decisions import decisions_of

        return decisions_of(self.engine, recommendations)

    def close(self) -> None:
        """Let the connections go."""
        if "engine" in self.__dict__:
            self.engine.dispose()
