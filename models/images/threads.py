"""How torch's threads wait for one another; to be settled before torch is imported."""

from __future__ import annotations

import os


def wait_quietly() -> None:
    """Let threads sleep while they wait (OpenMP's ``OMP_WAIT_POLICY=PASSIVE``), unless it is set already.

    By default they spin. Where other programs want the same cores, a thread that spins takes the time that the
    one it waits for needs: on two busy cores a training of the default network then went through 21 photos a
    second, and through 259 like this. OpenMP reads it as torch is loaded; afterwards this changes nothing.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
