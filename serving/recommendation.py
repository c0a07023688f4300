"""The recommendation service for BentoML: ``python -m serving.run recommendation`` starts it, on its port."""

from __future__ import annotations

import bentoml

from serving.bento import LateApplication, answer_directly, end_with_parent
from serving.runtime import ServiceRuntime, configure_service_logging

application = LateApplication()


@bentoml.service(
    name="recommendation",
    metrics={"enabled": False},  # ours are at /metrics, behind the API key
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(application, path="/")
class RecommendationBentoService:
    """Loads the model and starts the threads when a worker starts; stops them when it ends."""

    def __init__(self) -> None:
        from config.settings import get_settings
        from serving.recommendation_app import RecommendationService

        end_with_parent()
        settings = get_settings()
        configure_service_logging(settings, "recommendation")
        self._service = RecommendationService(ServiceRuntime("recommendation", settings))
        application.target = self._service.application()
        self._service.start()

    @bentoml.on_shutdown
    def stop(self) -> None:
        """Stop the threads."""
        self._service.stop()


answer_directly(RecommendationBentoService)
