"""Model versions: what is in production and why, figures side by side, plots, promotion and roll-back."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from config.errors import AssayError, InputError
from models.family import FAMILIES, Family, get_family
from registry.lineage import previous_version
from registry.records import ModelVersion
from registry.rollouts import FAMILIES as ROLLOUT_FAMILIES
from serving.admin.access import SAFE, moment, require
from serving.admin.asking import ask, problems, together
from serving.admin.errors import status_of
from serving.admin.model_figures import main_metrics, side_by_side
from serving.admin.pages import page, redirect
from serving.admin.parts import parts
from serving.admin.plots import picture_names, plot_response
from storage.history import list_promotions
from storage.rollouts import running_rollout

MOST_COMPARED, LONGEST_REASON = 6, 1000


@require("viewer")
def overview(request: Request) -> Response:
    """Every family: what is in production, since when and why, and how many versions there are."""
    found = parts(request)
    answers = together(*(partial(found.reading.versions, name) for name in FAMILIES))
    families = [
        (get_family(name), answer, list_promotions(found.engine, name, limit=1))
        for name, answer in zip(FAMILIES, answers, strict=True)
    ]
    return page(request, "models.html", families=families, problems=problems(*answers))


@require("viewer")
def family(request: Request) -> Response:
    """One family: production, all versions, history. The history is there while MLflow is away."""
    found, name = parts(request), request.path_params["family"]
    known = get_family(name)
    answer = ask(partial(found.reading.versions, name))
    versions: list[ModelVersion] = answer.value or []
    return page(
        request,
        "models_family.html",
        family=known,
        families=[get_family(one) for one in FAMILIES],
        versions=versions,
        production=next((one for one in versions if one.production), None),
        metrics=main_metrics(known, versions),
        history=list_promotions(found.engine, name),
        rollout=running_rollout(found.engine, name),
        can_try=name in ROLLOUT_FAMILIES,
        problems=problems(answer),
    )


@require("viewer")
def version(request: Request) -> Response:
    """One version: figures, gate, data, plots."""
    known, found = _version(request)
    registry = parts(request).reading
    files = ask(partial(registry.report_files, found))
    return page(
        request,
        "model.html",
        family=known,
        version=found,
        production=registry.production(found.family),
        can_try=found.family in ROLLOUT_FAMILIES,
        pictures=picture_names(files.value or []),
        moves=[
            move
            for move in list_promotions(parts(request).engine, found.family)
            if found.version in (move.from_version, move.to_version)
        ],
        mlflow=parts(request).settings.mlflow_ui_url,
        problems=problems(files),
    )


@require("viewer")
def compare(request: Request) -> Response:
    """Two or more versions side by side; says whether they were measured on the same rows."""
    known, registry = _family(request), parts(request).reading
    chosen = list(dict.fromkeys(request.query_params.getlist("v")))
    if not 2 <= len(chosen) <= MOST_COMPARED:
        raise InputError(
            f"Two to {MOST_COMPARED} versions can be compared, not {len(chosen)}.",
            hint="Tick them in the list of versions.",
        )
    answers = [registry.compare(known.name, chosen[0], other) for other in chosen[1:]]
    versions = [registry.version(known.name, number) for number in chosen]
    pictures = [picture_names(ask(partial(registry.report_files, one)).value or []) for one in versions]
    return page(
        request,
        "models_compare.html",
        family=known,
        versions=versions,
        rows=side_by_side(known, answers),
        same_rows=all(one["same_rows"] for one in answers),
        pictures=list(zip(versions, pictures, strict=True)),
        names=sorted({name for found in pictures for name in found}),
    )


@require("viewer")
def plot(request: Request) -> Response:
    """A picture of a version's report."""
    _, found = _version(request)
    return plot_response(parts(request).reading, found, request.path_params["name"])


@require("admin")
def promote(request: Request) -> Response:
    """Ask for the reason, then put the version into production."""
    known, found = _version(request)
    production = parts(request).reading.production(known.name)
    context: dict[str, Any] = {"family": known, "version": found, "production": production}
    if request.method in SAFE:
        return page(request, "model_promote.html", **context, reason="", problem=None)
    reason, force = _reason(request), request.state.form.get("force") == "yes"
    try:
        _require_reason(reason)
        move = parts(request).registry.promote(
            known.name, found.version, actor=request.state.user.name, reason=reason, force=force, at=moment()
        )
    except AssayError as error:
        return page(
            request, "model_promote.html", status=status_of(error), **context, reason=reason, problem=error
        )
    return redirect(f"/models/{known.name}", f"Version {move.to_version} of {known.name} is in production.")


@require("admin")
def rollback(request: Request) -> Response:
    """Ask for the reason and the version, then go back to it."""
    known, found = _family(request), parts(request)
    history = list_promotions(found.engine, known.name)
    production = found.reading.production(known.name)
    current = production.version if production else None
    earlier = list(dict.fromkeys(move.to_version for move in history if move.to_version != current))
    before = previous_version((move.action, move.to_version) for move in reversed(history))
    context: dict[str, Any] = {
        "family": known, "production": production, "earlier": earlier, "before": before,
    }  # fmt: skip
    if request.method in SAFE:
        to = request.query_params.get("to") or before or ""
        return page(request, "model_rollback.html", **context, to=to, reason="", problem=None)
    reason, to = _reason(request), str(request.state.form.get("to") or "")
    try:
        _require_reason(reason)
        if not to:  # "one back" would be two, where somebody else has just gone one back
            raise InputError("Choose the version to go back to.")
        move = found.registry.rollback(
            known.name, actor=request.state.user.name, reason=reason, to=to, at=moment()
        )
    except AssayError as error:
        return page(
            request, "model_rollback.html", status=status_of(error), **context, to=to, reason=reason,
            problem=error,
        )  # fmt: skip
    return redirect(
        f"/models/{known.name}", f"Version {move.to_version} of {known.name} is in production again."
    )


def _family(request: Request) -> Family:
    return get_family(request.path_params["family"])


def _version(request: Request) -> tuple[Family, ModelVersion]:
    known = _family(request)
    return known, parts(request).reading.version(known.name, request.path_params["version"])


def _reason(request: Request) -> str:
    return str(request.state.form.get("reason") or "").strip()[:LONGEST_REASON]


def _require_reason(reason: str) -> None:
    if not reason:
        raise InputError("Say why: the reason is kept in the history.")


ROUTES = [
    Route("/models", overview),
    Route("/models/{family}", family),
    Route("/models/{family}/compare", compare),
    Route("/models/{family}/rollback", rollback, methods=["GET", "POST"]),
    Route("/models/{family}/{version}", version),
    Route("/models/{family}/{version}/promote", promote, methods=["GET", "POST"]),
    Route("/models/{family}/{version}/plots/{name}", plot),
]
