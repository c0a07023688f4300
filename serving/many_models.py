"""The models of several families in one process: each has its own slot, copy on disk and watcher."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings
from models.family import Family, get_family
from serving.disk_copy import DiskCopy
from serving.looker import Looker
from serving.metrics import ServiceMetrics
from serving.model_slot import ModelSlot, ServedModel
from serving.rollout_figures import RolloutFigures
from serving.watcher import VersionSource, Watcher


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
        families: their names.
        folder: of the service; each family's copies are below.
        connect: makes the registry's client, which all share.
        rollouts: as of :class:`serving.watcher.Watcher`, for all of them.
    """

    def __init__(
        self,
        families: Iterable[str],
        settings: Settings,
        folder: Path,
        metrics: ServiceMetrics,
        connect: Callable[[], VersionSource],
        rollouts: tuple[RolloutFigures, Callable[[], None]] | None = None,
    ) -> None:
        self._connect = connect
        self._source: VersionSource | None = None
        self._models: dict[str, FamilyModel] = {}
        for name in families:
            family, slot, disk = get_family(name), ModelSlot(), DiskCopy(folder / name)
            watcher = Watcher(family, settings, slot, disk, metrics.model(name), self._shared, rollouts)
            self._models[name] = FamilyModel(family, slot, disk, watcher)
        #: Told after each look; must not raise.
        self.looked: Callable[[], None] = lambda: None
        self._looker = Looker(self.look, settings.alias_poll_seconds, "models-watcher")

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
        return self._models[family].slot.version

    def complaints(self) -> list[str]:
        """What is not as it should be with any of them, a sentence each."""
        return [f"{name}: {said}" for name, model in self._models.items() for said in model.slot.complaints()]

    def load_from_disk(self) -> None:
        """Start each from its copy on disk, where there is a sound one. Never raises."""
        for model in self._models.values():
            model.watcher.load_from_disk()

    def start(self, wait: float = 0.0) -> None:
        """Begin to watch; wait at most ``wait`` seconds for the first look at all of them to end."""
        self._looker.start(wait)

    def stop(self, timeout: float = 1.0) -> None:
        """Watch no more; see :meth:`Looker.stop`."""
        self._looker.stop(timeout)

    def look(self) -> None:
        """Ask once for each family which version is in production."""
        for model in self._models.values():
            if self._looker.stopping:
                return
            model.watcher.look()
        self.looked()

    def _shared(self) -> VersionSource:
        if self._source is None:
            self._source = self._connect()
        return self._source
