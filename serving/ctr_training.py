"""``POST /train/ctr-model`` of the CTR service: asks Prefect for a run, and says where to watch it."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

import orjson

from config.errors import FlowError, FlowUnavailable
from config.settings import Settings
from serving.ctr_knowledge import away
from serving.http import Request, Response
from serving.problems import Problem
from tasks.flow_client import FlowClient

DEPLOYMENT = "retrain-ctr"
PATIENCE_SECONDS, CONNECT_SECONDS = 10.0, 2.0


class TrainingApi:
    """Starts trainings; the work is the platform's, not this service's."""

    def __init__(self, settings: Settings, pool: Executor) -> None:
        self._settings = settings
        self._pool = pool

    async def start(self, _: Request) -> Response:
        """Ask for a run of the deployment; answers when Prefect has taken it."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._start)

    def _start(self) -> Response:
        try:
            with FlowClient(
                self._settings, timeout=PATIENCE_SECONDS, connect_timeout=CONNECT_SECONDS, attempts=1
            ) as client:
                run = client.start(DEPLOYMENT)
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
