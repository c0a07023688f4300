"""The recommendation service without its server: runtime and ASGI application, for BentoML and for tests."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from models.recommendation.heuristic import HeuristicPredictor
from models.recommendation.options import options_from_settings
from serving.application import Application, Route
from serving.ctr_training import TrainingApi
from serving.flags import FlagWatcher
from serving.inbox import Inbox
from serving.recommendation_acts import ActWatcher
from serving.recommendation_answerer import Answerer
from serving.recommendation_api import RecommendApi
from serving.recommendation_board import BoardWatcher
from serving.recommendation_cache import AnswerCache
from serving.recommendation_database import RecommendationDatabase
from serving.recommendation_evaluation import EvaluationApi, read_report
from serving.recommendation_events import EventsApi, ItemsApi
from serving.recommendation_experiment import Chooser
from serving.recommendation_facts import FactsApi
from serving.recommendation_figures import RecommendationFigures
from serving.recommendation_listener import EventListener
from serving.recommendation_operations import PREFIX, recommendation_openapi
from serving.recommendation_rewards import Rewards
from serving.recommendation_store import BATCH_ROWS, Catalogue, take_events
from serving.recommendation_trending import TrendingApi
from serving.recommendation_users import Histories
from serving.runtime import ServiceRuntime
from serving.security import ApiKey

__all__ = ["RecommendationService", "recommendation_openapi"]

#: Threads that wait for the database, for Prefect and for MLflow.
THREADS = 8
DEPLOYMENT = "retrain-recommendation"
#: A thread that computes (records on their way to the database, a new board) lets a request go first after this
#: long; Python's own 5 ms would be several times what a list takes.
SWITCH_SECONDS = 0.0005


class RecommendationService:
    """The parts of the recommendation service that stand beside the runtime.

    Args:
        runtime: of the family.
        database: what is read of PostgreSQL; the real one unless a test gives another.
        take: makes the function that brings events from disk to the database.
    """

    def __init__(self, runtime: ServiceRuntime, *, database: Any = None, take: Any = None) -> None:
        settings = runtime.settings
        self._runtime = runtime
        self._switch_seconds = sys.getswitchinterval()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="database")
        self.database = database or RecommendationDatabase(settings)
        self._catalogue = Catalogue(settings)
        options = options_from_settings(settings)
        self.heuristic = HeuristicPredictor(options)
        self.flags = FlagWatcher(settings, self.database.flags)
        self.board = BoardWatcher(self.database, runtime.slot, self.heuristic)
        self.cache = AnswerCache(settings)
        self.figures = RecommendationFigures(runtime.metrics)
        self.acts = ActWatcher(self.database.acts)
        self.histories = Histories(self.database, self._pool, options.remembered, self.acts.looks)
        self.chooser = Chooser(settings)
        self.rewards = Rewards(settings, self.database.decisions, self.figures)
        self.inbox = Inbox(
            "events",
            settings.home / "services" / "recommendation" / "events",
            settings,
            runtime.metrics,
            take or partial(take_events, settings),
            batch_rows=BATCH_ROWS,
        )
        answerer = Answerer(
            runtime.slot,
            self.board,
            self.flags,
            self.heuristic,
            self.chooser,
            self.database,
            self._pool,
            runtime.trial,
        )
        self.api = RecommendApi(
            answerer,
            self.histories,
            self.cache,
            runtime.recorder,
            self.figures,
            ApiKey(settings),
            settings.max_body_bytes,
        )
        self.listener = EventListener(
            options.weights, self.histories, self.cache, self.api, self.acts, self.rewards
        )
        self.board.on_forgotten = self.listener.forgotten

    def application(self) -> Application:
        """The ASGI application."""
        runtime, settings = self._runtime, self._runtime.settings
        limit = settings.max_body_bytes
        facts = FactsApi(
            runtime.slot,
            self.board,
            self.flags,
            self.heuristic,
            self.histories,
            settings.recommendation_experiment,
        )
        evaluation = EvaluationApi(runtime.slot, self._pool, partial(read_report, settings))
        training = TrainingApi(settings, self._pool, DEPLOYMENT)
        events = EventsApi(self.inbox, limit, on_events=self.listener.taken)
        items = ItemsApi(self._catalogue, self._pool, limit)
        trending = TrendingApi(lambda: self.database.engine, self._pool, settings.trending_cache_seconds)
        routes = [
            Route(f"{PREFIX}/recommend", "POST", self.api.recommend),
            Route(f"{PREFIX}/rank", "POST", self.api.rank),
            Route(f"{PREFIX}/train", "POST", training.start, needs_key=True),
            Route(f"{PREFIX}/retrain", "POST", training.start_forced, needs_key=True),
            Route(f"{PREFIX}/model/status", "GET", facts.status),
            Route(f"{PREFIX}/model/evaluate", "GET", evaluation.get),
            Route(f"{PREFIX}/features/user/{{id}}", "GET", facts.user),
            Route(f"{PREFIX}/features/post/{{id}}", "GET", facts.item),
            Route(f"{PREFIX}/features/interaction/{{user}}/{{post}}", "GET", facts.interaction),
            Route(f"{PREFIX}/similar/{{id}}", "GET", facts.similar),
            Route(f"{PREFIX}/trending", "GET", trending.get),
            Route(f"{PREFIX}/events", "POST", events.post),
            Route(f"{PREFIX}/items", "POST", items.post),
            Route(f"{PREFIX}/items/{{id}}", "GET", items.get),
        ]
        parts = (self.board, self.flags, self.cache, self.inbox, self.chooser, self.rewards)
        return runtime.application(
            routes,
            recommendation_openapi(settings),
            fallback="the heuristic",
            complaints=[part.complaints for part in parts],
            figures=[self.inbox.publish_depth],
            health_at=[f"{PREFIX}/health"],
        )

    def start(self) -> None:
        """Load the model and start the threads."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self.inbox.start()
        self.flags.start()
        self._runtime.start()
        self.board.start()
        self.acts.start(self.listener)
        self.rewards.start()

    def stop(self) -> None:
        """Stop the threads; what is not shipped stays on disk."""
        self.rewards.stop()
        self.acts.stop()
        self.board.stop()
        self._runtime.stop()
        self.flags.stop()
        self.inbox.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._catalogue.close()
        self.database.close()
        sys.setswitchinterval(self._switch_seconds)
