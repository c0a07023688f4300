"""``GET /api/v1/model/evaluate``: the figures of the served version, its intervals, and its rivals."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any

import orjson

from config.errors import AssayError
from config.settings import Settings
from serving.http import Request, Response
from serving.model_slot import ModelSlot
from serving.problems import Problem
from serving.threads import in_pool

logger = logging.getLogger(__name__)

#: What a training reports (registry/training_log.py).
REPORT = "evaluation.json"
TIMEOUT_SECONDS = 3.0
_OPTIONS = orjson.OPT_UTC_Z
Report = Mapping[str, Any]


class EvaluationApi:
    """Reads a version's report once, and keeps it.

    Args:
        slot: holds the served version.
        pool: its threads wait for MLflow.
        read: (family, version) -> the report of its training; may raise AssayError.
    """

    def __init__(self, slot: ModelSlot, pool: Executor, read: Callable[[str, str], Report]) -> None:
        self._slot = slot
        self._pool = pool
        self._read = read
        self._kept: tuple[str, Report] | None = None

    async def get(self, _: Request) -> Response:
        """The figures; without MLflow those that the service keeps itself."""
        model = self._slot.current
        if model is None:
            raise Problem(503, self._slot.why_empty())
        report = await self._report(model.version)
        found = report or {}
        facts = model.facts
        answer = {
            "model_version": model.version,
            "dataset": facts.get("dataset", ""),
            "rows": facts.get("rows", {}),
            "metrics": found.get("metrics") or facts.get("metrics", {}),
            "intervals": found.get("intervals", {}),
            "baselines": found.get("baselines", {}),
            "against_champion": found.get("against_champion"),
            "gate": facts.get("gate", {}),
            "complete": report is not None,
        }
        return Response(orjson.dumps(answer, option=_OPTIONS))

    async def _report(self, version: str) -> Report | None:
        if self._kept is None or self._kept[0] != version:
            try:
                found = await in_pool(self._pool, self._read, "recommendation", version)
            except (AssayError, ValueError) as error:
                logger.warning("the report of version %s cannot be read: %s", version, error)
                return None
            self._kept = (version, found)
        return self._kept[1]


def read_report(settings: Settings, family: str, version: str) -> Report:
    """The report of a version's training, out of MLflow.

    Raises:
        AssayError: MLflow is away, or has none.
    """
    from registry.api import MlflowApi
    from registry.registry import Registry

    registry = Registry(settings, api=MlflowApi(settings.mlflow_url, timeout=TIMEOUT_SECONDS, attempts=1))
    try:
        found: Report = orjson.loads(registry.report_file(registry.version(family, version), REPORT))
    finally:
        registry.close()
    return found
