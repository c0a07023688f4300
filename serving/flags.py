"""The feature flags of a service: in memory, read again and again by a thread, so that a request reads nothing.

While the database is away the last known ones stand; they are on disk too, so that a service which starts then
has them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import orjson

from config.flags import FlagState
from config.settings import Settings
from models.rollout import Flags
from serving.disk_copy import replace_file
from serving.experiments.ticker import Ticker
from storage.flags import Flag

logger = logging.getLogger(__name__)

#: A change is in force within 10 s: this long, and what reading takes.
SECONDS = 2.0
#: Flags may be this much older than they should be before health says so.
STALE_SECONDS = 10.0


class FlagWatcher:
    """Keeps :attr:`current` on what the database says.

    Args:
        settings: of the platform; its home holds the copy on disk, which all workers of the service share.
        read: asks the database, such as ``partial(read_flags, engine)``; may raise.
        seconds: between two times.
    """

    def __init__(
        self, settings: Settings, read: Callable[[], Mapping[str, Flag]], seconds: float = SECONDS
    ) -> None:
        #: The flags as they are known now; replaced as a whole.
        self.current = Flags.of({})
        self._read = read
        self._copy = settings.home / "services" / "recommendation" / "flags.json"
        self._kept: Flags | None = None
        self._fresh_at = time.monotonic()
        self._ticker = Ticker("flag-watcher", seconds, self.look)

    def start(self) -> None:
        """Take what the last process knew, look at the database once, and begin to watch. Never raises."""
        self._load()
        self._ticker.tick()
        self._ticker.start()

    def stop(self, timeout: float = 2.0) -> None:
        """End the thread."""
        self._ticker.stop(timeout)

    def look(self) -> None:
        """Read the flags now.

        Raises:
            DatabaseError: what reading them raised; the known ones stand.
        """
        found = Flags.of({name: flag.state for name, flag in self._read().items()})
        if found != self.current:
            logger.info("feature flags: %s", {name: state.share for name, state in found.states.items()})
        self.current, self._fresh_at = found, time.monotonic()
        if found != self._kept:
            _save(self._copy, found)
            self._kept = found

    def complaints(self) -> list[str]:
        """What is not as it should be, for the service's health."""
        if time.monotonic() - self._fresh_at <= STALE_SECONDS:
            return []
        return ["feature flags are as they were a while ago: the database does not tell them"]

    def _load(self) -> None:
        try:
            kept = orjson.loads(self._copy.read_bytes())
            states = {name: FlagState(bool(one["enabled"]), int(one["rollout"])) for name, one in kept.items()}
            self.current = self._kept = Flags.of(states)
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            logger.warning("the feature flags kept in %s cannot be used: %s", self._copy, error)


def _save(path: Path, flags: Flags) -> None:
    """Keep the flags for a start while the database is away. Failing to is no harm to those that are known."""
    kept = {name: {"enabled": state.enabled, "rollout": state.rollout} for name, state in flags.states.items()}
    try:
        replace_file(path, orjson.dumps(kept))
    except OSError as error:
        logger.warning("the feature flags could not be kept in %s: %s", path, error)
