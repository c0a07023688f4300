"""``models``, how they are loaded and unloaded; the engine's ``/ml/status`` and ``/ml/train``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from serving.ctr_training import TrainingApi
from serving.gateway.answers import as_json
from serving.gateway.caller import ADMIN, Caller
from serving.gateway.guard import Endpoint
from serving.gateway.owned import PREFIX
from serving.gateway.recommendation_api import ENGINE
from serving.gateway.schema import TrainRequest
from serving.gateway.services import ALIASES, CONTENT, MODELS, Services
from serving.gateway.upstream import Unavailable
from serving.http import Request, Response
from serving.problems import FieldError, Problem, invalid_fields
from serving.validation import BodyValidator

#: Loading reads files, and answers when it is done.
LOAD_SECONDS = 60.0


class ModelsApi:
    """Models of all services by one list of names.

    Args:
        training: makes what asks Prefect for a family's retraining.
        changed: told when a model of the content service was loaded or unloaded.
    """

    def __init__(
        self,
        services: Services,
        training: Callable[[str], TrainingApi],
        changed: Callable[[], Awaitable[None]],
        max_body_bytes: int,
    ) -> None:
        self._services = services
        self._training = training
        self._changed = changed
        self._limit = max_body_bytes
        self._train = BodyValidator(TrainRequest, list(TrainRequest.__annotations__))

    def endpoints(self) -> list[Endpoint]:
        """Its endpoints; the engine's also at its own path."""
        return [
            Endpoint(f"{PREFIX}/models", "GET", self.models, (ADMIN,)),
            Endpoint(f"{PREFIX}/models/load/{{name}}", "POST", self.load, (ADMIN,)),
            Endpoint(f"{PREFIX}/models/unload/{{name}}", "DELETE", self.unload, (ADMIN,)),
            *(Endpoint(f"{prefix}/status", "GET", self.status) for prefix in ENGINE),
            *(Endpoint(f"{prefix}/train", "POST", self.train, (ADMIN,)) for prefix in ENGINE),
        ]

    async def models(self, _: Request, __: Caller) -> Response:
        """Every model, and how it stands."""
        said = await self._services.health()
        entries = [_entry(name, service, said[service]) for name, service in MODELS.items()]
        return as_json({"models": entries, "aliases": ALIASES, "unavailable": _away(said)})

    async def load(self, request: Request, _: Caller) -> Response:
        """Load a model."""
        return await self._changing(request, "POST", "/load")

    async def unload(self, request: Request, _: Caller) -> Response:
        """Take a model out of memory."""
        return await self._changing(request, "DELETE", "")

    async def _changing(self, request: Request, method: str, end: str) -> Response:
        given = request.parameters["name"]
        name = ALIASES.get(given, given)
        if name not in MODELS:
            raise Problem(
                404, f"There is no model '{given[:100]}': there are {', '.join([*MODELS, *ALIASES])}."
            )
        service = self._services.all[MODELS[name]]
        path = f"/models/{name}{end}" if service.name == CONTENT else f"/model{end}"
        try:
            answer = await service.ask(method, path, repeatable=True, seconds=LOAD_SECONDS)
        except Unavailable as error:
            raise error.problem() from None
        if service.name == CONTENT:
            await self._changed()
        return as_json({**answer.must_be_good().json(), "name": name})

    async def status(self, _: Request, __: Caller) -> Response:
        """How everything stands."""
        said = await self._services.health()
        return as_json(overall(said))

    async def train(self, request: Request, _: Caller) -> Response:
        """Ask for a retraining; the answer says where to watch it."""
        asked = self._train.parse(await request.json_body(self._limit))
        family = asked.get("family", "recommendation")
        if family not in MODELS:
            raise invalid_fields([FieldError("family", f"family must be one of {', '.join(MODELS)}.")])
        training = self._training(family)
        return await (training.start_forced(request) if asked.get("force") else training.start(request))


def overall(said: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The worst that holds, and for whom."""
    away = _away(said)
    states = {one.get("status") for one in said.values()}
    status = "unavailable" if len(away) == len(said) else "ok" if states == {"ok"} else "degraded"
    shown = ("reachable", "status", "detail", "breaker", "model_version", "model_versions")
    services = {name: {key: one[key] for key in shown if key in one} for name, one in said.items()}
    return {"status": status, "services": services, "unavailable": away}


def _away(said: dict[str, dict[str, Any]]) -> list[str]:
    return [name for name, one in said.items() if not one["reachable"]]


def _entry(name: str, service: str, said: dict[str, Any]) -> dict[str, Any]:
    if not said["reachable"]:
        loaded, version, detail = None, None, said["detail"]
    else:
        versions = said.get("model_versions")
        version = versions.get(name) if versions is not None else said.get("model_version")
        loaded = version is not None
        detail = None if loaded else said.get("detail")
    return {"name": name, "service": service, "loaded": loaded, "model_version": version, "detail": detail}
