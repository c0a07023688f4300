"""The analysis of texts by the models in service; what it needs is loaded beside the first requests."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from config.settings import Settings
from serving.many_models import ManyModels

if TYPE_CHECKING:
    from models.analysis import Analyzer

logger = logging.getLogger(__name__)

FAMILIES = ("sentiment", "topics", "entities")


class AnalysisParts:
    """Makes an analyzer of the versions in service, and makes it anew when one changes.

    Its models of languages take most of a second: a thread loads them while all else starts.
    """

    def __init__(self, models: ManyModels, settings: Settings) -> None:
        self._models = models
        self._languages = settings.analysis_languages
        self._lock = threading.Lock()
        self._made: tuple[tuple[Any, ...], Analyzer] | None = None
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

    def analyze(self, texts: Sequence[str], **more: Any) -> list[dict[str, Any]]:
        """As :meth:`models.analysis.Analyzer.analyze`. Not for the event loop."""
        return self._current().analyze(texts, **more)

    def _warm(self) -> None:
        try:
            self.analyze(["The first text is the slow one."])
            self._fault = None
        except Exception as error:
            self._fault = f"{type(error).__name__}; the log has more"
            logger.exception("the analysis of texts cannot be loaded")

    def _current(self) -> Analyzer:
        served = tuple(self._models.current(name) for name in FAMILIES)
        made = self._made
        if made is not None and made[0] == served:
            return made[1]
        with self._lock:
            return self._make(served)

    def _make(self, served: tuple[Any, ...]) -> Analyzer:
        from models.analysis import Analyzer

        made = self._made
        if made is not None and made[0] == served:
            return made[1]
        known = {name: model for name, model in zip(FAMILIES, served, strict=True) if model is not None}
        analyzer = Analyzer(
            **{name: model.predictor for name, model in known.items()},
            languages=self._languages,
            versions={name: model.version for name, model in known.items()},
            finder=made[1].finder if made is not None else None,
        )
        self._made = served, analyzer
        return analyzer
