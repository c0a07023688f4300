"""``POST viral-prediction``: the viral service's probabilities as one score, and figures of the request.

The score is the probability of the classes high and ultra, that is of at least as many views in seven days as
VIRAL_THRESHOLDS names for high. It is the model's own, calibrated with it; nothing is weighed by hand.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from serving.gateway.answers import as_json
from serving.gateway.caller import CREATOR, Caller
from serving.gateway.guard import Endpoint
from serving.gateway.owned import PREFIX
from serving.gateway.schema import Engagement, ViralContent, ViralPredictionRequest
from serving.gateway.upstream import Service, Unavailable
from serving.http import Request, Response
from serving.validation import BodyValidator

LIKELY = 0.5
WEEK_HOURS = 7 * 24
DIGITS = 6
_RENAMED = {"duration": "video_duration"}
Row = dict[str, Any]


class ViralApi:
    """Asks the viral service."""

    def __init__(self, service: Service, max_body_bytes: int) -> None:
        self._service = service
        self._limit = max_body_bytes
        shapes = ViralPredictionRequest, ViralContent, Engagement
        self._one = BodyValidator(
            ViralPredictionRequest, [name for shape in shapes for name in shape.__annotations__]
        )

    def endpoints(self) -> list[Endpoint]:
        """Its endpoint."""
        return [Endpoint(f"{PREFIX}/viral-prediction", "POST", self.predict, (CREATOR,))]

    async def predict(self, request: Request, _: Caller) -> Response:
        """The score and the factors; while the service is away, the factors alone."""
        asked = self._one.parse(await request.json_body(self._limit))
        content, engagement = asked.get("content_data") or {}, asked["engagement_data"]
        known = {_RENAMED.get(name, name): value for name, value in (content | engagement).items()}
        row = {"video_id": asked["content_id"], **known, "explain": 0}
        unavailable: list[str] = []
        answer: Row = {}
        try:
            found = await self._service.ask("POST", "/predict", row)
            answer = found.must_be_good().json()
        except Unavailable as error:
            unavailable.append(error.service)
            self._service.stood_in("factors")
        at = engagement.get("taken_at") or datetime.now(UTC)
        return as_json(
            {
                "content_id": asked["content_id"],
                **score_of(answer.get("probabilities")),
                "factors": factors(content, engagement, at),
                "viral_class": answer.get("viral_class"),
                "probabilities": answer.get("probabilities"),
                "expected_views": answer.get("expected_views"),
                "model_version": answer.get("model_version"),
                "unavailable": unavailable,
            }
        )


def score_of(probabilities: dict[str, float] | None) -> Row:
    """``viral_score``, ``is_likely_viral`` and ``confidence`` out of the probabilities of classes."""
    if probabilities is None:
        return {"viral_score": None, "is_likely_viral": None, "confidence": None}
    score = min(1.0, max(0.0, probabilities["high"] + probabilities["ultra"]))
    return {
        "viral_score": round(score, DIGITS),
        "is_likely_viral": score >= LIKELY,
        "confidence": round(max(score, 1.0 - score), DIGITS),
    }


def factors(content: Row, engagement: Row, at: datetime) -> Row:
    """Figures of the request alone, as of ``at``; None where it does not say."""
    views, published = engagement["views"], content.get("published_at")
    hours = (at - published).total_seconds() / 3600 if published is not None else None

    def rate(*names: str) -> float | None:
        given = [engagement[name] for name in names if engagement.get(name) is not None]
        return round(sum(given) / views, DIGITS) if given and views else None

    return {
        "engagement_rate": rate("likes", "comments", "shares"),
        "like_rate": rate("likes"),
        "comment_rate": rate("comments"),
        "share_velocity": rate("shares"),
        "views_per_hour": round(views / hours, DIGITS) if hours and hours > 0 else None,
        "timing_score": round(min(1.0, max(0.0, 1 - hours / WEEK_HOURS)), DIGITS)
        if hours is not None
        else None,
    }
