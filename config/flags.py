"""The feature flags there are: what each switches, and its state while nobody has changed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from config.errors import InputError


@dataclass(frozen=True, slots=True)
class FlagState:
    """Whether a flag is on, and for how many percent of the users (0 to 100)."""

    enabled: bool
    rollout: int

    @property
    def share(self) -> int:
        """Percent of the users for whom it is on."""
        return self.rollout if self.enabled else 0

    @property
    def words(self) -> str:
        """``on for 25 % of the users``, ``on for everybody`` or ``off``."""
        if not self.enabled:
            return "off"
        return {0: "on for nobody", 100: "on for everybody"}.get(
            self.rollout, f"on for {self.rollout} % of the users"
        )


@dataclass(frozen=True, slots=True)
class FlagDefinition:
    """A flag: what it does where it is on, what happens where it is off, and its default."""

    on: str
    off: str
    default: FlagState = FlagState(enabled=True, rollout=100)


FLAGS: Mapping[str, FlagDefinition] = MappingProxyType(
    {
        "mlRecommendations": FlagDefinition(
            on="The model in production makes the feed.",
            off="The heuristic makes the feed.",
        ),
        "personalizedFeed": FlagDefinition(
            on="The heuristic makes the feed for the person: followed authors and own categories come first.",
            off="The heuristic gives everybody the same feed, less what they have seen.",
        ),
        "engagementRanking": FlagDefinition(
            on="The heuristic orders by engagement: what is liked, shared and watched to its end comes first.",
            off="The heuristic orders by time: the newest comes first.",
        ),
    }
)


def known_flag(name: str) -> FlagDefinition:
    """The flag of that name.

    Raises:
        InputError: there is none; the message names those there are.
    """
    found = FLAGS.get(name)
    if found is None:
        raise InputError(f"There is no flag '{name[:100]}'.", hint=f"Flags: {', '.join(FLAGS)}.")
    return found
