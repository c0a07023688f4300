"""How the platform is: what the supervisor wrote down, asked again of every part itself."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from config.errors import PlatformError
from config.settings import Settings
from local.parts import Part
from local.plan import plan
from local.process import Identity, memory
from local.secrets import with_secrets
from local.state import PartState, PlatformState, RunFolder


@dataclass(frozen=True)
class PartStatus:
    """A part now. ``uptime`` in seconds, ``memory`` in bytes with its children; None where there is none."""

    name: str
    title: str
    health: str
    healthy: bool
    url: str | None
    pid: int | None
    uptime: float | None
    memory: int | None
    restarts: int
    detail: str = ""


@dataclass(frozen=True)
class PlatformStatus:
    """The platform now. ``memory`` counts the supervisor and every part."""

    running: bool
    phase: str
    healthy: bool
    pid: int | None = None
    uptime: float | None = None
    memory: int = 0
    parts: list[PartStatus] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def platform_status(settings: Settings) -> PlatformStatus:
    """Ask every part of the platform in ``settings.home``; takes as long as the slowest of them."""
    folder = RunFolder(settings.home)
    state = folder.read()
    if state is None or not folder.locked():
        return PlatformStatus(running=False, phase="stopped", healthy=False)
    probes = {part.name: part for part in plan(with_secrets(settings))}
    with ThreadPoolExecutor(max_workers=len(state.parts) or 1) as pool:
        parts = list(pool.map(lambda part: part_status(part, probes.get(part.name)), state.parts))
    return _whole(state, parts)


def part_status(state: PartState, part: Part | None) -> PartStatus:
    """One part: the supervisor's word first, then the part's own answer."""
    identity = state.identity
    health = _health(state, part, identity)
    return PartStatus(
        name=state.name,
        title=state.title,
        health=health,
        healthy=health in ("healthy", "done"),
        url=state.url,
        pid=state.pid,
        uptime=time.time() - state.since if state.since and state.condition == "running" else None,
        memory=memory(identity) if identity else None,
        restarts=state.restarts,
        detail=state.detail,
    )


def _health(state: PartState, part: Part | None, identity: Identity | None) -> str:
    if state.condition == "running" and (identity is None or identity.alive() is None):
        return "dead"
    if state.condition not in ("running", "external"):
        return state.condition
    try:
        answers = part is None or part.probe is None or part.probe(0.0)
    except PlatformError:
        answers = False
    return "healthy" if answers else "silent"


def _whole(state: PlatformState, parts: list[PartStatus]) -> PlatformStatus:
    own = memory(state.supervisor) or 0  # with its children, which are the parts
    return PlatformStatus(
        running=True,
        phase=state.phase,
        healthy=state.phase == "ready" and all(part.healthy for part in parts),
        pid=state.pid,
        uptime=time.time() - state.started,
        memory=own,
        parts=parts,
    )
