"""The versions in production of the families of content, and those tried beside them, in a worker's memory.

The alias of each is asked for now and then. With MLflow away the worker goes on with what it has; one that has
just started finds on disk what was in production last. That nothing is known is not that there is none: without
either, content waits.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import AssayError, ModelInvalid, ModelNotFound, RegistryError, RegistryUnavailable
from models.analysis.analyzer import FAMILIES as ANALYSIS
from models.analysis.analyzer import Analyzer
from models.analysis.language import LanguageFinder
from models.family import get_family
from models.rollout import in_trial
from registry.catalog import FILES
from registry.files import read_folder
from registry.records import ModelVersion
from registry.rollout_tag import RolloutTag, rollout_of
from tasks.content_later import Later
from tasks.platform import Platform

logger = logging.getLogger(__name__)

FAMILIES = ("moderation", "imagery", *ANALYSIS)
#: A tried version that cannot be had is given another chance after this long.
RETRY_SECONDS = 300.0


@dataclass(frozen=True)
class InUse:
    """A version and its predictor."""

    predictor: Any
    version: str


@dataclass(frozen=True)
class Tried:
    """A version that is tried beside the one in production: as a canary, or unseen."""

    rollout: RolloutTag
    model: InUse

    @property
    def canary(self) -> bool:
        """Whether its answers are given."""
        return self.rollout.mode == "canary"

    def takes(self, content: str) -> bool:
        """Whether that content is among its share: the same ones as in the services."""
        return in_trial(self.rollout.id, content, self.rollout.share)


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
        self._tried: dict[str, Tried | None] = {}
        self._wanted: dict[str, int | None] = {}
        self._retry_at: dict[int, float] = {}
        #: What is done about versions that are tried, beside the work.
        self.later = Later()
        self._analyzers: dict[tuple[str | None, ...], Analyzer] = {}
        self._finder: LanguageFinder | None = None

    def current(self, family: str) -> InUse | None:
        """The version in production, as far as known; None: there is none, or it cannot be used.

        Raises:
            RegistryUnavailable: nobody could be asked yet, and the disk says nothing either.
        """
        return self.known(family)[0]

    def known(self, family: str) -> tuple[InUse | None, Tried | None]:
        """The version in production, as :meth:`current`, and what is tried beside it."""
        with self._lock:
            if self._clock() - self._asked.get(family, float("-inf")) >= self._every:
                self._look(family)
                self._prune()
                self._asked[family] = self._clock()
            if family not in self._held:
                raise RegistryUnavailable(
                    f"Which version of {family} is in production is not known: nobody could be asked.",
                    hint="Content waits for it. See `assay status`, and MLFLOW_TRACKING_URI.",
                )
            return self._held[family], self._tried.get(family)

    def analyzer(self, models: Sequence[InUse | None]) -> Analyzer:
        """All parts of the analysis by these versions of ``ANALYSIS``; None: a simple way stands in."""
        found = dict(zip(ANALYSIS, models, strict=True))
        versions = tuple(one.version if one else None for one in models)
        with self._lock:
            made = self._analyzers.get(versions)
            if made is None:
                made = self._analyzers[versions] = Analyzer(
                    **{name: one.predictor if one else None for name, one in found.items()},
                    languages=self._parts.settings.analysis_languages,
                    versions={name: one.version for name, one in found.items() if one},
                    finder=self._finder,
                )
                self._finder = made.finder
            return made

    def _prune(self) -> None:
        """Let go of analyzers of versions that neither serve nor are tried: they keep these in memory."""
        known: list[set[str | None]] = []
        for name in ANALYSIS:
            held, tried = self._held.get(name), self._tried.get(name)
            known.append({None, held.version if held else None, tried.model.version if tried else None})
        self._analyzers = {
            versions: made
            for versions, made in self._analyzers.items()
            if all(one in those for one, those in zip(versions, known, strict=True))
        }

    def _look(self, family: str) -> None:
        held = self._held.get(family)
        try:
            version = self._parts.registry.production(family)
            if version is None:
                if held is not None or family not in self._held:
                    self._write_down(family, None)
                self._held[family] = None
            elif held is None or held.version != version.version:
                if held is None:  # there is one: what stood here is no answer any more
                    self._held.pop(family, None)
                loaded = self._parts.registry.load(family, version.version)
                self._held[family] = InUse(loaded.predictor, version.version)
                self._write_down(family, version)
                logger.info("content is looked at with version %s of %s", version.version, family)
            self._follow(family, version.tags if version else {})
        except AssayError as error:
            if isinstance(error, RegistryError) and not isinstance(error, ModelNotFound | ModelInvalid):
                # it does not answer, or refuses to: what is in production is not known by that
                if family not in self._held:
                    self._from_disk(family)
                return
            self._held.setdefault(family, None)
            self._tried[family] = self._wanted[family] = None
            logger.warning("the version of %s in production cannot be used: %s", family, error)

    def _follow(self, family: str, tags: Mapping[str, str]) -> None:
        """Try what the version in production says; while another one is in use, nothing is tried."""
        wanted, tried = rollout_of(tags), self._tried.get(family)
        if wanted is None or (tried is not None and tried.rollout.id != wanted.id):
            self._tried[family] = tried = None
        self._wanted[family] = wanted.id if wanted is not None else None
        if wanted is None or tried is not None or self._clock() < self._retry_at.get(wanted.id, float("-inf")):
            return
        # beside the work: of a version that is only tried nobody waits for the download
        self._retry_at[wanted.id] = float("inf")
        if not self.later.do(
            f"Fetching version {wanted.version} of {family}", lambda: self._fetch(family, wanted)
        ):
            self._retry_at[wanted.id] = self._clock() + RETRY_SECONDS

    def _fetch(self, family: str, wanted: RolloutTag) -> None:
        try:
            loaded = self._parts.registry.load(family, wanted.version)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, production goes on
            with self._lock:
                self._retry_at[wanted.id] = self._clock() + RETRY_SECONDS
            logger.error("version %s of %s is not tried on content: %s", wanted.version, family, error)
            return
        with self._lock:
            self._retry_at[wanted.id] = float("-inf")
            if self._wanted.get(family) != wanted.id:
                return
            self._tried[family] = Tried(wanted, InUse(loaded.predictor, wanted.version))
        logger.info("version %s of %s is tried on content, as a %s", wanted.version, family, wanted.mode)

    def _note(self, family: str) -> Path:
        return self._folder / f"{family}.json"

    def _write_down(self, family: str, version: ModelVersion | None) -> None:
        """Note what is in production, or that nothing is."""
        noted: dict[str, str | None] = {"version": None}
        if version is not None:
            folder, sha256 = self._parts.registry.folder(version), version.tags.get(FILES, "")
            noted = {"version": version.version, "folder": str(folder), "sha256": sha256}
        self._folder.mkdir(parents=True, exist_ok=True)
        self._note(family).write_text(json.dumps(noted))

    def _from_disk(self, family: str) -> None:
        """Hold what the note says, if there is one and its files are those that were registered."""
        try:
            noted = json.loads(self._note(family).read_text())
            if noted["version"] is None:
                self._held[family] = None
                return
            # notes of before have no SHA-256
            files = read_folder(Path(noted["folder"]), family=family, sha256=noted.get("sha256", ""))
            self._held[family] = InUse(get_family(family).load(files), str(noted["version"]))
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError, AssayError) as error:
            logger.warning("what was in production of %s is not known from disk: %s", family, error)
