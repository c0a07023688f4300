"""`assay captions` and `assay thumbnails`: of a file on this machine, or of a video in the media bucket."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import out, print_fields, print_json, print_table, progress, say

if TYPE_CHECKING:
    from config.settings import Settings

POLL_SECONDS = 0.5

Source = Annotated[
    str, typer.Argument(metavar="FILE_OR_KEY", help="A file here, or a key in the media bucket.")
]
Folder = Annotated[
    Path | None, typer.Option("--out", help="Folder for the results of a file; beside it when left out.")
]
Content = Annotated[str | None, typer.Option("--content", help="Of a key: the content that it belongs to.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def captions(source: Source, folder: Folder = None, content: Content = None, as_json: Json = False) -> None:
    """What is said in a video or a sound file, with times, as WebVTT and SRT.

    A file is worked on here. A key becomes background work, as a backend asks for it; its results are in the
    artifacts bucket.
    """
    _work("captions", source, folder, content, as_json)


def thumbnails(source: Source, folder: Folder = None, content: Content = None, as_json: Json = False) -> None:
    """The best three pictures of a video, each cropped to 16:9, 1:1 and 9:16.

    A file is worked on here. A key becomes background work, as a backend asks for it; its results are in the
    artifacts bucket.
    """
    _work("thumbnails", source, folder, content, as_json)


def _work(kind: str, source: str, folder: Path | None, content: str | None, as_json: bool) -> None:
    from config.errors import InputError
    from config.settings import load_settings

    settings, path = load_settings(), Path(source)
    if path.is_file():
        if content is not None:
            raise InputError("--content goes with a key in the media bucket.")
        result = _of_file(settings, kind, path, folder or path.parent)
    elif path.is_dir():
        raise InputError(f"{source} is a folder.", hint="Give one file, or a key in the media bucket.")
    else:
        if folder is not None:
            raise InputError(f"There is no file {source}; --out goes with one.")
        result = _of_key(settings, kind, source, content)
    if as_json:
        print_json(result)
    else:
        _show(result)


def _show(result: dict[str, Any]) -> None:
    """What was found, and where it lies."""
    objects, found = result.get("objects") or {}, result.get("thumbnails")
    if found:
        rows = [{name: one.get(name) for name in ("number", "at", "score", "faces")} for one in found]
        print_table(rows, ["number", "at", "score", "faces"])
    print_fields({name: value for name, value in result.items() if not isinstance(value, dict | list)})
    for place in objects.values():
        out().print(place, markup=False, soft_wrap=True)


def _of_file(settings: Settings, kind: str, path: Path, folder: Path) -> dict[str, Any]:
    """Do the work here; the result with the paths that were written."""
    from tasks.media_work import work_on_file

    with progress(f"{kind} of {path.name}") as told:
        return dict(work_on_file(settings, kind, path, folder, on_progress=lambda share: told(f"{share:.0%}")))


def _of_key(settings: Settings, kind: str, key: str, content: str | None) -> dict[str, Any]:
    """Ask for the work, and wait for its end.

    Raises:
        InputError: there is no such object.
        AssayError: it failed.
    """
    from datetime import UTC, datetime

    from config.errors import AssayError, InputError
    from storage.database import make_engine
    from storage.media_jobs import get_job, request_job
    from storage.objects import open_store

    if not open_store(settings, settings.media_bucket).exists(key):
        raise InputError(f"There is neither a file {key} nor such a key in {settings.media_bucket}.")
    engine = make_engine(settings, pool_size=1)
    try:
        now = datetime.now(UTC)
        name = request_job(engine, kind, key, content_id=content, creator_id=None, params={}, at=now)
        say(f"Asked for as job {name}; Ctrl-C leaves it running.")
        with progress(f"{kind} of {key}") as told:
            while (job := get_job(engine, name)) is not None and job.state in ("queued", "running"):
                told(f"{kind} of {key}: {job.state}, {job.progress:.0%}")
                time.sleep(POLL_SECONDS)
    finally:
        engine.dispose()
    if job is None or job.state != "done":
        raise AssayError(f"No {kind} could be made: {job.error if job else 'the job is gone'}")
    return {"job": str(name), **(job.result or {})}
