"""Pictures that moderation looked at, and thumbnails: blurred, unless a reviewer asks to see one.

Only keys that a decision or a job names are read, each looked up anew, so that what is forgotten is gone. Each
picture is encoded anew on the way, as those of candidates are (media.py).
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from config.errors import InputError, ObjectNotFound, StoreError
from config.settings import Settings
from models.images.decode import ImageInvalid, thumbnail
from models.images.limits import ImageLimits
from serving.admin.access import require
from serving.admin.media import placeholder
from serving.admin.parts import PATIENCE_SECONDS, parts, settings
from storage.media_jobs import get_job
from storage.moderation import get_decision
from storage.moderation_images import is_kept
from storage.objects import open_store

#: Longest side in pixels of a blurred picture, and of one that is shown.
VEILED, CLEAR = 96, 640
#: Radius in pixels of the veiled picture: colours are left, and no shape.
BLUR = 9.0


@require("viewer")
def picture(request: Request) -> Response:
    """``/moderation/picture/<decision>/<number>``; with ``?clear=1`` unblurred, for those who review."""
    found = get_decision(parts(request).engine, request.path_params["decision"])
    number = request.path_params["number"]
    if found is None or number >= len(found.images):
        return placeholder("There is no such picture.", 404)
    key = found.images[number]
    return _shown(request, lambda: _read(settings(request), key, None))


@require("viewer")
def job_picture(request: Request) -> Response:
    """``/moderation/thumbnail/<job>/<name>``, in the same way."""
    job = get_job(parts(request).engine, request.path_params["job"])
    name = f"media/{request.path_params['job']}/{request.path_params['name']}"
    if job is None or name not in keys_of(job.result):
        return placeholder("There is no such picture.", 404)
    return _shown(request, lambda: _read(settings(request), name, settings(request).ml_artifacts_bucket))


def keys_of(result: object) -> set[str]:
    """All texts in the result of a job, keys among them."""
    if isinstance(result, str):
        return {result}
    if isinstance(result, dict):
        result = list(result.values())
    return set().union(*map(keys_of, result)) if isinstance(result, list) else set()


def read_object(of: Settings, key: str, most: int) -> bytes:
    """An object of the bucket of artifacts.

    Raises:
        InputError: it has more than ``most`` bytes.
        StoreError: it cannot be read.
    """
    store = open_store(of, retries=0, timeout=PATIENCE_SECONDS)
    if store.stat(key).size > most:
        raise InputError(f"'{key}' is larger than {most:,} bytes.")
    return store.get(key)


def _read(of: Settings, key: str, bucket: str | None) -> bytes:
    bucket = bucket or (of.ml_artifacts_bucket if is_kept(key) else of.media_bucket)
    store = open_store(of, bucket, retries=0, timeout=PATIENCE_SECONDS)
    if store.stat(key).size > of.image_max_bytes:
        raise ImageInvalid("file too large")
    return store.get(key)


def _shown(request: Request, read: Callable[[], bytes]) -> Response:
    clear = request.query_params.get("clear") == "1"
    if clear and not request.state.user.may("verifier"):
        raise HTTPException(403, "Pictures are shown to those who review.")
    of = settings(request)
    limits = ImageLimits(of.image_max_bytes, of.image_max_pixels)
    try:
        made = thumbnail(read(), limits, CLEAR if clear else VEILED, blur=0 if clear else BLUR)
    except ImageInvalid as error:
        return placeholder(f"Cannot be shown: {error.reason}.", 422)
    except (ObjectNotFound, InputError):
        return placeholder("The picture is no longer in the store.", 404)
    except StoreError:
        return placeholder("The store of pictures is away. Try again in a moment.", 503)
    return Response(made, media_type="image/jpeg", headers={"cache-control": "private, max-age=300"})


ROUTES = [
    Route("/moderation/picture/{decision:uuid}/{number:int}", picture),
    Route("/moderation/thumbnail/{job:uuid}/{name}", job_picture),
]
