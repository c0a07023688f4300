"""The verify page: candidates in the order of their use, and what admins decide about them.

``GET /verify/<family>`` shows them; it works without scripts, one candidate a page. With scripts it loads ahead
from ``/candidates``, and sends each decision to ``/decisions`` as it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from config.errors import InputError
from models.family import FAMILIES, Family, get_family
from serving.admin.access import moment, require
from serving.admin.pages import page, redirect
from serving.admin.parts import parts, settings
from serving.admin.verify_decide import (
    OPEN,
    Wanted,
    decide,
    decide_step,
    read_targets,
    read_wanted,
)
from serving.admin.verify_filter import STATES, Asked, decode_place, encode_place, query_of, read_filter
from serving.admin.verify_keys import class_keys
from serving.admin.verify_progress import progress
from serving.admin.verify_view import candidate_json, place_after, table_columns
from storage import candidates as index
from storage.candidate_days import ids_of
from storage.reviews import candidate_key

#: Candidates in the page itself, and in each piece that is loaded after it.
FIRST, PIECE, MOST_PIECE = 60, 200, 500


@require("viewer")
def begin(_request: Request) -> Response:
    """The family that has most to verify: the first whose every row is, or else the first there is."""
    names = [name for name in FAMILIES if get_family(name).review == "all"] or list(FAMILIES)
    return RedirectResponse(f"/verify/{names[0]}", 303)


@require("viewer")
def show(request: Request) -> Response:
    """The page: filters, the first candidates, and the one in focus."""
    family = _family(request)
    asked = read_filter(family.name, request.query_params)
    engine, user = parts(request).engine, request.state.user
    rows = index.page(engine, asked.filter, limit=FIRST)
    figures, found = progress(engine, asked.filter, by=user.name, at=moment())
    photos = bool(family.heavy)
    shown = _told(request, family, rows)
    wanted = request.query_params.get("focus", "")
    focus = next((one for one in shown if str(one["id"]) == wanted), shown[0] if shown else None)
    classes = _classes(request, family)
    context = {
        "family": family,
        "families": [(name, get_family(name).title) for name in FAMILIES],
        "photos": photos,
        "entity": family.entity.removesuffix("_id").replace("_", " ").capitalize(),
        "asked": asked,
        "states": STATES,
        "counts": found,
        "months": sorted({f"{day:%Y-%m}" for day, _ in found.days}, reverse=True),
        "classes": classes,
        "keys": class_keys(classes),
        "rows": shown,
        "focus": focus,
        "progress": figures,
        "columns": [] if photos else table_columns(rows, family.schema.names),
        "query": query_of(asked),
        "may_decide": user.may("verifier"),
        "open_states": OPEN,
    }
    return page(request, "verify.html", **context, data=_data(request, context, place_after(rows, FIRST)))


@require("viewer")
def more(request: Request) -> Response:
    """More candidates as JSON: those behind ``after``, or the first ones."""
    family, engine = _family(request), parts(request).engine
    asked, query = _strict_filter(request), request.query_params
    after = decode_place(query["after"]) if query.get("after") else None
    limit = _limit(query.get("limit"))
    rows = index.page(engine, asked.filter, after=after, limit=limit)
    return JSONResponse({"candidates": _told(request, family, rows), "next": place_after(rows, limit)})


@require("viewer")
def figures(request: Request) -> Response:
    """Progress under the filter, as JSON."""
    _family(request)
    asked = _strict_filter(request)
    found, _ = progress(parts(request).engine, asked.filter, by=request.state.user.name, at=moment())
    return JSONResponse(found)


@require("verifier")
def decisions(request: Request) -> Response:
    """Decide about candidates by their ids, as JSON; 409 where somebody else had decided about one before."""
    family, body = _family(request), _body(request)
    wanted = _wanted(request, family, body)
    outcomes = decide(parts(request).engine, family.name, read_targets(body), wanted)
    told = [
        {
            "id": one.id,
            "decided": one.decided,
            "candidate": _told(request, family, [one.candidate])[0] if one.candidate else None,
        }
        for one in outcomes
    ]
    conflict = any(one.conflict for one in outcomes)
    return JSONResponse({"outcomes": told}, 409 if conflict else 200)


@require("verifier")
def bulk(request: Request) -> Response:
    """Decide about the next rows that fit the filter, a step at a time, as JSON.

    The answer names the rows that were decided with their revisions, how many somebody else had decided about
    meanwhile, how many have no picture or class for it, and where the next step begins.
    """
    family, body = _family(request), _body(request)
    wanted, asked = _wanted(request, family, body), _strict_filter(request)
    after = body.get("after")
    step = decide_step(parts(request).engine, asked.filter, wanted, decode_place(str(after)) if after else None)
    done = [[one.id, one.candidate.revision] for one in step.outcomes if one.decided and one.candidate]
    return JSONResponse(
        {
            "decided": done,
            "conflicts": len(step.outcomes) - len(done),
            "unfit": step.unfit,
            "after": encode_place(step.after) if step.after else None,
        }
    )


@require("verifier")
def decide_by_form(request: Request) -> Response:
    """The same without scripts: one form, one decision, and the page again."""
    family, form = _family(request), request.state.form
    named, _, label = str(form.get("decide", "")).partition(":")
    body = {
        "decision": named,
        "label": label or form.get("label"),
        "candidates": [_pair(str(value)) for value in form.getlist("candidate")],
    }
    if not body["candidates"]:
        raise InputError("Choose at least one row first.")
    wanted = _wanted(request, family, body)
    outcomes = decide(parts(request).engine, family.name, read_targets(body), wanted)
    asked = read_filter(family.name, dict(pair for pair in form.items() if isinstance(pair[1], str)))
    query = query_of(asked)
    lost = [one.candidate for one in outcomes if one.candidate and not one.decided]
    told = ""
    if lost:
        first = lost[0]
        told = (
            f"{first.decided_by or 'Somebody'} was first with {len(lost)} of these; they are left as they were."
        )
    return redirect(f"/verify/{family.name}" + (f"?{query}" if query else ""), told or None, "bad")


def _data(request: Request, context: Mapping[str, Any], next_place: str | None) -> dict[str, Any]:
    """What the script finds in the page, so that it needs no request before the first decision."""
    family: Family = context["family"]
    return {
        "family": family.name,
        "photos": context["photos"],
        "entity": context["entity"],
        "mayDecide": context["may_decide"],
        "me": request.state.user.name,
        "classes": context["classes"],
        "keys": context["keys"],
        "query": context["query"],
        "state": context["asked"].form["state"],
        "canBulk": context["asked"].filter.state in OPEN,
        "columns": context["columns"],
        "candidates": context["rows"],
        "next": next_place,
        "progress": context["progress"],
    }


def _told(request: Request, family: Family, rows: Sequence[index.Candidate]) -> list[dict[str, Any]]:
    """``rows`` as JSON; a photo that repeats another has that one's id, where it is a candidate too."""
    repeats = {
        row.id: candidate_key([row.values["duplicate_of"]]) for row in rows if "duplicate_of" in row.values
    }
    twins = ids_of(parts(request).engine, family.name, list(set(repeats.values())))
    return [
        {
            **candidate_json(row, photos=bool(family.heavy), order=family.schema.names),
            **({"twin": twins.get(repeats[row.id])} if row.id in repeats else {}),
        }
        for row in rows
    ]


def _family(request: Request) -> Family:
    name = request.path_params["family"]
    if name not in FAMILIES:
        raise HTTPException(404, f"There is no family '{name[:80]}'.")
    return get_family(name)


def _classes(request: Request, family: Family) -> tuple[str, ...]:
    return tuple(getattr(family.options(settings(request)), "classes", ()))


def _strict_filter(request: Request) -> Asked:
    asked = read_filter(request.path_params["family"], request.query_params)
    if asked.problems:
        raise InputError(asked.problems[0])
    return asked


def _body(request: Request) -> Mapping[str, Any]:
    if not isinstance(request.state.json, dict):
        raise InputError("The body is a JSON object.")
    return request.state.json


def _wanted(request: Request, family: Family, body: Mapping[str, Any]) -> Wanted:
    return read_wanted(
        body,
        _classes(request, family),
        by=request.state.user.name,
        at=moment(),
        confirms=family.review == "all",
        pictures=bool(family.heavy),
    )


def _limit(text: str | None) -> int:
    try:
        return min(MOST_PIECE, max(1, int(text))) if text else PIECE
    except ValueError:
        raise InputError("'limit' is a whole number.") from None


def _pair(text: str) -> list[int]:
    first, _, second = text.partition(":")
    try:
        return [int(first), int(second)]
    except ValueError:
        raise InputError("A chosen row is named by its id and its revision.") from None


ROUTES = [
    Route("/verify", begin),
    Route("/verify/{family}", show),
    Route("/verify/{family}/candidates", more),
    Route("/verify/{family}/progress", figures),
    Route("/verify/{family}/decisions", decisions, methods=["POST"]),
    Route("/verify/{family}/bulk", bulk, methods=["POST"]),
    Route("/verify/{family}/decide", decide_by_form, methods=["POST"]),
]
