"""``/api/v1/media`` of the content service: captions and thumbnails are asked for, watched, and fetched."""

from __future__ import annotations

import re
from concurrent.futures import Executor
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from config.errors import InputError, ObjectNotFound, StoreError
from config.settings import Settings
from serving.content_asking import Asking, json_answer, uuid_of
from serving.content_database import ContentDatabase
from serving.content_pictures import RETRIES, SECONDS
from serving.content_store_schema import MediaRequest
from serving.http import Request, Response
from serving.problems import FieldError, Problem, invalid_fields
from serving.validation import BodyValidator

if TYPE_CHECKING:
    from storage.media_jobs import StoredJob
    from storage.objects import ObjectStore

PREFIX = "/api/v1/media/jobs"
#: Captions of a film of hours are a fraction of this.
MAX_BYTES = 32 * 1024 * 1024
CAPTIONS = {"captions.vtt": b"text/vtt; charset=utf-8", "captions.srt": b"application/x-subrip; charset=utf-8"}
_NUMBER = re.compile(r"[0-9]{1,3}")
_SHAPE = re.compile(r"(16x9|1x1|9x16)\.jpg")


class MediaApi:
    """Work on media files is asked for here and done by the content worker."""

    def __init__(
        self, settings: Settings, database: ContentDatabase, pool: Executor, max_body_bytes: int
    ) -> None:
        self._settings = settings
        self._database = database
        self._ask = Asking(pool, "Media jobs")
        self._limit = max_body_bytes
        self._one = BodyValidator(MediaRequest, list(MediaRequest.__annotations__))

    @cached_property
    def _artifacts(self) -> ObjectStore:
        from storage.objects import open_store

        return open_store(self._settings, retries=RETRIES, timeout=SECONDS)

    async def captions(self, request: Request) -> Response:
        """Ask for captions."""
        return await self._asked(request, "captions")

    async def thumbnails(self, request: Request) -> Response:
        """Ask for thumbnails."""
        return await self._asked(request, "thumbnails")

    async def _asked(self, request: Request, kind: str) -> Response:
        row = self._one.parse(await request.json_body(self._limit))
        _check_source(row["source"])
        job = await self._ask(self._database.request_job, kind, row, datetime.now(UTC))
        return json_answer({"job_id": job, "kind": kind, "state": "queued", "url": f"{PREFIX}/{job}"}, 202)

    async def job(self, request: Request) -> Response:
        """How a job stands."""
        return json_answer(job_answer(await self._job(request)))

    async def caption_file(self, request: Request) -> Response:
        """Captions as WebVTT or SRT."""
        name = request.scope["path"].rstrip("/").rsplit("/", 1)[-1]
        return await self._file(request, name, CAPTIONS[name])

    async def thumbnail_file(self, request: Request) -> Response:
        """One thumbnail, cropped."""
        number, shape = request.parameters["number"], request.parameters["shape"]
        if not (_NUMBER.fullmatch(number) and _SHAPE.fullmatch(shape)):
            raise Problem(404, "Thumbnails are at .../thumbnails/{n}/16x9.jpg, 1x1.jpg and 9x16.jpg.")
        return await self._file(request, f"{int(number)}-{shape}", b"image/jpeg")

    async def _job(self, request: Request) -> StoredJob:
        identity = uuid_of(request.parameters["id"], "media job")
        found: StoredJob | None = await self._ask(self._database.job, identity)
        if found is None:
            raise Problem(404, f"There is no media job {identity}.")
        return found

    async def _file(self, request: Request, name: str, content_type: bytes) -> Response:
        job = await self._job(request)
        if job.state != "done":
            raise Problem(409, f"The job is {job.state}: it has no files{_why(job)}.")
        key = f"media/{job.id}/{name}"
        if key not in keys_of(job.result):
            raise Problem(404, f"The job made no {name}; GET {PREFIX}/{job.id} lists its files.")
        return Response(await self._ask(self._read, key), content_type=content_type)

    def _read(self, key: str) -> bytes:
        try:
            if self._artifacts.stat(key).size > MAX_BYTES:
                raise Problem(404, "The file is too large to be given here; it is in the artifacts bucket.")
            return self._artifacts.get(key)
        except ObjectNotFound:
            raise Problem(404, "The file is no longer there.") from None
        except StoreError:
            raise Problem(
                503, "The object store does not answer now.", headers=((b"retry-after", b"5"),)
            ) from None


def job_answer(job: StoredJob) -> dict[str, Any]:
    """A job as it stands, for the answer."""
    shown = ("id", "kind", "state", "progress", "attempts", "error", "content_id", "source", "result")
    times = ("requested_at", "started_at", "finished_at")
    return {
        **{name: getattr(job, name) for name in shown},
        "files": sorted(
            _address(job, key) for key in keys_of(job.result) if key.startswith(f"media/{job.id}/")
        ),
        **{name: getattr(job, name) for name in times},
    }


def keys_of(result: Any) -> set[str]:
    """All object keys that a job's result names, wherever they stand in it."""
    if isinstance(result, str):
        return {result} if result.startswith("media/") else set()
    if isinstance(result, dict):
        result = list(result.values())
    return set().union(*map(keys_of, result)) if isinstance(result, list) else set()


def _address(job: StoredJob, key: str) -> str:
    """Where the service gives a file of a job; what it does not give, by its key."""
    name = key.removeprefix(f"media/{job.id}/")
    if name in CAPTIONS:
        return f"{PREFIX}/{job.id}/{name}"
    number, _, shape = name.partition("-")
    if _NUMBER.fullmatch(number) and _SHAPE.fullmatch(shape):
        return f"{PREFIX}/{job.id}/thumbnails/{number}/{shape}"
    return key


def _why(job: StoredJob) -> str:
    return f" ({job.error})" if job.error else " yet" if job.state in ("queued", "running") else ""


def _check_source(key: str) -> None:
    from storage.objects import check_key

    try:
        check_key(key)
    except InputError as error:
        sentence = f"source cannot be a key of the media bucket: {error.message}"
        raise invalid_fields([FieldError("source", sentence)]) from None
