"""What the recommendation service would give a user: asked over HTTP, as a backend asks, for a preview."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.context import passed_on
from config.errors import AssayError
from config.settings import Settings

LIMIT = 20
#: A person waits, and the service answers within milliseconds where it is well.
SECONDS = 2.0


@dataclass(frozen=True)
class Recommended:
    """One item of a list: where it came from, and why the user gets it."""

    id: str
    kind: str
    score: float | None
    source: str
    reason: str
    author_id: str | None


@dataclass(frozen=True)
class Recommendation:
    """An answer of the service.

    Attributes:
        items: the first one first.
        answered_by: model, heuristic, or precomputed: a list that a model made ahead.
        model_version: of the model that made it.
        cached: whether it was made for an earlier request.
        flags: each one, and whether it was on for this user.
        variant: of the experiment that decided who answers, where one did.
    """

    items: list[Recommended]
    answered_by: str
    model_version: str | None
    cached: bool
    flags: Mapping[str, bool]
    variant: str | None


def ask_for(settings: Settings, user_id: str) -> Recommendation:
    """The list that ``user_id`` would get now: a preview, which leaves no trace of the user.

    Raises:
        AssayError: the service is away, refuses, or answers something else than a list.
    """
    import httpx

    url = settings.recommendation_service_url
    key = settings.ml_api_key.get_secret_value() if settings.ml_api_key else None
    try:
        # trust_env off: a proxy must not stand between this machine and itself
        with httpx.Client(timeout=SECONDS, trust_env=False) as client:
            answer = client.post(
                f"{url}/api/v1/recommend",
                json={"user_id": user_id, "limit": LIMIT, "preview": True},
                headers={**({"X-API-Key": key} if key else {}), **passed_on()},
            )
    except httpx.HTTPError as error:
        raise AssayError(
            f"The recommendation service at {url} does not answer ({type(error).__name__}).",
            hint="`assay status` tells whether it runs.",
        ) from None
    body = _body(answer)
    if answer.status_code != 200:
        raise AssayError(f"The recommendation service answered {answer.status_code}: {_said(body)}")
    try:
        return _read(body)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise AssayError(
            "The recommendation service answered what these pages do not understand.",
            hint="Are both of the same release?",
        ) from None


def _body(answer: Any) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _said(body: Any) -> str:
    return str(body["detail"])[:300] if isinstance(body, dict) and "detail" in body else "no reason given."


def _read(body: Mapping[str, Any]) -> Recommendation:
    by, version, experiment = str(body["answered_by"]), body.get("model_version"), body.get("experiment")
    return Recommendation(
        items=[_item(one) for one in body["items"]],
        answered_by=by,
        model_version=None if version is None or by == "heuristic" else str(version),
        cached=bool(body.get("cached")),
        flags={str(name): bool(on) for name, on in (body.get("flags") or {}).items()},
        variant=f"{experiment['variant']} of {experiment['experiment']}" if experiment else None,
    )


def _item(one: Mapping[str, Any]) -> Recommended:
    score, author = one.get("score"), one.get("author_id")
    return Recommended(
        id=str(one["id"]),
        kind=str(one["kind"]),
        score=None if score is None else float(score),
        source=str(one.get("source") or ""),
        reason=str(one.get("reason") or ""),
        author_id=None if author is None else str(author),
    )
