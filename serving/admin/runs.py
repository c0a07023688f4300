"""Flow runs: the recent ones, one with its progress, and starting one now or for a past day or month."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from config.errors import AssayError
from serving.admin import markdown
from serving.admin.access import SAFE, moment, require
from serving.admin.asking import problems, together
from serving.admin.errors import status_of
from serving.admin.home import prefect_pages, recent_runs
from serving.admin.pages import page, redirect
from serving.admin.parts import AdminParts, parts
from serving.admin.run_form import fields, parameters
from tasks.flow_records import Deployment

RUNS, LOG_LINES = 30, 200


@require("viewer")
def overview(request: Request) -> Response:
    """Deployments and recent runs, of all or of one of them. It answers while Prefect is away."""
    found = parts(request)
    name = request.query_params.get("deployment") or None
    deployments, runs = together(partial(_deployments, found), partial(recent_runs, found, RUNS, name))
    return page(
        request,
        "runs.html",
        deployments=deployments.value or [],
        runs=runs,
        chosen=name,
        problems=problems(deployments, runs),
        prefect=prefect_pages(found),
    )


@require("viewer")
def run(request: Request) -> Response:
    """One run: state, log, report. It asks again by itself while the run goes on."""
    part = "fragment" in request.query_params
    template = "run_part.html" if part else "run.html"
    return page(request, template, **_run(parts(request), str(request.path_params["id"])))


@require("admin")
def start(request: Request) -> Response:
    """The form of a deployment, and the run that it asks for."""
    found, name = parts(request), request.path_params["deployment"]
    with found.prefect() as client:
        deployment = client.deployment(name)
        context: dict[str, Any] = {
            "deployment": deployment, "fields": fields(deployment), "today": moment().date(),
        }  # fmt: skip
        if request.method in SAFE:
            return page(request, "run_start.html", **context, given={}, problem=None)
        form = request.state.form
        try:
            made = client.start(name, parameters(deployment, form))
        except AssayError as error:
            return page(
                request, "run_start.html", status=status_of(error), **context, problem=error,
                given={key: form.getlist(key) for key in form},
            )  # fmt: skip
    return redirect(f"/runs/{made.id}", f"{name} was asked to run as {made.name}.")


def _deployments(found: AdminParts) -> list[Deployment]:
    with found.prefect() as client:
        return client.deployments()


def _run(found: AdminParts, run_id: str) -> dict[str, Any]:
    with found.prefect() as client:
        run = client.run(run_id)
        lines = client.last_logs(run_id, LOG_LINES)
        report = client.report(run_id) if run.ended else ""
    waits = not run.ended and run.started_at is None and run.scheduled_for is not None
    late = waits and moment() - (run.scheduled_for or moment()) > dt.timedelta(seconds=30)
    return {
        "run": run, "lines": lines, "report": markdown.report(report), "late": late,
        "prefect": prefect_pages(found),
    }  # fmt: skip


ROUTES = [
    Route("/runs", overview),
    Route("/runs/start/{deployment}", start, methods=["GET", "POST"]),
    Route("/runs/{id:uuid}", run),
]
