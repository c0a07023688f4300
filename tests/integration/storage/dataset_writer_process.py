"""A process that publishes one version, and may end itself right before or after its n-th store operation.

Arguments: folder, number of rows, and optionally ``before`` or ``after`` with n. Prints ``ready`` before it
begins and ``done`` once the version is published.
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from typing import Any

from storage.datasets import DatasetRepository, chunking
from storage.objects_local import LocalStore
from tests.integration.storage.datasets_world import publish, rows

WRITES = ("put", "create", "stat", "list", "get")


class Deadly:
    """A store that ends the process, as ``kill -9`` would, at its n-th operation."""

    def __init__(self, store: LocalStore, moment: str, count: int) -> None:
        self._store, self._moment, self._fatal = store, moment, count
        self._turns = itertools.count(1)

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)
        if name not in WRITES:
            return verb

        def counted(*arguments: Any) -> Any:
            fatal = next(self._turns) == self._fatal
            if fatal and self._moment == "before":
                os._exit(9)
            result = verb(*arguments)
            if fatal:
                os._exit(9)
            return result

        return counted


def main() -> None:
    folder, count, *death = sys.argv[1:]
    chunking.row_groups.__kwdefaults__["group_rows"] = 500
    store: Any = LocalStore(Path(folder))
    if death:
        store = Deadly(store, death[0], int(death[1]))
    table = rows(int(count))
    print("ready", flush=True)
    publish(DatasetRepository(store, part_bytes=30_000), table)
    print("done", flush=True)


if __name__ == "__main__":
    main()
