"""What a replica of a service is called: one name for all its workers, and another one after each start."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

_FILE = "replica"


def replica_name() -> str:
    """The host's name, and eight letters of this start.

    Workers take it from a file in the folder of their shared figures (``PROMETHEUS_MULTIPROC_DIR``), which is
    made anew at each start, as counters begin at zero then.
    """
    name = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return name
    shared, own = Path(folder) / _FILE, Path(folder) / f"{_FILE}.{os.getpid()}-{name[-8:]}"
    try:
        own.write_text(name)
        try:
            os.link(own, shared)  # whoever is first names all; nobody reads a name that is half written
        except FileExistsError:
            return shared.read_text()
        finally:
            own.unlink()
    except OSError:  # a full disk: the figures have other troubles then
        return name
    return name
