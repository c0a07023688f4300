"""Follows the rollout beside the version in production: loads what is to be tried, tries it, and lets it go."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from config.errors import AssayError, RegistryUnavailable, StoreError
from models.family import Family
from serving.model_slot import ModelSlot, ServedModel, ServedRollout
from serving.rollout_figures import RolloutFigures

logger = logging.getLogger(__name__)

#: A refused version is given another chance after this long: what refused it may have been us.
RETRY_REFUSED_SECONDS = 300.0


class FileSource(Protocol):
    """The part of the registry that is used here."""

    def files(self, family: str, version: str) -> Mapping[str, bytes]:
        """The files of a version."""
        ...


class RolloutFollower:
    """Keeps ``slot.rollout`` on what the version in production says is tried beside it. Of one thread.

    Args:
        ask: asks a predictor the family's probe. Raises ModelInvalid.
        begin: called before a version is tried for the first time.
    """

    def __init__(
        self,
        family: Family,
        slot: ModelSlot,
        figures: RolloutFigures,
        ask: Callable[[Any], None],
        begin: Callable[[], None],
    ) -> None:
        self._family, self._slot, self._figures, self._ask, self._begin = family, slot, figures, ask, begin
        self._retry_at: dict[int, float] = {}
        figures.follow(family.name)

    def follow(self, source: FileSource, production: Any) -> None:
        """Do as ``production`` (a version of the registry, or None) says; never raises for a version's faults.

        A rollout stands beside the version that says so: while another one answers, there is none.
        """
        from registry.rollout_tag import rollout_of

        current = self._slot.current
        served = production is not None and current is not None and current.version == production.version
        wanted = rollout_of(production.tags) if served else None
        if wanted is None:
            self.end()
            return
        tried = self._slot.rollout
        if tried is not None and (tried.id, tried.model.version) == (wanted.id, wanted.version):
            return
        if tried is not None:
            self.end()
        if time.monotonic() >= self._retry_at.get(wanted.id, 0.0):
            self._take(source, wanted)

    def end(self) -> None:
        """Try nothing any more."""
        self._slot.rollout_refused = {}
        if self._slot.rollout is None:
            return
        version = self._slot.rollout.model.version
        self._slot.rollout = None
        self._figures.ended(self._family.name)
        logger.info("version %s of %s is tried no more", version, self._family.name)

    def _take(self, source: FileSource, wanted: Any) -> None:
        try:
            predictor = self._family.load(dict(source.files(self._family.name, wanted.version)))
            self._ask(predictor)
            self._begin()
        except (RegistryUnavailable, StoreError, ConnectionError, TimeoutError) as error:
            logger.warning("version %s could not be fetched, trying again: %s", wanted.version, error)
            return
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, production goes on
            self._refuse(wanted, error)
            return
        now = datetime.now(UTC)
        facts = {"dataset": wanted.dataset}
        model = ServedModel(predictor, wanted.version, facts, "registry", now)
        self._slot.try_out(
            ServedRollout(wanted.id, self._family.name, wanted.mode, wanted.share, wanted.started_at, model)
        )
        self._slot.rollout_refused = {}
        self._figures.swapped(self._family.name, wanted.version, wanted.share)
        gc.freeze()  # as of a version in service
        logger.info("version %s of %s is tried as a %s", wanted.version, self._family.name, wanted.mode)

    def _refuse(self, wanted: Any, error: Exception) -> None:
        self._retry_at[wanted.id] = time.monotonic() + RETRY_REFUSED_SECONDS
        reason = str(error.message)[:300].rstrip(".") if isinstance(error, AssayError) else type(error).__name__
        self._slot.rollout_refused = {wanted.version: reason}
        self._figures.refused(self._family.name)
        logger.error(
            "version %s of %s is not tried: %s",
            wanted.version,
            self._family.name,
            error,
            exc_info=not isinstance(error, AssayError),
        )
