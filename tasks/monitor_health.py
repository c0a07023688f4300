"""The platform's health: services, Prefect, MLflow, stores, queues, disk and memory, all looked at at once."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from functools import partial

from config.settings import Settings
from tasks.content_worker import alive_since
from tasks.monitor_looked import Looked, look_at_all, platform_finding, together
from tasks.monitor_losses import look_at_losses
from tasks.monitor_prefect import look_at_prefect
from tasks.monitor_redis import look_at_redis
from tasks.monitor_services import addresses, look_at_service
from tasks.monitor_stores import look_at_database, look_at_disk, look_at_memory, look_at_mlflow, look_at_objects

#: Nothing that is well takes longer.
SECONDS = 8.0
#: A content worker looks for work at least each few seconds.
SILENT_SECONDS = 60.0


def look_at_platform(settings: Settings, at: dt.datetime, *, seconds: float = SECONDS) -> Looked:
    """How everything is at ``at``, which is now. Never raises: what is away is a finding.

    Args:
        settings: where everything is.
        at: now, in UTC.
        seconds: how long it may take; what has not answered then is a finding.
    """
    looks: dict[str, Callable[[], Looked]] = {
        "PostgreSQL": partial(look_at_database, settings, at),
        "the object store": partial(look_at_objects, settings),
        "MLflow": partial(look_at_mlflow, settings),
        "Prefect": partial(look_at_prefect, settings, at),
        "the disk": partial(look_at_disk, settings),
        "the memory": look_at_memory,
        "the content worker": partial(_content_worker, settings),
    }
    if settings.redis_url is not None:
        looks["Redis"] = partial(look_at_redis, settings.redis_url)
    looks |= {f"the {name} service": partial(look_at_service, settings, name) for name in addresses(settings)}
    seen = look_at_all(looks, seconds=seconds)
    if any(one.subject in ("PostgreSQL", "database tables") for one in seen.findings):
        return seen
    lost = {"PostgreSQL": partial(look_at_losses, settings, seen.figures, at)}
    return together([seen, look_at_all(lost, seconds=seconds)])


def _content_worker(settings: Settings) -> Looked:
    """The worker that looks at what is published, where it is one of this machine's."""
    if settings.content_url is not None or alive_since(settings.home, time.time() - SILENT_SECONDS):
        return Looked()
    sentence = (
        "The content worker does not look for work: what is published waits. See `assay logs content-worker`."
    )
    return Looked((), (platform_finding("content worker", "critical", sentence),))
