"""Follows the registry: when another version is promoted, loads it, tries it, and puts it in service.

One daemon thread. It never dies: whatever fails is logged once, shown in the health answer, and tried again
at the next look. The registry is imported and asked in this thread only.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from config.errors import AssayError, ModelInvalid, ModelNotFound, RegistryUnavailable, StoreError
from config.settings import Settings
from models.family import Family
from serving.disk_copy import DiskCopy
from serving.looker import Looker
from serving.metrics import ModelFigures
from serving.model_slot import ModelSlot, ServedModel
from serving.rollout_figures import RolloutFigures
from serving.rollout_follower import RETRY_REFUSED_SECONDS, RolloutFollower

logger = logging.getLogger(__name__)

WARM_UP_CALLS = 20
#: A file of this name beside the copies on disk: nothing is to be in service, in any worker, until it goes.
UNLOADED = "unloaded"


class VersionSource(Protocol):
    """The part of the registry that a service needs."""

    def production(self, family: str) -> Any:
        """The version that the alias names, or None."""
        ...

    def files(self, family: str, version: str) -> Mapping[str, bytes]:
        """The files of a version."""
        ...


class Watcher:
    """Keeps a :class:`ModelSlot` on the version in production.

    Args:
        connect: makes the registry's client; called in the watcher's thread, until it succeeds.
        rollouts: figures of versions that are tried, and what is called before the first is; None: the service
            tries none.
    """

    def __init__(
        self,
        family: Family,
        settings: Settings,
        slot: ModelSlot,
        disk: DiskCopy,
        metrics: ModelFigures,
        connect: Callable[[], VersionSource],
        rollouts: tuple[RolloutFigures, Callable[[], None]] | None = None,
    ) -> None:
        self._family = family
        self._settings = settings
        self._slot = slot
        self._disk = disk
        self._metrics = metrics
        self._connect = connect
        self._source: VersionSource | None = None
        self._retry_at: dict[str, float] = {}
        self._looking, self._taking = threading.Lock(), threading.Lock()
        self._unloaded = disk.folder / UNLOADED
        self._looker = Looker(self.look, settings.alias_poll_seconds, "model-watcher")
        self._rollout = RolloutFollower(family, slot, rollouts[0], self._try, rollouts[1]) if rollouts else None

    def load_from_disk(self) -> None:
        """Start from the copy on disk, where there is a sound one. Never raises."""
        if self._stays_unloaded():
            return
        try:
            stored = self._disk.load()
            self._take(
                stored.version, stored.files, stored.facts, "disk", _digest(self._family.name, stored.files)
            )
        except ModelNotFound:
            logger.info("no copy of a model on disk")
        except Exception as error:  # noqa: BLE001 - a damaged copy must not keep the service from starting
            logger.error("the copy on disk is not usable: %s", error)

    def unload(self) -> None:
        """Take the model out of memory, until :meth:`load`. Other workers follow at their next look.

        Raises:
            OSError: the disk refused.
        """
        self._unloaded.parent.mkdir(parents=True, exist_ok=True)
        self._unloaded.touch()
        self._stays_unloaded()
        logger.info("the model of %s is unloaded", self._family.name)

    def load(self) -> None:
        """Put a model in service again: the copy on disk, and then what is in production. May take seconds.

        Raises:
            OSError: the disk refused.
        """
        self._unloaded.unlink(missing_ok=True)
        self.look()

    def _stays_unloaded(self) -> bool:
        """Whether nothing is to be in service; then nothing is any more."""
        with self._taking:
            unloaded = self._slot.unloaded = self._unloaded.exists()
            if unloaded and self._slot.current is not None:
                self._slot.current = None
                self._metrics.set_version("")
            return unloaded

    def start(self, wait: float = 0.0) -> None:
        """Begin to watch; wait at most ``wait`` seconds for the first look to end."""
        self._looker.start(wait)

    def stop(self, timeout: float = 1.0) -> None:
        """Watch no more; see :meth:`Looker.stop`."""
        self._looker.stop(timeout)

    def look(self) -> None:
        """Ask once which version is in production, and take it into service if it is another."""
        with self._looking:
            self._look()

    def _look(self) -> None:
        view, was_unloaded = self._slot.registry, self._slot.unloaded
        unloaded = self._stays_unloaded()
        if was_unloaded and not unloaded:
            self.load_from_disk()
        try:
            if self._source is None:
                self._source = self._connect()
            production = self._source.production(self._family.name)
        except Exception as error:  # noqa: BLE001 - the watcher outlives whatever the registry does
            self._unreachable(error)
            return
        if view.reachable is False:
            logger.info("the registry is reachable again")
        view.reachable, view.unreachable_since, view.last_error = True, None, None
        view.checked_at = datetime.now(UTC)
        self._metrics.set_reachable(True)
        view.production = production.version if production else None
        if not unloaded and production is not None:
            self._follow(self._source, production)
        if self._rollout is not None:
            self._rollout.follow(self._source, None if unloaded else production)

    def _follow(self, source: VersionSource, production: Any) -> None:
        if self._is_served(production) or self._is_refused(production.version):
            return
        self._fetch(source, production)

    def _is_served(self, production: Any) -> bool:
        """Whether the wanted version answers already; refusals of others are then history.

        A number alone does not say so: where the registry was restored from an older backup, the next training
        gets one that was there before.
        """
        current = self._slot.current
        if current is None or current.version != production.version:
            return False
        if production.files_sha256 and current.files_sha256 != production.files_sha256:
            return False
        self._slot.registry.refused = {}
        self._retry_at.clear()
        return True

    def _is_refused(self, version: str) -> bool:
        return time.monotonic() < self._retry_at.get(version, 0.0)

    def _unreachable(self, error: Exception) -> None:
        view = self._slot.registry
        if view.reachable is not False:
            view.unreachable_since = datetime.now(UTC)
            logger.warning("the registry cannot be asked: %s", error)
        view.reachable, view.last_error = False, _reason(error)
        self._metrics.set_reachable(False)

    def _fetch(self, source: VersionSource, production: Any) -> None:
        version = production.version
        try:
            files = dict(source.files(self._family.name, version))
            facts = version_facts(production)
            # the registry has checked them against its tag: it is not computed anew
            self._take(version, files, facts, "registry", production.files_sha256)
        except (RegistryUnavailable, StoreError, ConnectionError, TimeoutError) as error:
            logger.warning("version %s could not be fetched, trying again: %s", version, error)
            self._slot.registry.last_error = _reason(error)
            return
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the old version goes on
            self._refuse(version, error)
            return
        try:
            self._disk.save(version, files, facts)
        except (OSError, AssayError):
            logger.exception("version %s serves, but could not be kept on disk", version)

    def _refuse(self, version: str, error: Exception) -> None:
        self._retry_at[version] = time.monotonic() + RETRY_REFUSED_SECONDS
        self._slot.registry.refused = {version: _reason(error)}
        self._metrics.refusals.inc()
        current = self._slot.current
        logger.error(
            "version %s was refused, %s: %s",
            version,
            f"version {current.version} goes on serving" if current else "nothing serves",
            error,
            exc_info=not isinstance(error, AssayError),
        )

    def _take(
        self,
        version: str,
        files: Mapping[str, bytes],
        facts: Mapping[str, Any],
        source: str,
        files_sha256: str,
    ) -> None:
        """Load, try on the family's probe, warm up, swap.

        Raises:
            ModelInvalid: the files are no model, or its answers are impossible.
        """
        predictor = self._family.load(files)
        self._try(predictor)
        with self._taking:
            if self._unloaded.exists():  # since this look began
                return
            now = datetime.now(UTC)
            self._slot.swap(ServedModel(predictor, version, dict(facts), source, now, files_sha256))
        self._slot.registry.refused = {}
        self._metrics.set_version(version)
        self._metrics.swaps.inc()
        # What was just loaded stays: out of the collector's sight, so that no full collection stalls a request.
        gc.freeze()
        logger.info("version %s of %s is in service, from %s", version, self._family.name, source)

    def _try(self, predictor: Any) -> None:
        options = self._family.options(self._settings)
        probe = self._family.probe(options)
        answers = predictor.predict(probe, explain=1)
        self._family.check(answers, options)
        if len(answers) != probe.num_rows:
            raise ModelInvalid(f"The model gave {len(answers)} answers to {probe.num_rows} questions.")
        if hasattr(predictor, "predict_one"):
            rows = probe.to_pylist()
            for index in range(WARM_UP_CALLS):
                predictor.predict_one(rows[index % len(rows)], explain=1)


def _digest(family: str, files: Mapping[str, bytes]) -> str:
    """What the tag of a registered version with these files says."""
    from registry.files import digest, make_listing

    return digest(make_listing(family, files))


def version_facts(version: Any) -> dict[str, Any]:
    """What is kept and shown of a registry version, JSON-ready."""
    return {name: value for name, value in version.as_dict().items() if name != "production"}


def _reason(error: Exception) -> str:
    """An error in a line, fit for people outside: our own sentences, only the kind of others'."""
    if isinstance(error, AssayError):
        return str(error.message)[:300].rstrip(".")
    return f"{type(error).__name__} in loading or asking it; the log has more"


def connect_registry(settings: Settings) -> VersionSource:
    """The real registry, opened for reading."""
    from registry.registry import Registry

    return Registry(settings)
