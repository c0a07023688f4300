"""``/api/v1/ml/content`` and ``/api/v1/ml/moderation/{id}``: contents, decisions about them, and appeals."""

from __future__ import annotations

from typing import Any

from serving.gateway.answers import as_json
from serving.gateway.caller import CREATOR, Caller
from serving.gateway.guard import Endpoint
from serving.gateway.owned import API, PREFIX, Contents, Row, job_told
from serving.gateway.schema import AppealRequest, ContentRequest
from serving.http import Request, Response
from serving.problems import Problem
from serving.validation import BodyValidator

#: Of a review the creator is told what it says, not who said it.
TOLD_OF_REVIEWS = ("decision", "labels", "at")


class ContentApi:
    """Passes on what the caller may ask. Whose it is, the content service says."""

    def __init__(self, contents: Contents, max_body_bytes: int) -> None:
        self._contents = contents
        self._limit = max_body_bytes
        self._content = BodyValidator(ContentRequest, list(ContentRequest.__annotations__))
        self._appeal = BodyValidator(AppealRequest, list(AppealRequest.__annotations__))

    def endpoints(self) -> list[Endpoint]:
        """Its endpoints."""
        decision = f"{PREFIX}/moderation/{{id}}"
        return [
            Endpoint(f"{PREFIX}/content", "POST", self.post, (CREATOR,)),
            Endpoint(f"{PREFIX}/content", "GET", self.find),
            Endpoint(f"{PREFIX}/content/{{id}}", "GET", self.get),
            Endpoint(decision, "GET", self.decision),
            Endpoint(f"{decision}/appeal", "POST", self.appeal),
        ]

    async def post(self, request: Request, caller: Caller) -> Response:
        """Publish content, or describe it anew; what is to be done about it begins by itself."""
        asked = self._content.parse(await request.json_body(self._limit))
        owner = asked.get("creator_id")
        if owner is None:
            owner = caller.user_id
        if not caller.admin:
            caller.must_own(owner)
            known = await self._contents.find(asked["content_id"])
            if known is not None:
                caller.must_own(known["creator_id"])
        row = {name: value for name, value in asked.items() if name not in ("content_id", "content_type")}
        row |= {"id": asked["content_id"], "kind": asked["content_type"], "creator_id": owner}
        answer = await self._contents.asked("POST", f"{API}/contents", row, repeatable=True)
        result = answer.json()["results"][0]
        if result["status"] in ("rejected", "faulty"):
            raise Problem(422, result.get("detail") or "The content is not taken.")
        body = {
            "content_id": asked["content_id"],
            "status": result["status"],
            "revision": result.get("revision"),
        }
        return as_json(body, 202)

    async def get(self, request: Request, caller: Caller) -> Response:
        """How a piece of content stands: moderation, analysis, jobs."""
        return as_json(content_told(await self._contents.owned(request.parameters["id"], caller)))

    async def find(self, request: Request, caller: Caller) -> Response:
        """The same by ``?id=``, for ids with a slash in them."""
        name = request.query("id")
        if not name:
            raise Problem(400, f"Say which content: GET {PREFIX}/content?id=...")
        return as_json(content_told(await self._contents.owned(name, caller)))

    async def decision(self, request: Request, caller: Caller) -> Response:
        """A decision, and what people said of it."""
        found = await self._contents.owned_decision(request.parameters["id"], caller)
        return as_json(decision_told(found, caller))

    async def appeal(self, request: Request, caller: Caller) -> Response:
        """Object to a decision: its creator alone may, or an admin for them."""
        body = await request.json_body(self._limit)
        asked = self._appeal.parse(body) if body else {}
        decision = await self._contents.owned_decision(request.parameters["id"], caller)
        appellant = decision["creator_id"] or caller.user_id
        if appellant is None:
            raise Problem(422, "Nobody is known to have made the content: there is nobody to object.")
        row = {"appellant_id": appellant, **asked}
        answer = await self._contents.asked("POST", f"{API}/moderation/{decision['id']}/appeal", row)
        return as_json(decision_told(answer.json(), caller))


def content_told(content: Row) -> Row:
    """Content by the gateway's names, with the addresses of its jobs here."""
    row: dict[str, Any] = {"content_id": content["id"], "content_type": content["kind"], **content}
    row["jobs"] = [job_told(job) for job in content["jobs"]]
    return {name: value for name, value in row.items() if name not in ("id", "kind")}


def decision_told(decision: Row, caller: Caller) -> Row:
    """A decision as the caller may know it."""
    if caller.admin:
        return decision
    reviews = [{name: one.get(name) for name in TOLD_OF_REVIEWS} for one in decision.get("reviews", [])]
    return {**decision, "reviews": reviews}
