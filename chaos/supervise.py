"""``python -m chaos.supervise``: the platform as `assay up` runs it, with clocks that can jump."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from chaos.clock import LIBRARY, with_clock
from config.settings import Settings
from local.parts import Part
from local.plan import plan
from local.run import main

#: The variable that says how many times its time a part gets to start.
PATIENCE = "CHAOS_PATIENCE"


def patient(settings: Settings) -> tuple[Part, ...]:
    """The parts, with more time to start and clocks of their own, as the environment says."""
    patience, library = float(os.environ.get(PATIENCE, "1")), os.environ.get(LIBRARY)
    parts = tuple(replace(part, start_seconds=part.start_seconds * patience) for part in plan(settings))
    return tuple(with_clock(part, settings.home, Path(library)) for part in parts) if library else parts


if __name__ == "__main__":
    sys.exit(main(patient))
