"""The content service without its server: the runtime and the ASGI application, for BentoML and for tests."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from config.settings import Settings
from serving.application import Application, Route
from serving.content_analysis import AnalysisParts
from serving.content_analysis_trial import TriedAnalysis
from serving.content_analyze_api import AnalyzeApi
from serving.content_backlog import BacklogFigures
from serving.content_contents_api import ContentsApi
from serving.content_database import ContentDatabase, take_contents
from serving.content_media_api import MediaApi
from serving.content_moderate_api import ModerateApi
from serving.content_moderator import Moderator
from serving.content_operations import PREFIX, content_openapi
from serving.content_pictures import Pictures
from serving.content_reviews_api import ReviewsApi
from serving.inbox import Inbox
from serving.many_runtime import ManyRuntime

__all__ = ["FAMILIES", "ContentService", "content_openapi", "content_runtime"]

SERVICE = "content"
#: The first one is the one without which a start waits a moment for the registry.
FAMILIES = ("moderation", "imagery", "sentiment", "topics", "entities")
#: Threads that wait for the database and the object store.
WAITING_THREADS = 8
#: A start waits this long for what loads in other threads: the first answer is then as quick as any.
LOADING_SECONDS = 10.0


def content_runtime(settings: Settings, **clients: Any) -> ManyRuntime:
    """The runtime of the service's families; ``clients`` as :class:`ManyRuntime` takes them."""
    return ManyRuntime(SERVICE, FAMILIES, settings, **clients)


class ContentService:
    """The parts of the content service that stand beside the runtime.

    Args:
        runtime: of the families.
        database: contents, decisions and jobs; the real one unless a test gives another.
        take: makes the function that brings contents from disk to the database.
    """

    def __init__(self, runtime: ManyRuntime, *, database: Any = None, take: Any = None) -> None:
        settings = runtime.settings
        self._runtime = runtime
        self._waiting = ThreadPoolExecutor(WAITING_THREADS, thread_name_prefix="database")
        self._working = ThreadPoolExecutor(threads(settings), thread_name_prefix="content")
        self.database = database or ContentDatabase(settings)
        self.analysis = AnalysisParts(runtime.models, settings)
        runtime.models.looked = self.analysis.prune
        self.backlog = BacklogFigures(runtime.metrics, self.database.waiting)
        self.inbox = Inbox(
            "contents",
            runtime.folder / "contents",
            settings,
            runtime.metrics,
            take or partial(take_contents, settings, runtime.metrics.queue("contents").overtaken),
            dated=True,
        )

    def application(self) -> Application:
        """The ASGI application."""
        runtime, settings = self._runtime, self._runtime.settings
        limit = settings.content_max_body_bytes
        moderator = Moderator(runtime.models, settings, runtime.trial)
        moderate = ModerateApi(runtime, moderator, Pictures(settings), self._working)
        tried = TriedAnalysis(self.analysis, runtime.models, runtime.trial)
        analyze = AnalyzeApi(self.analysis, tried, self._working, runtime.metrics, limit)
        contents = ContentsApi(self.database, self.inbox, self._waiting, limit)
        media = MediaApi(settings, self.database, self._waiting, settings.max_body_bytes)
        reviews = ReviewsApi(self.database, self._waiting, settings.max_body_bytes)
        jobs = f"{PREFIX}/media/jobs/{{id}}"
        routes = [
            Route(f"{PREFIX}/moderate", "POST", moderate.one),
            Route(f"{PREFIX}/moderate/batch", "POST", moderate.many),
            Route(f"{PREFIX}/moderation/{{id}}", "GET", reviews.get),
            Route(f"{PREFIX}/moderation/{{id}}/appeal", "POST", reviews.appeal),
            Route(f"{PREFIX}/moderation/{{id}}/review", "POST", reviews.review, needs_key=True),
            Route(f"{PREFIX}/analyze", "POST", analyze.one),
            Route(f"{PREFIX}/analyze/batch", "POST", analyze.many),
            Route(f"{PREFIX}/labels", "POST", reviews.label, needs_key=True),
            Route(f"{PREFIX}/contents", "POST", contents.post),
            Route(f"{PREFIX}/contents", "GET", contents.find),
            Route(f"{PREFIX}/contents/{{id}}", "GET", contents.get),
            Route(f"{PREFIX}/media/captions", "POST", media.captions),
            Route(f"{PREFIX}/media/thumbnails", "POST", media.thumbnails),
            Route(jobs, "GET", media.job),
            Route(f"{jobs}/captions.vtt", "GET", media.caption_file),
            Route(f"{jobs}/captions.srt", "GET", media.caption_file),
            Route(f"{jobs}/thumbnails/{{number}}/{{shape}}", "GET", media.thumbnail_file),
        ]
        return runtime.application(
            routes,
            content_openapi(settings),
            fallback="a person or a simple way answers",
            complaints=[self.inbox.complaints, self.analysis.complaints],
            figures=[self.inbox.publish_depth, self.backlog.publish],
        )

    def start(self) -> None:
        """Load the models and start the threads."""
        self.inbox.start()
        self.analysis.start()
        self._runtime.start()
        self.analysis.wait(LOADING_SECONDS)

    def stop(self) -> None:
        """Stop the threads; what is not shipped stays on disk."""
        self._runtime.stop()
        self.inbox.stop()
        self._working.shutdown(wait=False, cancel_futures=True)
        self._waiting.shutdown(wait=False, cancel_futures=True)
        self.database.close()


def threads(settings: Settings) -> int:
    """Threads of one worker that compute: its share of the machine's processors, and one at least."""
    return max(2, (os.cpu_count() or 1) // settings.service_workers)
