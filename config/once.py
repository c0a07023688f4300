"""Things that a process makes once, when they are first wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import TypeVar, TypeVarTuple

Ts = TypeVarTuple("Ts")
R = TypeVar("R")


def once(make: Callable[[*Ts], R]) -> Callable[[*Ts], R]:
    """``make`` called once for each of its arguments, also where many threads ask at once for the first time.

    ``functools.cache`` calls it for every thread that finds nothing yet, and gives each what it made: of what
    has a state, or is random, these are then different ones. An error is raised, and kept for nobody.
    """
    making = threading.Lock()
    made: dict[tuple[*Ts], R] = {}

    @wraps(make)
    def only(*args: *Ts) -> R:
        with making:
            if args not in made:
                made[args] = make(*args)
            return made[args]

    return only
