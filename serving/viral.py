"""The viral service for BentoML: ``python -m serving.run viral`` starts it, on settings.viral_port."""

from __future__ import annotations

import bentoml

from serving.bento import LateApplication, answer_directly, end_with_parent
from serving.runtime import ServiceRuntime, configure_service_logging

application = LateApplication()


@bentoml.service(
    name="viral",
    metrics={"enabled": False},  # ours are at /metrics, behind the API key
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(application, path="/")
class ViralService:
    """Loads the model and starts the threads when a worker starts; stops them when it ends."""

    def __init__(self) -> None:
        from config.settings import get_settings
        from serving.viral_app import viral_application

        end_with_parent()
        settings = get_settings()
        configure_service_logging(settings, "viral")
        self._runtime = ServiceRuntime("viral", settings)
        application.target = viral_application(self._runtime)
        self._runtime.start()

    @bentoml.on_shutdown
    def stop(self) -> None:
        """Stop the threads."""
        self._runtime.stop()


answer_directly(ViralService)
