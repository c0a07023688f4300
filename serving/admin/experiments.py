"""Experiments: what runs and who leads, one with its live figures, and its life from draft to conclusion."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from config.errors import AssayError, ExperimentConflict, InputError
from models.experiments.definition import parse_definition
from serving.admin import experiment_form as forms
from serving.admin.access import SAFE, moment, require
from serving.admin.errors import status_of
from serving.admin.experiment_live import figures_of
from serving.admin.experiment_view import leader, look, other_policies
from serving.admin.pages import page, redirect
from serving.admin.parts import parts
from serving.experiments.desk import ExperimentDesk
from storage.experiments import MOVES, Action, ExperimentRecord, check_move

#: No id begins with a dash or an underscore, so that this page hides no experiment.
NEW = "/experiments/_new"
#: what was done -> how the page says so afterwards
DONE = {
    "start": "It runs from now on.", "pause": "It is paused: everybody gets the control.",
    "resume": "It runs again.", "conclude": "It is concluded.",
}  # fmt: skip


@require("viewer")
def overview(request: Request) -> Response:
    """All experiments: running ones first."""
    rows = []
    for one in _desk(request).every():
        definition = parse_definition(one.definition)
        rows.append((one, definition, leader(definition, one.variants)))
    return page(request, "experiments.html", rows=rows)


@require("viewer")
def experiment(request: Request) -> Response:
    """One experiment, with its figures as they are now."""
    desk, one = _desk(request), _record(request)
    figures = figures_of(request, desk, one) if one.started_at else None
    return page(
        request,
        "experiment.html",
        one=one,
        definition=parse_definition(one.definition),
        figures=figures,
        changes=desk.changes(one.id),
        look=look,
    )


@require("viewer")
def live(request: Request) -> Response:
    """The figures that change, for the page that shows them."""
    one = _record(request)
    base = {"state": one.state, "revision": one.revision}
    if one.started_at is None:
        return JSONResponse({**base, "every": 0})
    figures = figures_of(request, _desk(request), one)
    return JSONResponse({**base, "every": figures.every, **figures.view.as_dict()})


@require("viewer")
def off_policy(request: Request) -> Response:
    """What other policies would have earned."""
    one = _record(request)
    found = _desk(request).off_policy(one.id)
    rows = other_policies(parse_definition(one.definition), found)
    return page(request, "experiment_off_policy.html", one=one, found=found, rows=rows)


@require("admin")
def create(request: Request) -> Response:
    """The form of a new experiment, and the draft that it makes."""
    desk, user = _desk(request), request.state.user.name
    return _form(request, None, forms.blank(), lambda given: desk.create(given, user), "Draft made.")


@require("admin")
def edit(request: Request) -> Response:
    """The form of a draft."""
    desk, one, user = _desk(request), _record(request), request.state.user.name
    if one.state != "draft":
        raise ExperimentConflict(f"Experiment '{one.id}' is {one.state}: only a draft can be edited.")

    def save(given: dict[str, Any]) -> ExperimentRecord:
        return desk.edit(one.id, {**given, "id": one.id}, user, revision=_revision(request))

    return _form(request, one, forms.values_of(one.definition), save, "Changes kept.")


def _form(
    request: Request,
    one: ExperimentRecord | None,
    values: dict[str, Any],
    save: Callable[[dict[str, Any]], ExperimentRecord],
    said: str,
) -> Response:
    show = partial(page, request, "experiment_form.html", one=one, most=forms.MOST_ROWS)
    if request.method in SAFE:
        return show(values=values, problem=None, revision=one.revision if one else 0)
    values, revision = forms.sent(request.state.form), request.state.form.get("revision") or 0
    if "more" in request.state.form:
        return show(values=values, problem=None, revision=revision)
    try:
        made = save(forms.definition_of(values))
    except InputError as error:
        problem = error if isinstance(error, ExperimentConflict) else forms.readable(error)
        return show(status=status_of(error), values=values, problem=problem, revision=revision)
    return redirect(f"/experiments/{made.id}", said)


def _asks(action: Action) -> Callable[[Request], Any]:
    """The page that asks before ``action``, and does it."""

    @require("admin")
    def endpoint(request: Request) -> Response:
        one = _record(request)
        if request.method in SAFE:
            check_move(one.id, one.state, action)
        definition = parse_definition(one.definition)
        context: dict[str, Any] = {"one": one, "action": action, "definition": definition}
        if action == "conclude":
            context["leader"] = leader(definition, one.variants) if one.started_at else None
        if request.method in SAFE:
            return page(
                request, "experiment_ask.html", **context, problem=None, reason="", winner=None,
                revision=one.revision,
            )  # fmt: skip
        form = request.state.form
        reason, winner = str(form.get("reason") or ""), str(form.get("winner") or "")
        try:
            made = _act(request, one.id, action, winner, reason)
        except AssayError as error:
            return page(
                request, "experiment_ask.html", status=status_of(error), **context, problem=error,
                reason=reason, winner=winner, revision=form.get("revision") or 0,
            )  # fmt: skip
        return redirect(f"/experiments/{made.id}", DONE[action])

    return endpoint


def _act(request: Request, experiment_id: str, action: str, winner: str, reason: str) -> ExperimentRecord:
    desk, user, revision = _desk(request), request.state.user.name, _revision(request)
    if action != "conclude":
        move: Callable[..., ExperimentRecord] = getattr(desk, action)
        return move(experiment_id, user, reason, revision=revision)
    if not winner:
        raise InputError("Choose the winner, or that there is none.")
    if not reason.strip():
        raise InputError("Say why: the reason is kept in the history.")
    chosen = winner.removeprefix("=") if winner.startswith("=") else None
    return desk.conclude(experiment_id, chosen, user, reason, revision=revision)


def _revision(request: Request) -> int:
    """The revision of the page that the form stood on."""
    text = str(request.state.form.get("revision") or "")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InputError("The form does not say which revision it was made from. Reload the page.")
    return int(text)


def _desk(request: Request) -> ExperimentDesk:
    return ExperimentDesk(parts(request).engine, moment)


def _record(request: Request) -> ExperimentRecord:
    return _desk(request).get(request.path_params["id"])


ROUTES = [
    Route("/experiments", overview),
    Route(NEW, create, methods=["GET", "POST"]),
    Route("/experiments/{id}", experiment),
    Route("/experiments/{id}/live", live),
    Route("/experiments/{id}/off-policy", off_policy),
    Route("/experiments/{id}/edit", edit, methods=["GET", "POST"]),
    *(Route(f"/experiments/{{id}}/{action}", _asks(action), methods=["GET", "POST"]) for action in MOVES),
]
