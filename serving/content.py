"""The content service for BentoML: ``python -m serving.run content`` starts it, on settings.content_port."""

from __future__ import annotations

from functools import partial

import bentoml

from serving.bento import LateApplication, answer_directly, end_with_parent
from serving.runtime import configure_service_logging

application = LateApplication()


@bentoml.service(
    name="content",
    metrics={"enabled": False},  # ours are at /metrics, behind the API key
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(application, path="/")
class ContentBentoService:
    """Loads the models and starts the threads when a worker starts; stops them when it ends."""

    def __init__(self) -> None:
        from config.settings import get_settings
        from serving.content_app import ContentService, content_runtime
        from serving.recorder import connect_database
        from storage.moderation import insert_decisions

        end_with_parent()
        settings = get_settings()
        configure_service_logging(settings, "content")
        database = partial(connect_database, settings, insert_decisions)
        self._service = ContentService(content_runtime(settings, database=database))
        application.target = self._service.application()
        self._service.start()

    @bentoml.on_shutdown
    def stop(self) -> None:
        """Stop the threads."""
        self._service.stop()


answer_directly(ContentBentoService)
