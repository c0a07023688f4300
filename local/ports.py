"""Ports for a platform, or a server, beside others on this machine."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from config.settings import Settings


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def free_port() -> int:
    """A port that nothing listens on now."""
    return free_ports(1)[0]


def own_ports() -> dict[str, int]:
    """A free port for each setting that names one."""
    names = [name for name in Settings.model_fields if name.endswith("_port")]
    return dict(zip(names, free_ports(len(names)), strict=True))
