"""The models of several families in one process: each has its own slot, copy on disk and watcher."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings
from models.family import Family, get_family
from serving.disk_copy import DiskCopy
from serving.metrics import ServiceMetrics
from serving.model_slot import ModelSlot, ServedModel
from serving.watcher import VersionSource, Watcher

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FamilyModel:
    """One family's part: what answers, the copy it starts from, and who looks for another version."""

    family: Family
    slot: ModelSlot
    disk: DiskCopy
    watcher: Watcher


class ManyModels(Mapping[str, FamilyModel]):
    """Models by family, watched by one thread.

    Args:
        service: whose they are; a model's figures are under ``<service>-<family>``.
        families: their names.
        folder: of the service; each family's copies are below.
        connect: makes the registry's client, which all share.
    """

    def __init__(
        self,
        service: str,
        families: Iterable[str],
        settings: Settings,
        folder: Path,
        metrics: ServiceMetrics,
        connect: Callable[[], VersionSource],
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._source: VersionSource | None = None
        self._models: dict[str, FamilyModel] = {}
        for name in families:
            family, slot, disk = get_family(name), ModelSlot(), DiskCopy(folder / name)
            figures = metrics.model(f"{service}-{name}")
            watcher = Watcher(family, settings, slot, disk, figures, self._shared)
            self._models[name] = FamilyModel(family, slot, disk, watcher)
        self._stopping = threading.Event()
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="models-watcher", daemon=True)

    def __getitem__(self, family: str) -> FamilyModel:
        return self._models[family]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def current(self, family: str) -> ServedModel | None:
        """What answers for ``family`` now."""
        return self._models[family].slot.current

    def version(self, family: str) -> str | None:
        """The version that answers for ``family`` now."""
        model = self._models[family].slot.current
        return model.version if model else None

    def complaints(self) -> list[str]:
        """What is not as it should be with any of them, a sentence each."""
        return [f"{name}: {said}" for name, model in self._models.items() for said in model.slot.complaints()]

    def load_from_disk(self) -> None:
        """Start each from its copy on disk, where there is a sound one. Never raises."""
        for model in self._models.values():
            model.watcher.load_from_disk()

    def start(self, wait: float = 0.0) -> None:
        """Begin to watch; wait at most ``wait`` seconds for the first look at all of them to end."""
        self._thread.start()
        self._looked.wait(wait)

    def stop(self, timeout: float = 1.0) -> None:
        """End the thread; one that hangs in a network call is left to die with the process."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def look(self) -> None:
        """Ask once for each family which version is in production."""
        for model in self._models.values():
            if self._stopping.is_set():
                return
            model.watcher.look()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except Exception:
                logger.exception("the watcher met a fault that it does not know")
            self._looked.set()
            self._stopping.wait(self._settings.alias_poll_seconds)

    def _shared(self) -> VersionSource:
        if self._source is None:
            self._source = self._connect()
        return self._source
