"""The CTR service without its server: the runtime and the ASGI application, for BentoML and for tests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from models.ctr.heuristic import HeuristicPredictor
from models.ctr.options import options_from_settings
from serving.application import Application, Route
from serving.ctr_api import CtrApi
from serving.ctr_clips import ClipsApi
from serving.ctr_database import ClipDatabase, take_outcomes
from serving.ctr_knowledge import Knowledge
from serving.ctr_operations import ctr_openapi
from serving.ctr_outcomes import OutcomesApi
from serving.ctr_training import TrainingApi
from serving.experiments.api import experiment_routes
from serving.experiments.service import ExperimentService
from serving.inbox import Inbox
from serving.runtime import ServiceRuntime

__all__ = ["CtrService", "ctr_openapi"]

#: Threads that wait for the database and for Prefect.
THREADS = 8


class CtrService:
    """The parts of the CTR service that stand beside the runtime; the experiments are one of them.

    Args:
        database: clips and outcomes; the real one unless a test gives another.
        take: makes the function that brings outcomes from disk to the database.
    """

    def __init__(
        self,
        runtime: ServiceRuntime,
        *,
        database: Any = None,
        take: Any = None,
    ) -> None:
        settings = runtime.settings
        self._runtime = runtime
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="database")
        self.database = database or ClipDatabase(settings)
        self.inbox = Inbox(
            "outcomes",
            settings.home / "services" / "ctr" / "outcomes",
            settings,
            runtime.metrics,
            take or partial(take_outcomes, settings, runtime.metrics.queue("outcomes").overtaken),
            dated=True,
        )
        self.knowledge = Knowledge(self.database, self._pool)
        self.experiments = ExperimentService(settings, runtime.metrics)

    def application(self) -> Application:
        """The ASGI application."""
        runtime, settings = self._runtime, self._runtime.settings
        limit = settings.max_body_bytes
        heuristic = HeuristicPredictor(options_from_settings(settings))
        predictions = CtrApi(
            runtime.slot,
            heuristic,
            self.knowledge,
            runtime.recorder,
            runtime.metrics,
            limit,
            runtime.trial,
        )
        clips = ClipsApi(self.database, self.knowledge, self._pool, limit)
        outcomes = OutcomesApi(self.database, self.inbox, self._pool, limit)
        training = TrainingApi(settings, self._pool)
        routes = [
            Route("/predict/ctr", "POST", predictions.predict),
            Route("/clips", "POST", clips.post),
            Route("/clips/{id}", "GET", clips.get),
            Route("/outcomes", "POST", outcomes.post),
            Route("/train/ctr-model", "POST", training.start, needs_key=True),
            *experiment_routes(self.experiments),
        ]
        return runtime.application(
            routes,
            ctr_openapi(settings),
            fallback="the heuristic",
            complaints=[self.inbox.complaints, self.experiments.complaints],
            figures=[self.inbox.publish_depth, self.experiments.publish_depth],
        )

    def start(self) -> None:
        """Load the model and start the threads."""
        self.inbox.start()
        self.experiments.start()
        self._runtime.start()

    def stop(self) -> None:
        """Stop the threads; what is not shipped stays on disk."""
        self._runtime.stop()
        self.experiments.stop()
        self.inbox.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.database.close()
