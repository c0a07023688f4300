"""The versions in production of the families of content, in the memory of a content worker.

The alias of each is asked for now and then. With MLflow away the worker goes on with what it has; one that has
just started finds on disk what was in production last.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import AssayError, RegistryUnavailable
from models.analysis.analyzer import Analyzer
from models.family import get_family
from registry.files import read_folder
from tasks.platform import Platform

logger = logging.getLogger(__name__)

FAMILIES = ("moderation", "imagery", "sentiment", "topics", "entities")


@dataclass(frozen=True)
class InUse:
    """A version and its predictor."""

    predictor: Any
    version: str


class ContentModels:
    """The predictors that content is looked at with. Safe in many threads.

    Args:
        parts: the platform.
        folder: where it is written down which version was in production last.
        clock: seconds that only go forward.
    """

    def __init__(self, parts: Platform, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._parts, self._folder, self._clock = parts, folder, clock
        self._every = parts.settings.alias_poll_seconds
        self._lock = threading.Lock()
        self._held: dict[str, InUse | None] = {}
        self._asked: dict[str, float] = {}
        self._analyzer: tuple[tuple[str | None, ...], Analyzer] | None = None

    def current(self, family: str) -> InUse | None:
        """The version in production, as far as known; None: there is none, or none could be had yet."""
        with self._lock:
            if self._clock() - self._asked.get(family, float("-inf")) >= self._every:
                self._look(family)
                self._asked[family] = self._clock()
            return self._held.get(family)

    def analyzer(self) -> Analyzer:
        """All parts of the analysis by the versions in production; simple ways stand in where there is none."""
        found = {name: self.current(name) for name in ("sentiment", "topics", "entities")}
        versions = tuple(one.version if one else None for one in found.values())
        with self._lock:
            if self._analyzer is None or self._analyzer[0] != versions:
                shared = self._analyzer[1].finder if self._analyzer else None
                made = Analyzer(
                    **{name: one.predictor if one else None for name, one in found.items()},
                    languages=self._parts.settings.analysis_languages,
                    versions={name: one.version for name, one in found.items() if one},
                    finder=shared,
                )
                self._analyzer = versions, made
            return self._analyzer[1]

    def _look(self, family: str) -> None:
        held = self._held.get(family)
        try:
            version = self._parts.registry.production(family)
            if version is None:
                self._held[family] = None
                self._note(family).unlink(missing_ok=True)
            elif held is None or held.version != version.version:
                loaded = self._parts.registry.load(family, version.version)
                self._held[family] = InUse(loaded.predictor, version.version)
                self._write_down(family, version.version, self._parts.registry.folder(version))
                logger.info("content is looked at with version %s of %s", version.version, family)
        except RegistryUnavailable:
            if held is None:
                self._held[family] = self._from_disk(family)
        except AssayError as error:
            logger.warning("the version of %s in production cannot be used: %s", family, error)

    def _note(self, family: str) -> Path:
        return self._folder / f"{family}.json"

    def _write_down(self, family: str, version: str, place: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._note(family).write_text(json.dumps({"version": version, "folder": str(place)}))

    def _from_disk(self, family: str) -> InUse | None:
        try:
            noted = json.loads(self._note(family).read_text())
            files = read_folder(Path(noted["folder"]), family=family)
            return InUse(get_family(family).load(files), str(noted["version"]))
        except (OSError, ValueError, KeyError, AssayError):
            return None
