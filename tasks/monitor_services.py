"""How the services are: what each says of itself, and what waits on its disk."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from config.settings import Settings
from models.monitoring.contract import PLATFORM, Figure, Finding
from tasks.monitor_looked import Looked, platform_finding
from tasks.monitor_losses import LOST, SET_ASIDE, of_replica

TIMEOUT = 2.0
#: Rows on disk that wait longer than this are late: the database takes them each second.
QUEUE_SECONDS = 300.0
#: Behind a balancer each connection may reach another replica, so that it is asked until so many answers in a
#: row came from replicas that were seen; or so many replicas, or seconds, are enough.
REPEATED, MOST_REPLICAS, REPLICA_SECONDS = 4, 32, 3.0
_FIGURE = re.compile(
    r"^(assay_(?:replica_info|queue_rows|queue_oldest_seconds|recorded_rows_total))\{(.*)\} (\S+)$"
)
_NAME = "assay_replica_info"
_COUNTED = {"lost": LOST, "set_aside": SET_ASIDE}
_LABEL = re.compile(r'(\w+)="([^"]*)"')
#: figure, labels, value
Metric = tuple[str, dict[str, str], float]
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def addresses(settings: Settings) -> dict[str, str]:
    """Base URL of each service by its name."""
    return {
        "viral": settings.viral_service_url,
        "ctr": settings.ctr_service_url,
        "recommendation": settings.recommendation_service_url,
        "face": settings.face_service_url,
        "content": settings.content_service_url,
        "gateway": settings.gateway_service_url,
        "admin": settings.admin_service_url,
    }


def look_at_service(settings: Settings, name: str) -> Looked:
    """What the service called ``name`` says of itself, and of its queues on disk."""
    url = addresses(settings)[name]
    started = time.monotonic()
    status, body = _get(f"{url}/health")
    seconds = time.monotonic() - started
    if status is None:
        return Looked((Figure(f"service {name}: answers", 0.0),), (_away(name, url, body),))
    figures = [Figure(f"service {name}: answers", 1.0), Figure(f"service {name}: milliseconds", seconds * 1e3)]
    findings = _said(name, url, status, body)
    if name != "admin":
        more = look_at_queues(settings, name, url)
        figures += more.figures
        findings += more.findings
    return Looked(tuple(figures), tuple(findings))


def _said(name: str, url: str, status: int, body: Mapping[str, Any]) -> list[Finding]:
    """What is wrong by a service's own word. That it has no model yet is for information alone."""
    if status >= 500 or body.get("status") == "unavailable":
        detail = str(body.get("detail") or f"HTTP {status}")
        return [_finding(name, "critical", f"The {name} service answers nothing: {detail}.", url)]
    if body.get("status") in ("ok", None):
        return []
    detail = str(body.get("detail", "degraded")).removeprefix("degraded: ")
    severity = "info" if only_waits_for_models(body) or name == "gateway" else "warning"
    return [_finding(name, severity, f"The {name} service is degraded: {detail}.", url)]


def only_waits_for_models(body: Mapping[str, Any]) -> bool:
    """Whether a service is degraded only because nothing was ever put into production: no fault of its own."""
    said = str(body.get("detail", "")).split("; ")
    models = (
        list(body["models"].values()) if "models" in body else [{**body, "loaded": body.get("model_version")}]
    )
    empty = [one for one in models if not one.get("loaded")]
    waiting = all(_registry(one).get("reachable") and not _registry(one).get("production") for one in empty)
    return bool(empty) and waiting and len(said) <= 1


def _registry(model: Mapping[str, Any]) -> Mapping[str, Any]:
    found = model.get("registry")
    return found if isinstance(found, Mapping) else {}


def look_at_queues(settings: Settings, name: str, url: str) -> Looked:
    """Rows on the disks of the service's replicas that wait for the database, and what each replica lost;
    nothing where their figures are not to be had.
    """
    key = settings.ml_api_key.get_secret_value() if settings.ml_api_key else ""
    replicas = replicas_of(f"{url}/metrics", {"X-API-Key": key} if key else {})
    totals: dict[str, float] = defaultdict(float)
    oldest: dict[str, float] = defaultdict(float)
    counted = {}
    for replica, kind, labels, value in ((one, *each) for one, found in replicas.items() for each in found):
        queue = f"queue {labels.get('queue', '')} of the {name} service"
        if kind == "assay_queue_rows":
            totals[f"{queue}: rows"] += value
        if kind == "assay_queue_oldest_seconds":
            oldest[queue] = max(oldest[queue], value)
        if kind == "assay_recorded_rows_total" and (what := _COUNTED.get(labels.get("state", ""))):
            totals[f"{queue}: {what}"] += value
            if replica and value:
                counted[of_replica(f"{queue}: {what}", replica)] = value
    findings = [
        platform_finding(
            queue, "warning", f"Rows of the {queue} wait since {seconds / 60:.0f} minutes for the database."
        )
        for queue, seconds in oldest.items()
        if seconds > QUEUE_SECONDS
    ]
    named = {f"service {name}: replicas seen": float(len(replicas))} if any(replicas) else {}
    figures = (totals | counted | named).items()
    return Looked(tuple(Figure(label, value) for label, value in figures), tuple(findings))


def replicas_of(url: str, headers: Mapping[str, str]) -> dict[str, list[Metric]]:
    """What each replica behind ``url`` that was reached shows, by its name ('' where it tells none)."""
    found: dict[str, list[Metric]] = {}
    until, repeated = time.monotonic() + REPLICA_SECONDS, 0
    while repeated < REPEATED and len(found) < MOST_REPLICAS and time.monotonic() < until:
        status, body = _get(url, headers, as_text=True)
        said = metrics(str(body)) if status == 200 else []
        replica = next((labels["replica"] for kind, labels, _ in said if kind == _NAME), "")
        repeated = repeated + 1 if status != 200 or replica in found else 0
        if status == 200:
            found[replica] = said
        if not replica and not any(found):
            break  # it tells no name, so that nobody knows whether another one answers
    return found


def metrics(text: str) -> list[Metric]:
    """The lines about queues, and that of the replica's name, in Prometheus' text format."""
    matches = filter(None, map(_FIGURE.match, text.splitlines()))
    return [(match[1], dict(_LABEL.findall(match[2])), float(match[3])) for match in matches]


def _away(name: str, url: str, reason: Any) -> Finding:
    sentence = (
        f"The {name} service at {url} does not answer ({reason}). See `assay status` and `assay logs {name}`."
    )
    return _finding(name, "critical", sentence, url)


def _finding(name: str, severity: Any, sentence: str, url: str) -> Finding:
    return Finding(
        "health", PLATFORM, f"service {name}", severity, sentence.replace("..", "."), f"{url}/health"
    )


def _get(
    url: str, headers: Mapping[str, str] | None = None, *, as_text: bool = False
) -> tuple[int | None, Any]:
    """(status, body), or (None, why there is no answer)."""
    import httpx

    outside = urlsplit(url).hostname not in _LOOPBACK
    try:
        answer = httpx.get(url, headers=headers, timeout=TIMEOUT, trust_env=outside)
    except httpx.TransportError as error:
        return None, "it took too long" if isinstance(error, httpx.TimeoutException) else str(error) or type(
            error
        ).__name__
    if as_text:
        return answer.status_code, answer.text
    try:
        body = answer.json()
    except ValueError:
        body = {}
    return answer.status_code, body if isinstance(body, Mapping) else {}
