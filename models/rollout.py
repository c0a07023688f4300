"""For whom a feature flag is on, by a roll-out that is sticky by user.

A flag and a user hash to one of 10,000 buckets, and the flag is on in the first ``percent`` of them. So a user
keeps what they have, a higher percentage only adds users, and who has one flag says nothing about another.
Nothing is stored by user.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from config.flags import FLAGS, FlagState, known_flag

BUCKETS = 10_000


def bucket(flag: str, user_id: str) -> int:
    """The user's bucket of this flag, from 0 to 9,999: the same on every machine, for ever."""
    digest = hashlib.blake2b(
        user_id.encode(errors="surrogatepass"), digest_size=8, key=flag.encode()[:64]
    ).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def in_rollout(flag: str, user_id: str, percent: float) -> bool:
    """Whether ``user_id`` is among the first ``percent`` (0 to 100, to a hundredth) of this flag's users."""
    return bucket(flag, user_id) < round(percent * BUCKETS / 100)


def in_trial(rollout: int, identity: str, share: float) -> bool:
    """Whether the question about ``identity`` is among the ``share`` (0 to 1) of a version that is tried in the
    rollout of that number: the same ones for as long as it runs, wherever they are asked.
    """
    return share >= 1 or in_rollout(f"rollout-{rollout}", identity, share * 100)


@dataclass(frozen=True, slots=True)
class Flags:
    """The state of every flag at one moment."""

    states: Mapping[str, FlagState]

    @classmethod
    def of(cls, states: Mapping[str, FlagState]) -> Flags:
        """Those that are told; the others have their defaults. A name that is no flag's is left out."""
        return cls(MappingProxyType({name: states.get(name, flag.default) for name, flag in FLAGS.items()}))

    def on(self, name: str, user_id: str) -> bool:
        """Whether the flag is on for this user.

        Raises:
            InputError: there is no such flag.
        """
        state = self.states.get(name)
        if state is None:
            known_flag(name)
            return False
        if not state.enabled or state.rollout <= 0:
            return False
        return state.rollout >= 100 or in_rollout(name, user_id, state.rollout)

    def for_user(self, user_id: str) -> dict[str, bool]:
        """Every flag, and whether it is on for this user."""
        return {name: self.on(name, user_id) for name in self.states}
