"""Where a running rollout stands: a tag on the version in production, and a row in the database.

Services read the tag. It comes with the version that the alias names, so that following a rollout costs no
request more, needs no database, and ends in the same moment in which the alias moves: another version in
production has no such tag. The row says who, when and why, and what became of it.

Tag and row are written one after the other. A rollout that begins has its row first, one that ends loses its
tag first, so that after a death in between there is a row without a tag: :meth:`RolloutLedger.settle`, which
every later move and rollout of the family runs first under the family's lock, ends it as ``interrupted``.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Engine

from config.errors import AssayError, ModelNotFound
from registry.api import MlflowApi
from registry.catalog import Catalog
from registry.records import ModelVersion
from registry.rollout_tag import TAG, RolloutTag, rollout_of
from storage.rollouts import INTERRUPTED, PROMOTED, SUPERSEDED, Rollout, end_rollout, running_rollout

#: Who settles what a death left behind.
SETTLER = "assay"

_log = logging.getLogger(__name__)


class RolloutLedger:
    """Keeps tag and row in step. Call it with the family's lock held."""

    def __init__(self, api: MlflowApi, catalog: Catalog, engine: Engine) -> None:
        self._api, self._catalog, self._engine = api, catalog, engine

    def write(self, family: str, champion: str, tag: RolloutTag) -> None:
        """Let the services know of a rollout beside ``champion``."""
        body = {"name": family, "version": champion, "key": TAG, "value": json.dumps(asdict(tag))}
        self._api.post("model-versions/set-tag", body)

    def remove(self, family: str, champion: str) -> None:
        """Let the services know that there is none any more. One that is not there is no fault."""
        with suppress(ModelNotFound):
            self._api.delete("model-versions/delete-tag", {"name": family, "version": champion, "key": TAG})

    def settle(self, family: str, production: ModelVersion | None, *, at: datetime) -> Rollout | None:
        """Bring tag and row together after a death, or after the alias moved; gives the rollout that runs."""
        row = running_rollout(self._engine, family)
        tag = rollout_of(production.tags) if production else None
        current = production.version if production else None
        if row is not None and row.champion == current and tag is not None and tag.id == row.id:
            return row
        if production is not None and TAG in production.tags:
            self.remove(family, production.version)
        if row is not None:
            self._end(row, current, at)
        return None

    def moved(self, family: str, production: str, *, by: str, at: datetime) -> None:
        """The alias moved to ``production``: whatever was tried has ended. Never raises: a later settling finds
        what is left, and services see no tag as it is.
        """
        try:
            row = running_rollout(self._engine, family)
            if row is not None and row.champion != production:
                self._end(row, production, at, by)
        except AssayError as error:
            _log.warning("%s: what became of its rollout is written later (%s)", family, error)

    def _end(self, row: Rollout, production: str | None, at: datetime, by: str = SETTLER) -> None:
        if production == row.version:
            outcome = PROMOTED
        else:
            outcome = INTERRUPTED if production == row.champion else SUPERSEDED
        if production != row.champion:
            self._forget(row)
        end_rollout(self._engine, row.id, outcome=outcome, by=by, at=at)
        _log.info("%s: the %s of version %s has ended (%s)", row.family, row.mode, row.version, outcome)

    def _forget(self, row: Rollout) -> None:
        """Or a champion that comes back would bring its rollout with it."""
        self.remove(row.family, row.champion)
