"""Figures of the gateway beside those that every service has: the services behind it, and what it kept."""

from __future__ import annotations

from collections.abc import Callable

from serving.metrics import CacheFigures, Count, ServiceMetrics

#: Who answers where nothing is wrong.
SERVICE = "service"
OPENNESS = {"closed": 0.0, "half-open": 0.5, "open": 1.0}


class GatewayFigures:
    """Counters and gauges among those of ``metrics``."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self._metrics = metrics
        self._service = metrics.service
        self._questions = metrics.counter(
            "assay_gateway_upstream", "Questions to services.", "upstream", "outcome"
        )
        self._breaker = metrics.gauge(
            "assay_gateway_breaker", "0: the service is asked; 1: it is left alone.", "upstream"
        )
        self._caches: dict[str, CacheFigures] = {}
        self._asked: dict[tuple[str, str], Count] = {}
        self._answers: dict[tuple[str, str], Count] = {}
        self._breakers: dict[str, Callable[[float], None]] = {}

    def looked(self, kind: str, outcome: str) -> None:
        """One look into the cache: hit, stale or miss."""
        cache = self._caches.get(kind)
        if cache is None:
            cache = self._caches[kind] = self._metrics.cache(kind)
        (cache.hit if outcome == "hit" else cache.miss if outcome == "miss" else cache.stale)()

    def asked(self, upstream: str, outcome: str, breaker: str) -> None:
        """One question: answered, failed or refused (by the breaker), and how the breaker stands since."""
        count = self._asked.get((upstream, outcome))
        if count is None:
            count = self._asked[upstream, outcome] = self._questions.labels(
                self._service, upstream, outcome
            ).inc
        count()
        self.stands(upstream, breaker)

    def stands(self, upstream: str, breaker: str) -> None:
        """How the breaker before a service stands."""
        state = self._breakers.get(upstream)
        if state is None:
            state = self._breakers[upstream] = self._breaker.labels(self._service, upstream).set
        state(OPENNESS[breaker])

    def answered(self, upstream: str, by: str = SERVICE) -> None:
        """One answer that is ``upstream``'s to give, and who gave it: the service, or what stands in for it."""
        count = self._answers.get((upstream, by))
        if count is None:
            count = self._metrics.answers(by, fallback=by != SERVICE, family=upstream)
            self._answers[upstream, by] = count
        count()
