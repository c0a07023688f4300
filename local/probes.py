"""Questions that tell whether a part is up. None raises; each gives up after a few seconds."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from config.settings import Settings

TIMEOUT = 3.0


def answers_http(url: str, accept: frozenset[int] = frozenset({200}), timeout: float = TIMEOUT) -> bool:
    """Whether ``url`` answers with one of the statuses ``accept``."""
    try:
        with _direct().open(url, timeout=timeout) as answer:
            return answer.status in accept
    except urllib.error.HTTPError as error:
        with error:
            return error.code in accept
    except (OSError, ValueError):
        return False


def ask_json(url: str, body: Any = None, timeout: float = TIMEOUT) -> Any:
    """The JSON that ``url`` answers to a GET, or to a POST of ``body``; None when it does not."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - the addresses are settings, and http
        url, data=data, headers={"Content-Type": "application/json"}
    )
    try:
        with _direct().open(request, timeout=timeout) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def accepts_connection(host: str, port: int, timeout: float = TIMEOUT) -> bool:
    """Whether something listens there."""
    try:
        with socket.create_connection((host, port), timeout=timeout):
            return True
    except OSError:
        return False


def speaks_postgres(settings: Settings) -> bool:
    """Whether the server takes our login. A starting one accepts connections and refuses queries."""
    import psycopg

    try:
        # the maintenance database is there before any of ours
        url = settings.database_url("postgres").replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(url, connect_timeout=int(TIMEOUT)):
            return True
    except psycopg.Error:
        return False


def worker_online(prefect_url: str, pool: str, name: str, since: float) -> bool:
    """Whether Prefect has heard from worker ``name`` after ``since`` (seconds since the epoch) and lately."""
    workers = ask_json(f"{prefect_url}/work_pools/{quote(pool, safe='')}/workers/filter", body={})
    for worker in workers or ():
        if worker.get("name") == name and worker.get("status") == "ONLINE":
            heard = worker.get("last_heartbeat_time")
            return heard is not None and _moment(heard) >= datetime.fromtimestamp(since, UTC)
    return False


def folder_writable(folder: Path) -> bool:
    """Whether files can be made in ``folder``, which is made where it is missing."""
    probe = folder / ".probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def endpoint(address: str, secure: bool) -> tuple[str, str, int]:
    """``host:port`` or a URL -> (URL, host, port)."""
    url = address if "://" in address else f"{'https' if secure else 'http'}://{address}"
    parts = urlsplit(url)
    return url.rstrip("/"), parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _direct() -> urllib.request.OpenerDirector:
    # our own parts are on this machine: a proxy from the environment must not stand between
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
