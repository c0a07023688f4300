"""The parts of a platform for given settings, in the order in which they may start."""

from __future__ import annotations

import sys

from config.settings import Settings
from local.environment import part_environment
from local.parts import Part, check_plan
from local.plan_data import database_part, migrate_part, objects_part
from local.plan_tools import content_worker_part, deploy_part, mlflow_part, prefect_part, worker_part
from local.probes import answers_http
from serving.run import SERVICES

#: A service with no model yet says so with 503; it is up all the same.
_SERVICE_UP = frozenset({200, 503})
#: Names that are no words.
TITLES = {"ctr": "CTR"}


def plan(settings: Settings) -> tuple[Part, ...]:
    """Every part, the needed before the needing. ``settings`` has its secrets filled in."""
    parts = (
        database_part(settings),
        objects_part(settings),
        migrate_part(settings),
        prefect_part(settings),
        mlflow_part(settings),
        deploy_part(settings),
        worker_part(settings),
        content_worker_part(settings),
        *(service_part(settings, family) for family in SERVICES),
        gateway_part(settings),
        admin_part(settings),
    )
    check_plan(parts)
    return parts


def service_part(settings: Settings, family: str) -> Part:
    """The service of ``family``. It starts without MLflow, from its disk copy."""
    port = settings.service_port(family)
    url = f"http://127.0.0.1:{port}"
    return Part(
        name=family,
        title=f"{TITLES.get(family, family.capitalize())} service",
        command=lambda: [sys.executable, "-m", "serving.run", family],
        environment=part_environment(settings, family),
        needs=("migrate",),
        probe=lambda _: answers_http(f"{url}/health", _SERVICE_UP),
        own_endpoint=True,
        host=settings.bind_host,
        port=port,
        setting=f"{family.upper()}_PORT",
        url=url,
    )


def gateway_part(settings: Settings) -> Part:
    """The gateway. It answers while services are away, and says so."""
    url = f"http://127.0.0.1:{settings.gateway_port}"
    return Part(
        name="gateway",
        title="Gateway",
        command=lambda: [sys.executable, "-m", "serving.gateway"],
        environment=part_environment(settings, "gateway"),
        needs=("migrate",),
        probe=lambda _: answers_http(f"{url}/", _SERVICE_UP),
        own_endpoint=True,
        host=settings.bind_host,
        port=settings.gateway_port,
        setting="GATEWAY_PORT",
        url=url,
    )


def admin_part(settings: Settings) -> Part:
    """The admin pages. They answer while Prefect and MLflow are away."""
    url = f"http://127.0.0.1:{settings.admin_port}"
    return Part(
        name="admin",
        title="Admin pages",
        command=lambda: [sys.executable, "-m", "serving.admin"],
        environment=part_environment(settings, "admin"),
        needs=("migrate",),
        probe=lambda _: answers_http(f"{url}/health", _SERVICE_UP),
        own_endpoint=True,
        host=settings.bind_host,
        port=settings.admin_port,
        setting="ADMIN_PORT",
        url=url,
    )
