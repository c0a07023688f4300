"""Publishing a dataset version and writing down in the database that it is there."""

from __future__ import annotations

import datetime as dt
from typing import Any

from storage.datasets.repository import Published
from storage.versions import record_version
from tasks.platform import Platform


def publish_and_record(parts: Platform, *, at: dt.datetime, run_id: str, **version: Any) -> Published:
    """Publish ``version`` (arguments of ``DatasetRepository.publish``), then record it.

    Both are idempotent, so a run that died between the two is completed by the next one.
    """
    published = parts.datasets.publish(**version)
    record_version(parts.engine, published.manifest, run_id, at)
    return published
