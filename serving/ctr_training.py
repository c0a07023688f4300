"""``POST /train/ctr-model`` of the CTR service: asks Prefect for a run, and says where to watch it."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

import orjson

from config.errors import FlowError, FlowUnavailable
from config.settings import Settings
from serving.ctr_knowledge import away
from serving.http import Request, Response
from serving.problems import Problem
from serving.threads import in_pool
from tasks.flow_client import FlowClient

DEPLOYMENT = "retrain-ctr"
PATIENCE_SECONDS, CONNECT_SECONDS = 10.0, 2.0


class TrainingApi:
    """Starts trainings; the work is the platform's, not this service's.

    Args:
        settings: of the platform.
        pool: threads that wait for Prefect.
        deployment: the family's retraining.
    """

    def __init__(self, settings: Settings, pool: Executor, deployment: str = DEPLOYMENT) -> None:
        self._settings = settings
        self._pool = pool
        self._deployment = deployment

    async def start(self, _: Request) -> Response:
        """Ask for a run of the deployment; answers when Prefect has taken it."""
        return await in_pool(self._pool, self._start, {})

    async def start_forced(self, _: Request) -> Response:
        """The same; what was trained is promoted even where the gate would not pass it."""
        return await in_pool(self._pool, self._start, {"force": True})

    def _start(self, parameters: dict[str, Any]) -> Response:
        try:
            with FlowClient(
                self._settings, timeout=PATIENCE_SECONDS, connect_timeout=CONNECT_SECONDS, attempts=1
            ) as client:
                run = client.start(self._deployment, parameters)
        except FlowUnavailable:
            raise away("The training cannot be started now: Prefect is away.") from None
        except FlowError as error:
            raise Problem(503, f"The training cannot be started: {error.message}") from None
        answer = {
            "run_id": run.id,
            "run_url": f"{self._settings.prefect_ui_url}/runs/flow-run/{run.id}",
            "name": run.name,
            "state": run.state,
        }
        return Response(orjson.dumps(answer), 202)
