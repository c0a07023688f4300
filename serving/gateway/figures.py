"""Figures of the gateway beside those that every service has: its cache, and the services behind it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

OPENNESS = {"closed": 0.0, "half-open": 0.5, "open": 1.0}


class GatewayFigures:
    """Counters and gauges in ``registry``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._kept = Counter(
            "assay_gateway_cache", "Looks for a kept answer.", ("kind", "outcome"), registry=registry
        )
        self._asked = Counter(
            "assay_gateway_upstream", "Questions to services.", ("service", "outcome"), registry=registry
        )
        self._breaker = Gauge(
            "assay_gateway_breaker",
            "0: the service is asked; 1: it is left alone.",
            ("service",),
            registry=registry,
            multiprocess_mode="mostrecent",
        )

    def looked(self, kind: str, outcome: str) -> None:
        """One look into the cache: hit, stale or miss."""
        self._kept.labels(kind, outcome).inc()

    def asked(self, service: str, outcome: str, breaker: str) -> None:
        """One question: answered, failed or refused (by the breaker), and how the breaker stands since."""
        self._asked.labels(service, outcome).inc()
        self._breaker.labels(service).set(OPENNESS[breaker])
