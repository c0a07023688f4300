"""A version that is tried beside production: begin, compare, end."""

from __future__ import annotations

import math
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from config.errors import AssayError, InputError
from models.family import Family, get_family
from models.monitoring.rollouts import verdict_sentence
from registry.records import ModelVersion
from registry.rollouts import FAMILIES
from serving.admin.access import SAFE, moment, require
from serving.admin.errors import status_of
from serving.admin.pages import page, redirect
from serving.admin.parts import parts
from storage.rollouts import Rollout, list_rollouts, running_rollout
from tasks.rollout_answers import compare_answers, kept_gap

LONGEST_REASON, SHOWN = 1000, 20
MODES = ("shadow", "canary")


@require("viewer")
def comparison(request: Request) -> Response:
    """What is tried of a family, or was tried last, beside the version that it was tried beside."""
    known, engine = _family(request), parts(request).engine
    history = list_rollouts(engine, known.name, limit=SHOWN)
    chosen = _chosen(history, request.query_params.get("id"))
    kept = kept_gap(engine, chosen) if chosen else None
    return page(
        request,
        "model_rollout.html",
        family=known,
        can_try=known.name in FAMILIES,
        rollout=chosen,
        history=history,
        answers=compare_answers(engine, chosen, moment()) if chosen else None,
        kept=kept,
        bounded=kept is not None and math.isfinite(kept.gap.low),
        sentence=(
            verdict_sentence(kept.gap if kept else None, chosen.version, chosen.champion, known.loss)
            if chosen
            else None
        ),
    )


@require("admin")
def start(request: Request) -> Response:
    """Ask how and why, then let the version be tried."""
    known, version = _version(request)
    found = parts(request)
    context: dict[str, Any] = {
        "family": known,
        "version": version,
        "production": found.reading.production(known.name),
        "running": running_rollout(found.engine, known.name),
        "can_try": known.name in FAMILIES,
        "modes": MODES,
    }
    if request.method in SAFE:
        asked = {"mode": "shadow", "percent": "100", "reason": ""}
        return page(request, "model_try.html", **context, asked=asked, problem=None)
    form = request.state.form
    asked = {
        "mode": str(form.get("mode") or ""),
        "percent": str(form.get("percent") or "").strip()[:10],
        "reason": str(form.get("reason") or "").strip()[:LONGEST_REASON],
    }
    try:
        row = found.registry.rollouts.start(
            known.name,
            version.version,
            mode=asked["mode"],
            share=_share(asked["percent"]),
            by=request.state.user.name,
            reason=_reason(asked["reason"]),
            force=form.get("force") == "yes",
            at=moment(),
        )
    except AssayError as error:
        return page(request, "model_try.html", status=status_of(error), **context, asked=asked, problem=error)
    return redirect(
        f"/models/{known.name}/rollout", f"Version {row.version} of {known.name} is tried as a {row.mode}."
    )


@require("admin")
def stop(request: Request) -> Response:
    """End what is tried."""
    known = _family(request)
    target = f"/models/{known.name}/rollout"
    try:
        ended = parts(request).registry.rollouts.stop(known.name, by=request.state.user.name, at=moment())
    except AssayError as error:
        return redirect(target, error.message, "bad")
    return redirect(target, f"Version {ended.version} of {known.name} is tried no more.")


def _family(request: Request) -> Family:
    return get_family(request.path_params["family"])


def _version(request: Request) -> tuple[Family, ModelVersion]:
    known = _family(request)
    return known, parts(request).reading.version(known.name, request.path_params["version"])


def _chosen(history: list[Rollout], wanted: str | None) -> Rollout | None:
    if wanted is not None:
        for one in history:
            if str(one.id) == wanted:
                return one
        raise InputError("There is no such rollout among the latest ones of this family.")
    return history[0] if history else None


def _share(percent: str) -> float:
    try:
        return float(percent) / 100
    except ValueError:
        raise InputError(f"'{percent}' is no percentage.", hint="Give a number, such as 10.") from None


def _reason(reason: str) -> str:
    if not reason:
        raise InputError("Say why: the reason is kept with the rollout.")
    return reason


ROUTES = [
    Route("/models/{family}/rollout", comparison),
    Route("/models/{family}/rollout/stop", stop, methods=["POST"]),
    Route("/models/{family}/{version}/try", start, methods=["GET", "POST"]),
]
