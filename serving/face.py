"""The face service for BentoML: ``python -m serving.run face`` starts it, on settings.face_port."""

from __future__ import annotations

from functools import partial

import bentoml

from serving.bento import LateApplication, answer_directly, end_with_parent
from serving.runtime import ServiceRuntime, configure_service_logging

application = LateApplication()


@bentoml.service(
    name="face",
    metrics={"enabled": False},  # ours are at /metrics, behind the API key
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(application, path="/")
class FaceService:
    """Loads the model and starts the threads when a worker starts; stops them when it ends."""

    def __init__(self) -> None:
        from config.settings import get_settings
        from serving.face_api import photo_pool
        from serving.face_app import face_application
        from serving.recorder import connect_database
        from storage.user_styles import insert_face_predictions

        end_with_parent()
        settings = get_settings()
        configure_service_logging(settings, "face")
        self._pool = photo_pool(settings)
        database = partial(connect_database, settings, insert_face_predictions)
        self._runtime = ServiceRuntime("face", settings, database=database)
        application.target = face_application(self._runtime, self._pool)
        self._runtime.start()

    @bentoml.on_shutdown
    def stop(self) -> None:
        """Stop the threads; what still waits is not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._runtime.stop()


answer_directly(FaceService)
