"""What an earlier supervisor left behind when it was killed, found exactly and ended."""

from __future__ import annotations

import signal
from pathlib import Path

from local.process import end, marked
from local.state import RunFolder

PATIENCE = 5.0


def end_leftovers(home: Path) -> int:
    """End the processes of earlier runs in ``home`` that still live; how many there were.

    Only to be called with the lock held. A process is ours when its pid and creation time are the recorded
    ones, or when its own environment names this home and a part. Nothing else is touched. The recorded ones
    are asked first, the last part before the first, so that servers see their clients leave.
    """
    state = RunFolder(home).read()
    count = 0
    for part in reversed(state.parts if state else []):
        process = part.identity.alive() if part.identity else None
        if process is not None:
            end([process], part.stop_signal, PATIENCE)
            count += 1
    strays = marked(str(home))
    end(strays, signal.SIGTERM, PATIENCE)
    return count + len(strays)
