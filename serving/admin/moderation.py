"""Moderation: what waits for a person, one decision with what was said of it, and how well it goes.

``GET /moderation`` is the queue: appeals first, then what is most uncertain. Its forms work without scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from config.errors import InputError
from config.settings import Settings
from models.moderation.decide import policy_from_settings
from serving.admin.access import moment, require
from serving.admin.moderation_form import (
    KINDS,
    LABELS,
    LONGEST_NOTE,
    VERDICTS,
    Place,
    QueueFilter,
    ReviewForm,
    decode_place,
    encode_place,
    queue_filter,
    review_form,
)
from serving.admin.moderation_view import asides, pieces, scores, suggested
from serving.admin.pages import page, redirect
from serving.admin.parts import parts, settings
from storage import moderation as store
from storage.contents import get_content
from storage.moderation_figures import moderation_figures
from storage.moderation_trail import appeals_of, open_appeals, open_counts, reviews_of

#: Decisions on one page of the queue, and days that the figures are of.
PAGE, DAYS = 20, 14


@require("viewer")
def queue(request: Request) -> Response:
    """The queue under a filter, a page of it."""
    engine, query = parts(request).engine, request.query_params
    wanted = queue_filter(query)
    after: Place | None = decode_place(query["after"]) if query.get("after") else None
    rows = store.queue(engine, limit=PAGE + 1, after=after, **wanted.arguments)
    shown = rows[:PAGE]
    return page(
        request, "moderation.html", wanted=wanted, kinds=KINDS, counts=open_counts(engine),
        rows=[told(one, settings(request)) for one in shown], first=after is None,
        appeals=open_appeals(engine, [one.id for one in shown if one.appealed]),
        next=encode_place(_place(shown[-1])) if len(rows) > PAGE else None, **_common(request),
    )  # fmt: skip


@require("verifier")
def review(request: Request) -> Response:
    """Approve or reject one decision or several, and go back to where the reviewer was."""
    form = request.state.form
    asked, back = review_form(form), _back(form)
    done, lost = _review(request, asked)
    word = "approved" if asked.decision == "approved" else f"rejected for {', '.join(asked.labels)}"
    said = f"{done} {word}." if done else ""
    if lost:
        said = f"{said} Somebody was first with {lost} of these; they are as they were left.".strip()
    return redirect(back, said or "Nothing was changed.", "bad" if lost else "good")


def _review(request: Request, asked: ReviewForm) -> tuple[int, int]:
    """How many were reviewed, and how many somebody else had reviewed since the form was opened."""
    engine, done, lost = parts(request).engine, 0, 0
    for name, seen in asked.seen.items():
        found = store.get_decision(engine, name)
        if found is None or found.reviewed_at != seen:
            lost += 1
            continue
        store.review(
            engine, name, decision=asked.decision, labels=asked.labels, note=asked.note,
            reviewer=request.state.user.name, at=moment(),
        )  # fmt: skip
        done += 1
    return done, lost


@require("viewer")
def decision(request: Request) -> Response:
    """One decision: what was said, by which versions, what people said since, and how the content stands."""
    engine = parts(request).engine
    found = store.get_decision(engine, request.path_params["decision"])
    if found is None:
        raise HTTPException(404, "There is no such decision; a person may have been forgotten.")
    past = store.history(engine, found.content_id) if found.content_id else []
    return page(
        request, "moderation_decision.html", one=told(found, settings(request), most=None),
        reviews=reviews_of(engine, found.id), appeals=appeals_of(engine, found.id),
        past=past, content=get_content(engine, found.content_id) if found.content_id else None,
        wanted=QueueFilter(), **_common(request),
    )  # fmt: skip


@require("viewer")
def figures(request: Request) -> Response:
    """What was decided in the last days, and what reviewers made of it."""
    until = moment()
    thresholds = policy_from_settings(settings(request)).thresholds
    found = moderation_figures(
        parts(request).engine, thresholds, since=until - timedelta(days=DAYS), until=until
    )
    return page(request, "moderation_figures.html", found=found, days=DAYS, thresholds=thresholds, **_words())


def told(one: Any, of: Settings, *, most: int | None = 1200) -> dict[str, Any]:
    """A decision as a page shows it; of a long text ``most`` characters, None: all."""
    thresholds = policy_from_settings(of).thresholds
    shown: Mapping[str, Any] = {"most": most} if most is None or most else {}
    return {
        "row": one,
        "pieces": pieces(one.text or "", one.reasons, **shown),
        "scores": scores(one.scores, thresholds),
        "asides": asides(one.reasons),
        "suggested": suggested(one.scores, thresholds),
        "seen": f"{one.id}@{one.reviewed_at.isoformat()}" if one.reviewed_at else str(one.id),
    }


def _common(request: Request) -> dict[str, Any]:
    return {"may_review": request.state.user.may("verifier"), "longest": LONGEST_NOTE, **_words()}


def _words() -> dict[str, Any]:
    return {"labels": LABELS, "verdicts": VERDICTS}


def _place(one: Any) -> Place:
    return bool(one.appealed), float(one.uncertainty), one.id


def _back(form: Mapping[str, Any]) -> str:
    """Where the form was opened: a decision's page, or the queue under its filter."""
    place = str(form.get("back", ""))
    try:
        return f"/moderation/{UUID(place)}"
    except ValueError:
        pass
    try:
        query = queue_filter(form).query
    except InputError:
        query = ""
    return "/moderation" + (f"?{query}" if query else "")


ROUTES = [
    Route("/moderation", queue),
    Route("/moderation/review", review, methods=["POST"]),
    Route("/moderation/figures", figures),
    Route("/moderation/{decision:uuid}", decision),
]
