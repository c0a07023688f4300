"""A piece of content: as published, what moderation and analysis said, its media work and its webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from config.errors import AssayError
from config.settings import Settings
from serving.admin.access import require
from serving.admin.asking import ask
from serving.admin.moderation_form import LABELS, VERDICTS
from serving.admin.moderation_media import keys_of, read_object
from serving.admin.pages import page
from serving.admin.parts import parts, settings
from storage import media_jobs, moderation
from storage.contents import get_content
from storage.moderation_trail import deliveries_of

#: Captions of more bytes are not shown in the page.
MOST_CAPTIONS = 200_000


@require("viewer")
def content(request: Request) -> Response:
    """``/moderation/content/<id>``."""
    name, engine = request.path_params["content"], parts(request).engine
    found = get_content(engine, name) if "\x00" not in name else None
    past = moderation.history(engine, name) if "\x00" not in name else []
    if found is None and not past:
        raise HTTPException(404, "There is no such content; a person may have been forgotten.")
    jobs = media_jobs.jobs_of(engine, name)
    return page(
        request, "moderation_content.html", name=name, content=found, past=past, labels=LABELS,
        verdicts=VERDICTS, jobs=[_told(one, settings(request)) for one in jobs],
        deliveries=deliveries_of(engine, name), may_review=request.state.user.may("verifier"),
    )  # fmt: skip


def _told(job: Any, of: Settings) -> dict[str, Any]:
    """A job with the names of its pictures, and the words of its captions."""
    prefix = f"media/{job.id}/"
    names = sorted(key.removeprefix(prefix) for key in keys_of(job.result) if key.startswith(prefix))
    captions: str | None = None
    problem: AssayError | None = None
    if "captions.vtt" in names:
        answer = ask(lambda: read_object(of, f"{prefix}captions.vtt", MOST_CAPTIONS).decode(errors="replace"))
        captions, problem = answer.value, answer.problem
    return {
        "row": job,
        "pictures": [name for name in names if name.endswith((".jpg", ".jpeg", ".png", ".webp"))],
        "captions": captions,
        "problem": problem,
        "facts": _facts(job.result or {}),
    }


def _facts(result: Mapping[str, Any]) -> dict[str, Any]:
    """What is short in a result: the engine, the language, seconds."""
    return {
        name.replace("_", " "): value
        for name, value in result.items()
        if isinstance(value, str | int | float)
        and not str(value).startswith("media/")
        and len(str(value)) < 100
    }


ROUTES = [Route("/moderation/content/{content:path}", content)]
