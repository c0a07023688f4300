"""``content/{id}/captions`` and ``thumbnails``, and ``media/jobs/{id}``: work on the videos of contents."""

from __future__ import annotations

from urllib.parse import quote

from serving.gateway.answers import as_json
from serving.gateway.caller import Caller
from serving.gateway.guard import Endpoint
from serving.gateway.owned import API, PREFIX, Contents, here, job_told
from serving.gateway.schema import MediaRequest
from serving.http import Request, Response
from serving.problems import Problem
from serving.validation import BodyValidator

JOBS = f"{PREFIX}/media/jobs"


class GatewayMediaApi:
    """Work is asked for, watched and fetched by the content's owner or an admin."""

    def __init__(self, contents: Contents, max_body_bytes: int) -> None:
        self._contents = contents
        self._limit = max_body_bytes
        self._media = BodyValidator(MediaRequest, list(MediaRequest.__annotations__))

    def endpoints(self) -> list[Endpoint]:
        """Its endpoints."""
        content, job = f"{PREFIX}/content/{{id}}", f"{JOBS}/{{id}}"
        return [
            Endpoint(f"{content}/captions", "POST", self.captions),
            Endpoint(f"{content}/thumbnails", "POST", self.thumbnails),
            Endpoint(job, "GET", self.job),
            Endpoint(f"{job}/captions.vtt", "GET", self.file),
            Endpoint(f"{job}/captions.srt", "GET", self.file),
            Endpoint(f"{job}/thumbnails/{{number}}/{{shape}}", "GET", self.file),
        ]

    async def captions(self, request: Request, caller: Caller) -> Response:
        """Ask for captions."""
        return await self._asked(request, caller, "captions")

    async def thumbnails(self, request: Request, caller: Caller) -> Response:
        """Ask for thumbnails."""
        return await self._asked(request, caller, "thumbnails")

    async def _asked(self, request: Request, caller: Caller, kind: str) -> Response:
        body = await request.json_body(self._limit)
        asked = self._media.parse(body) if body else {}
        content = await self._contents.owned(request.parameters["id"], caller)
        source = asked.get("source") or content["video"]
        if source is None:
            raise Problem(409, "The content has no video in the media bucket: name one with POST content.")
        if source != content["video"]:
            caller.must_be()
        row = {"source": source, "content_id": content["id"], "creator_id": content["creator_id"]}
        if asked.get("language"):
            row["language"] = asked["language"]
        job = (await self._contents.asked("POST", f"{API}/media/{kind}", row)).json()
        return as_json({**job, "url": here(job["url"])}, 202)

    async def job(self, request: Request, caller: Caller) -> Response:
        """How a job stands."""
        return as_json(job_told(await self._contents.owned_job(request.parameters["id"], caller)))

    async def file(self, request: Request, caller: Caller) -> Response:
        """One of the files that a job made."""
        job = await self._contents.owned_job(request.parameters["id"], caller)
        parts = str(request.scope["path"]).rstrip("/").removeprefix(f"{JOBS}/").split("/")[1:]
        if ".." in parts or "." in parts:
            raise Problem(404, "There is no such file.")
        path = "/".join(quote(part, safe="") for part in parts)
        answer = await self._contents.asked("GET", f"{API}/media/jobs/{job['id']}/{path}", repeatable=True)
        return answer.response()
