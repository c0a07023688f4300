"""What the content service has, for owners and admins: who may not see a thing learns nothing of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import UUID

from serving.gateway.caller import Caller
from serving.gateway.upstream import Answer, Refused, Service, Unavailable
from serving.problems import Problem

PREFIX = "/api/v1/ml"
API = "/api/v1"
Row = dict[str, Any]


class Contents:
    """Contents, decisions and media jobs as the content service knows them.

    Every method raises Problem: 503 where the service is away, its own where it refuses, 403 and 404.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def asked(self, method: str, path: str, body: Any = None, *, repeatable: bool = False) -> Answer:
        """An answer of the service that did what was asked."""
        try:
            answer = await self._service.ask(method, path, body, repeatable=repeatable)
        except Unavailable as error:
            raise error.problem() from None
        return answer.must_be_good()

    async def find(self, content_id: str) -> Row | None:
        """How a piece of content stands; None: it is not known."""
        path = f"{API}/contents?id={quote(content_id, safe='')}"
        try:
            found: Row = (await self.asked("GET", path, repeatable=True)).json()
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        return found

    async def owned(self, content_id: str, caller: Caller) -> Row:
        """A piece of content that is the caller's."""
        content = await self.find(content_id)
        caller.must_own(content["creator_id"] if content else None)
        if content is None:
            raise Problem(404, f"There is no content '{content_id[:100]}'. Send it with POST {PREFIX}/content.")
        return content

    async def owned_job(self, job_id: str, caller: Caller) -> Row:
        """A media job of the caller's content; one of no content is the admins'."""
        job = await self._hidden("media/jobs", job_id, caller)
        if not caller.admin:
            content = await self.find(job["content_id"]) if job["content_id"] else None
            caller.must_own(content["creator_id"] if content else None)
        return job

    async def owned_decision(self, decision_id: str, caller: Caller) -> Row:
        """A decision about what the caller made."""
        decision = await self._hidden("moderation", decision_id, caller)
        caller.must_own(decision["creator_id"])
        return decision

    async def _hidden(self, where: str, name: str, caller: Caller) -> Row:
        """What is there by a UUID; who is no admin is told of what is not there as of what is not theirs."""
        try:
            path = f"{API}/{where}/{UUID(name)}"
            found: Row = (await self.asked("GET", path, repeatable=True)).json()
        except ValueError:
            caller.must_own(None)
            raise Problem(404, f"There is nothing by the id '{name[:100]}': it is no UUID.") from None
        except Refused as refused:
            if refused.status == 404:
                caller.must_own(None)
            raise
        return found


def here(path: str) -> str:
    """An address of the content service's media as the gateway has it."""
    return path.replace(f"{API}/media/", f"{PREFIX}/media/", 1)


def job_told(job: Row) -> Row:
    """A job with its addresses here."""
    return {**job, "files": [here(path) for path in job["files"]]}
