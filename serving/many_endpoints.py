"""The common endpoints of a service that answers for several families."""

from __future__ import annotations

from typing import Any

from serving.application import Route
from serving.endpoints import (
    CommonEndpoints,
    as_json,
    described,
    load,
    rollout_standing,
    standing,
    unload,
)
from serving.http import Request, Response
from serving.many_models import FamilyModel, ManyModels
from serving.problems import Problem


class ManyEndpoints(CommonEndpoints):
    """Info, health and models by family; metrics and documentation as any service has them.

    Such a service always answers, each part by its fallback where its family has no model: it is degraded then,
    never unavailable.
    """

    def __init__(self, models: ManyModels, **common: Any) -> None:
        first = next(iter(models.values()))
        super().__init__(slot=first.slot, watcher=first.watcher, **common)
        self._models = models
        self._complaints = (models.complaints, *self._complaints[1:])

    def routes(self) -> list[Route]:
        """Their routes; health and documentation need no key."""
        return [
            *super().routes(),
            Route("/models", "GET", self.models, needs_key=True),
            Route("/model/info/{family}", "GET", self.family_info, needs_key=True),
        ]

    def load_routes(self) -> list[Route]:
        """Those that load a family's model and take it out of memory."""
        return [
            Route("/models/{family}/load", "POST", self.load, needs_key=True),
            Route("/models/{family}", "DELETE", self.unload, needs_key=True),
        ]

    async def load(self, request: Request) -> Response:
        """Load the family's model; answers when it serves, or says why it does not."""
        name, model = self._named(request)
        await load(model.watcher)
        return as_json({"name": name, **standing(model.slot)})

    async def unload(self, request: Request) -> Response:
        """Take the family's model out of memory until it is loaded again."""
        name, model = self._named(request)
        await unload(model.watcher)
        return as_json({"name": name, **standing(model.slot)})

    async def info(self, _: Request) -> Response:
        """What this is, which versions answer, and where to go."""
        return as_json(
            {
                "service": self._title,
                "model_versions": {name: self._models.version(name) for name in self._models},
                "started_at": self._started_at,
                "endpoints": self._paths,
                "documentation": "/docs",
                "openapi": "/openapi.json",
            }
        )

    async def health(self, _: Request) -> Response:
        """``ok``, or ``degraded`` with the reasons."""
        complaints = [said for ask in self._complaints for said in ask()]
        empty = [name for name in self._models if self._models.current(name) is None]
        if empty:
            complaints.insert(0, f"{self._fallback} for {', '.join(empty)}")
        status = "degraded" if complaints else "ok"
        return as_json(
            {
                "status": status,
                "detail": f"{status}: {'; '.join(complaints)}" if complaints else status,
                "model_versions": {name: self._models.version(name) for name in self._models},
                "models": {name: _standing(model) for name, model in self._models.items()},
            }
        )

    async def models(self, _: Request) -> Response:
        """Each family, and how its model stands."""
        return as_json({"models": [{"name": name, **_standing(one)} for name, one in self._models.items()]})

    async def model_info(self, _: Request) -> Response:
        """What is served of each family; null where there is nothing."""
        slots = {name: one.slot for name, one in self._models.items()}
        return as_json(
            {name: described(slot, slot.current) if slot.current else None for name, slot in slots.items()}
        )

    async def family_info(self, request: Request) -> Response:
        """What is served of one family, since when, from which dataset version, with which figures."""
        slot = self._named(request)[1].slot
        if slot.current is None:
            raise Problem(503, slot.why_empty())
        return as_json(described(slot, slot.current))

    def _named(self, request: Request) -> tuple[str, FamilyModel]:
        name = request.parameters["family"]
        if name not in self._models:
            raise Problem(404, f"There is no family '{name[:100]}' here: {', '.join(self._models)}.")
        return name, self._models[name]


def _standing(model: FamilyModel) -> dict[str, Any]:
    current, view = model.slot.current, model.slot.registry
    return {
        "title": model.family.title,
        **standing(model.slot),
        "serving_since": current.since if current else None,
        "source": current.source if current else None,
        "registry": {
            "reachable": view.reachable,
            "unreachable_since": view.unreachable_since,
            "production": view.production,
            "checked_at": view.checked_at,
            "refused": view.refused,
        },
        "rollout": rollout_standing(model.slot),
    }
