"""Ports for a platform, or a server, beside others on this machine."""

from __future__ import annotations

import secrets
import socket
from contextlib import ExitStack, suppress

from config.settings import Settings

#: Below those that the kernel gives to connections (from 32768 on, on Linux). Of these, whoever asks for a
#: server that is about to start may be given its very port for his own end: he is then connected with himself,
#: the server cannot start, and he waits for ever.
FIRST, LAST = 20_000, 32_000


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now, all different.

    Raises:
        OSError: there are hardly any.
    """
    found: list[int] = []
    with ExitStack() as stack:
        for _ in range(100 * count):
            one, port = stack.enter_context(socket.socket()), FIRST + secrets.randbelow(LAST - FIRST)
            with suppress(OSError):
                one.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                return found
    raise OSError(f"No {count} ports from {FIRST} to {LAST} are free on 127.0.0.1.")


def free_port() -> int:
    """A port that nothing listens on now."""
    return free_ports(1)[0]


def own_ports() -> dict[str, int]:
    """A free port for each setting that names one."""
    names = [name for name in Settings.model_fields if name.endswith("_port")]
    return dict(zip(names, free_ports(len(names)), strict=True))
