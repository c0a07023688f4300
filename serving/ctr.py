"""The CTR service for BentoML: ``python -m serving.run ctr`` starts it, on settings.ctr_port."""

from __future__ import annotations

from functools import partial

import bentoml

from serving.bento import LateApplication, answer_directly, end_with_parent
from serving.runtime import ServiceRuntime, configure_service_logging

application = LateApplication()


@bentoml.service(
    name="ctr",
    metrics={"enabled": False},  # ours are at /metrics, behind the API key
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(application, path="/")
class CtrBentoService:
    """Loads the model and starts the threads when a worker starts; stops them when it ends."""

    def __init__(self) -> None:
        from config.settings import get_settings
        from serving.ctr_app import CtrService
        from serving.recorder import connect_database
        from storage.ctr_predictions import insert_ctr_predictions

        end_with_parent()
        settings = get_settings()
        configure_service_logging(settings, "ctr")
        database = partial(connect_database, settings, insert_ctr_predictions)
        self._service = CtrService(ServiceRuntime("ctr", settings, database=database))
        application.target = self._service.application()
        self._service.start()

    @bentoml.on_shutdown
    def stop(self) -> None:
        """Stop the threads."""
        self._service.stop()


answer_directly(CtrBentoService)
