"""What a part of the platform is: how it is started, when it is ready, and what it waits for."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["server", "job", "external"]
#: how long somebody else's server may take to answer while we come up
EXTERNAL_SECONDS = 20.0


def _no_options() -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes:
        kind: ``server`` runs on and is restarted when it dies; ``job`` runs once to its end; ``external`` is
            somebody else's: it is asked for, never started.
        command: what to run, worked out at each start; None for an external part.
        probe: (moment of its start, in seconds since the epoch) -> whether it answers now. May block for a
            few seconds; must not raise.
        needs: names of the parts that must be ready before this one starts.
        before: run before each start (make a data folder). May raise PlatformError.
        after: run once it answers, before those that need it start (create databases).
        options: more keyword arguments of Popen, asked for at each start.
        own_endpoint: ``probe`` asks this very process, so that one which stays silent is hung.
        runs_jobs: its children are jobs with a life of their own (flow runs): they go on when it dies, and a
            stop is told to each of them.
        setting: the environment variable that changes its port or its address.
    """

    name: str
    title: str
    kind: Kind = "server"
    command: Callable[[], Sequence[str]] | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    probe: Callable[[float], bool] | None = None
    needs: tuple[str, ...] = ()
    before: Callable[[], None] | None = None
    after: Callable[[], None] | None = None
    options: Callable[[], dict[str, Any]] = _no_options
    own_endpoint: bool = False
    runs_jobs: bool = False
    host: str = "127.0.0.1"
    port: int | None = None
    setting: str | None = None
    url: str | None = None
    stop_signal: int = signal.SIGTERM
    start_seconds: float = 90.0
    stop_seconds: float = 5.0


def check_plan(parts: tuple[Part, ...]) -> None:
    """Every need is a part that stands earlier, so that a plan has no cycle.

    Raises:
        ValueError: a name is used twice, or a need is unknown or stands later.
    """
    seen: set[str] = set()
    for part in parts:
        if part.name in seen:
            raise ValueError(f"two parts are called {part.name}")
        if unknown := set(part.needs) - seen:
            raise ValueError(f"{part.name} needs {', '.join(sorted(unknown))}, which no earlier part is")
        seen.add(part.name)
