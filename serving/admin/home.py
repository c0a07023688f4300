"""The first page: what waits for a person, what is in production, what ran, and what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from models.family import FAMILIES, get_family
from registry.records import ModelVersion
from serving.admin.access import require
from serving.admin.asking import Answer, problems, together
from serving.admin.pages import page
from serving.admin.parts import AdminParts, parts
from storage.candidates import Filter, counts
from storage.history import Promotion, list_promotions
from storage.moderation_figures import waiting_decisions
from storage.monitor import open_findings

RUNS = 8


@dataclass(frozen=True)
class Waiting:
    """How many candidates of a family wait, from when on, and how many were decided."""

    family: str
    title: str
    count: int
    aside: int
    decided: int
    oldest: date | None


@dataclass(frozen=True)
class Production:
    """What is in production of a family: by the history, which needs only the database, and by the registry."""

    family: str
    title: str
    move: Promotion | None
    version: ModelVersion | None
    metric: str


@require("viewer")
def home(request: Request) -> Response:
    """The first page. It answers while MLflow or Prefect is away, and says so."""
    found = parts(request)
    registry, runs, store = together(
        partial(_in_production, found), partial(recent_runs, found, RUNS), _check_store(found)
    )
    return page(
        request,
        "home.html",
        waiting=[_waiting(found.engine, family) for family in FAMILIES],
        moderation=waiting_decisions(found.engine),
        findings=open_findings(found.engine),
        production=_production(found.engine, registry),
        runs=runs,
        problems=problems(registry, runs, store),
        prefect=prefect_pages(found),
    )


def recent_runs(of: AdminParts, limit: int, name: str | None = None) -> list[Any]:
    """The latest flow runs. Raises FlowError."""
    with of.prefect() as client:
        return client.runs(name, limit=limit)


def prefect_pages(of: AdminParts) -> str:
    """Where Prefect's own pages are."""
    return of.settings.prefect_ui_url


def _in_production(of: AdminParts) -> dict[str, ModelVersion | None]:
    return {family: of.reading.production(family) for family in FAMILIES}


def _check_store(of: AdminParts) -> Callable[[], Any]:
    return lambda: next(iter(of.store.list("metadata/")), None)


def _waiting(engine: Engine, family: str) -> Waiting:
    found = counts(engine, Filter(family))
    states = found.by_state
    decided = sum(states.get(name, 0) for name in ("accept", "correct", "reject"))
    return Waiting(
        family,
        get_family(family).title,
        states.get("waiting", 0),
        states.get("aside", 0),
        decided,
        min((day for day, count in found.days if count), default=None),
    )


def _production(engine: Engine, registry: Answer) -> list[Production]:
    rows = []
    for family in FAMILIES:
        moves = list_promotions(engine, family, limit=1)
        version = (registry.value or {}).get(family)
        known = get_family(family)
        rows.append(
            Production(family, known.title, moves[0] if moves else None, version, known.primary_metric[0])
        )
    return rows


ROUTES = [Route("/", home)]
