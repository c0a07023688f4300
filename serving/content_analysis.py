"""The analysis of texts by the models in service; what it needs is loaded beside the first requests."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from config.settings import Settings
from serving.many_models import ManyModels
from serving.model_slot import ModelSlot, ServedModel

if TYPE_CHECKING:
    from models.analysis import Analyzer
    from models.analysis.language import LanguageFinder

logger = logging.getLogger(__name__)

#: As ``models.analysis.FAMILIES``, which is not imported before a request needs it.
FAMILIES = ("sentiment", "topics", "entities")
#: A version of each of ``FAMILIES``; None: something simple stands in for it.
Served = tuple[ServedModel | None, ...]


class AnalysisParts:
    """Makes analyzers of versions: of those in service, and of those that are tried beside them.

    Its models of languages take most of a second: a thread loads them while all else starts.
    """

    def __init__(self, models: ManyModels, settings: Settings) -> None:
        self._slots: list[ModelSlot] = [models[name].slot for name in FAMILIES]
        self._languages = settings.analysis_languages
        self._lock = threading.Lock()
        #: By the identity of the versions, which each entry keeps alive.
        self._made: dict[tuple[int, ...], tuple[Served, Analyzer]] = {}
        #: Of languages, which takes its time to load.
        self._finder: LanguageFinder | None = None
        self._thread = threading.Thread(target=self._warm, name="analysis-loading", daemon=True)
        self._fault: str | None = None

    def start(self) -> None:
        """Begin to load, beside what else there is to do."""
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until it is loaded, and no longer than ``seconds``: an analysis that comes earlier waits too."""
        self._thread.join(seconds)

    def complaints(self) -> list[str]:
        """What is not as it should be, a sentence each."""
        return [f"texts cannot be analyzed: {self._fault}"] if self._fault else []

    def served(self) -> Served:
        """The versions in service, in the order of ``FAMILIES``."""
        return tuple(slot.current for slot in self._slots)

    def analyzer(self, served: Served) -> Analyzer:
        """The analyzer of these versions. Not for the event loop: the first one takes most of a second."""
        key = tuple(map(id, served))
        made = self._made.get(key)
        if made is None:
            with self._lock:
                made = self._made.get(key) or (served, self._make(served))
                self._made, self._finder = {**self._made, key: made}, made[1].finder
        return made[1]

    def prune(self) -> None:
        """Let go of analyzers of versions that neither serve nor are tried: they keep these in memory."""
        with self._lock:
            alive = {id(None)}
            for slot in self._slots:
                rollout = slot.rollout
                alive |= {id(slot.current), id(rollout.model if rollout is not None else None)}
            self._made = {key: one for key, one in self._made.items() if alive.issuperset(key)}

    def _warm(self) -> None:
        try:
            self.analyzer(self.served()).analyze(["The first text is the slow one."])
            self._fault = None
        except Exception as error:
            self._fault = f"{type(error).__name__}; the log has more"
            logger.exception("the analysis of texts cannot be loaded")

    def _make(self, served: Served) -> Analyzer:
        from models.analysis import Analyzer

        known = {name: model for name, model in zip(FAMILIES, served, strict=True) if model is not None}
        return Analyzer(
            **{name: model.predictor for name, model in known.items()},
            languages=self._languages,
            versions={name: model.version for name, model in known.items()},
            finder=self._finder,
        )


def texts_of(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """What an analyzer is asked about validated requests."""
    data = [row["content_data"] for row in rows]
    return {
        "texts": [one.get("text") or "" for one in data],
        "titles": [one.get("title") for one in data],
        "tags": [one.get("tags") for one in data],
    }
