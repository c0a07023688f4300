"""Recommendation: its feature flags, what trends, and what a user would get and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Engine
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from config.errors import AssayError, FlagConflict, InputError
from config.flags import FLAGS
from serving.admin.access import SAFE, moment, require
from serving.admin.asking import problems, together
from serving.admin.errors import status_of
from serving.admin.pages import page, redirect
from serving.admin.parts import parts
from serving.admin.recommendation_form import (
    KINDS,
    WINDOWS,
    FlagForm,
    TrendFilter,
    about,
    flag_form,
    meaning,
    trend_filter,
    user_of,
)
from serving.admin.recommendation_service import ask_for
from storage.events import Seen, history
from storage.flags import Flag, changes, checked_reason, read_flags, set_flag
from storage.items import items
from storage.trending import Trending, as_of, top

#: So many changes, trends and interactions are shown.
CHANGES, TRENDS, EVENTS = 50, 50, 50


@require("viewer")
def overview(request: Request) -> Response:
    """The flags, and what was changed."""
    engine = parts(request).engine
    return page(
        request,
        "recommendation.html",
        flags=list(read_flags(engine).values()),
        definitions=FLAGS,
        about=about,
        changes=changes(engine, limit=CHANGES),
    )


@require("admin")
def change(request: Request) -> Response:
    """The form that changes a flag, the page that says what that means, and the change."""
    name = request.path_params["name"]
    if name not in FLAGS:
        raise HTTPException(404, f"There is no such flag. Flags: {', '.join(FLAGS)}.")
    flag = read_flags(parts(request).engine)[name]
    if request.method in SAFE:
        asked = FlagForm(flag.enabled, str(flag.rollout), "", str(flag.revision), confirmed=False)
        return _form(request, flag, asked)
    asked = flag_form(request.state.form)
    try:
        if not asked.confirmed:
            return _confirm(request, flag, asked)
        made = set_flag(
            parts(request).engine, name,
            enabled=asked.state.enabled, rollout=asked.state.rollout, actor=request.state.user.name,
            reason=asked.reason, at=moment(), expected_revision=asked.seen,
        )  # fmt: skip
    except FlagConflict as error:
        # what was typed stays, and stands on what the other one made of it: to send it again is to have seen it
        now = read_flags(parts(request).engine)[name]
        return _form(request, now, asked, error)
    except InputError as error:
        return _form(request, flag, asked, error)
    return redirect("/recommendation", f"{name} is {made.state.words}. The services follow within 10 seconds.")


def _form(request: Request, flag: Flag, asked: FlagForm, problem: AssayError | None = None) -> Response:
    return page(
        request, "recommendation_flag.html", status=status_of(problem) if problem else 200,
        flag=flag, definition=FLAGS[flag.name], about=about, asked=asked, problem=problem,
        revision=flag.revision if isinstance(problem, FlagConflict) else asked.revision,
    )  # fmt: skip


def _confirm(request: Request, flag: Flag, asked: FlagForm) -> Response:
    """The change in words, before anything is done.

    Raises:
        InputError: it is no change, or not a clear one.
        FlagConflict: it was made from another revision.
    """
    checked_reason(asked.reason)
    if asked.seen != flag.revision:
        raise FlagConflict(f"Somebody changed {flag.name} in the meantime: it is {flag.state.words} now.")
    if asked.state == flag.state:
        raise InputError(f"{flag.name} is {flag.state.words} already: nothing would change.")
    return page(
        request, "recommendation_confirm.html",
        flag=flag, definition=FLAGS[flag.name], asked=asked, meaning=meaning(flag.state, asked.state),
    )  # fmt: skip


@require("viewer")
def trending(request: Request) -> Response:
    """What trends in one window, of all items or of some."""
    engine = parts(request).engine
    try:
        wanted = trend_filter(request.query_params)
    except InputError as error:
        return _trends(request, TrendFilter(), problem=error)
    given: Mapping[str, str | None] = {
        name: getattr(wanted, name) or None for name in ("kind", "category", "language", "region")
    }
    rows = top(engine, window=wanted.window, limit=TRENDS, **given)
    return _trends(request, wanted, rows, counted_at=as_of(engine))


def _trends(
    request: Request,
    wanted: TrendFilter,
    rows: Sequence[Trending] = (),
    *,
    counted_at: datetime | None = None,
    problem: InputError | None = None,
) -> Response:
    return page(
        request, "recommendation_trending.html", status=status_of(problem) if problem else 200,
        wanted=wanted, windows=WINDOWS, kinds=KINDS, rows=rows, counted_at=counted_at, problem=problem,
        titles=_titles(parts(request).engine, [row.item_id for row in rows]) if rows else {},
    )  # fmt: skip


@require("viewer")
def user(request: Request) -> Response:
    """What a user would get now, and what they did last."""
    try:
        user_id = user_of(request.query_params)
    except InputError as error:
        return page(request, "recommendation_user.html", status=422, looked_up="", problem=error)
    if not user_id:
        return page(request, "recommendation_user.html", looked_up="", problem=None)
    found = parts(request)
    answer, past = together(partial(ask_for, found.settings, user_id), partial(_history, found.engine, user_id))
    titles: dict[str, str] = {}
    if past.here:
        shown = answer.value.items if answer.here else []
        named = [*(one.item_id for one in past.value), *(one.id for one in shown)]
        titles = together(partial(_titles, found.engine, named))[0].value or {}
    return page(
        request, "recommendation_user.html", looked_up=user_id, problem=None, answer=answer, past=past,
        problems=problems(answer, past), most=EVENTS, titles=titles,
    )  # fmt: skip


def _history(engine: Engine, user_id: str) -> list[Seen]:
    return history(engine, [user_id], limit=EVENTS).get(user_id, [])


def _titles(engine: Engine, ids: Sequence[str]) -> dict[str, str]:
    """The texts of items that have one, by id."""
    return {name: one["text"] for name, one in items(engine, ids).items() if one["text"]}


ROUTES = [
    Route("/recommendation", overview),
    Route("/recommendation/flags/{name}", change, methods=["GET", "POST"]),
    Route("/recommendation/trending", trending),
    Route("/recommendation/user", user),
]
