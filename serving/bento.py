"""Where a service of ours meets BentoML: Bento starts, watches and stops it, and stays out of its requests."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from bentoml import Service

from serving.http import Receive, Scope, Send

Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
#: Bento's own probes stay Bento's.
PROBES = frozenset({"/livez", "/readyz", "/healthz"})


class LateApplication:
    """Stands in for an application that is made when its process starts: importing a service makes nothing."""

    def __init__(self) -> None:
        self.target: Asgi | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on to the application."""
        if self.target is None:
            raise RuntimeError("The service was asked before it was started.")
        await self.target(scope, receive, send)


class DirectService(Service):
    """A Bento service whose requests pass by Bento's middleware.

    Tracing, time-out (a task and a timer each), context and routing take longer than the prediction, and none
    can be configured away. The application is mounted in the service all the same, so that a Bento that
    ignores this answers alike, only slower.
    """

    __slots__ = ()

    def to_asgi(self, is_main: bool = True) -> Asgi:
        """Our application in front, Bento's behind it for its life cycle and its probes."""
        bento: Asgi = super().to_asgi(is_main=is_main)
        application: Asgi = self.mount_apps[0][0]

        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"] in PROBES:
                await bento(scope, receive, send)
            else:
                await application(scope, receive, send)

        return front


def answer_directly(service: Any) -> None:
    """Make a :class:`DirectService` of what ``bentoml.service`` made; it has one application mounted."""
    service.__class__ = DirectService


def end_with_parent() -> None:
    """Ask Linux to end this worker when Bento's main process dies, however it dies: else an orphan keeps the
    port, and the next start finds it taken. Elsewhere there is no such call, and nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return
    set_parent_death_signal = 1
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(set_parent_death_signal, signal.SIGTERM, 0, 0, 0)
