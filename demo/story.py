"""What the demo does, each step as a user would do it: the import, the flows by name, the question over HTTP.

Every step may be done again: it finds what is there already and comes to the same end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from cli.flow_client import run_flow
from config.errors import AssayError
from config.settings import Settings, apply_tool_environment, load_settings
from demo.progress import Progress
from demo.world import WorldSize, make_world
from local.stack import start_detached
from local.state import RunFolder
from models.family import FAMILIES, get_family

SEED = 7
#: Families whose sample world is all past days; content has a month of its own (content_story).
PAST = ("viral", "ctr", "recommendation", "face")
#: The video that the demo asks about: a good start by a mid-sized creator.
QUESTION = {
    "video_id": "demo-video",
    "views": 150_000,
    "likes": 12_000,
    "comments": 450,
    "shares": 2_890,
    "bookmarks": 2_300,
    "creator_followers": 85_000,
    "creator_verified": False,
    "video_duration": 45,
    "title": "You won't believe this hack! #viral #fyp",
}


def start(settings: Settings, progress: Progress) -> Settings:
    """The settings, secrets included, of a running platform: started here unless it runs already."""
    if RunFolder(settings.home).locked():
        progress.done("it was running already")
    else:
        start_detached(settings, lambda waiting: progress.say(f"waiting for {', '.join(waiting)}"))
        progress.done("every part is healthy")
    settings = load_settings()
    apply_tool_environment(settings)
    return settings


def import_world(settings: Settings, as_of: date, size: WorldSize) -> str:
    """Import the sample world of videos; what came of it."""
    return import_table(settings, "viral", "snapshots", make_world(as_of, SEED, size))


def import_table(settings: Settings, family: str, name: str, table: pa.Table) -> str:
    """Write ``table`` to a file and import it as a team would import theirs; what came of it."""
    from storage.database import make_engine
    from tasks.importing import import_file

    folder = settings.home / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.parquet"
    pq.write_table(table, path)
    rejects = folder / f"{name}.rejected.csv"
    engine = make_engine(settings)
    try:
        result = import_file(engine, get_family(family), path, None, as_of=datetime.now(UTC), rejects=rejects)
    finally:
        engine.dispose()
    stored = result.loaded + result.updated + result.unchanged
    return f"{result.rows:,} {name} read, {stored:,} in the database, {result.rejected} set aside in {rejects}"


def months_of(as_of: date, days: int) -> list[str]:
    """The months that ``days`` days before ``as_of`` lie in and that are over, oldest first, as YYYY-MM."""
    first = as_of - timedelta(days=days)
    months = {f"{first + timedelta(days=number):%Y-%m}" for number in range(days)}
    return sorted(months - {f"{as_of:%Y-%m}"})


def collect(settings: Settings, as_of: date, size: WorldSize, progress: Progress) -> None:
    """Back-fill the collection of every past day in one flow run."""
    first, last = as_of - timedelta(days=size.days), as_of - timedelta(days=1)
    span = {"date": first.isoformat(), "until": last.isoformat(), "families": list(PAST)}
    run_flow(settings, "collect-daily", span, on_log=lambda line: progress.say(line.message))
    progress.done(f"{size.days} versions of candidates, one a day")


def build(settings: Settings, as_of: date, days: int, progress: Progress) -> list[str]:
    """Build the versions of the months that are over, of ``days`` days; the names of viral's last two."""
    months = months_of(as_of, days)
    for month in months:
        run_flow(
            settings,
            "build-datasets-monthly",
            {"month": month, "families": list(PAST if month != months[-1] else FAMILIES)},
            on_log=lambda line: progress.say(line.message),
        )
    families = " and ".join(FAMILIES)
    progress.done(f"verified and full of {families} for {', '.join(months)}")
    return [f"viral/full/{month}" for month in months[-2:]]


def retrain(
    settings: Settings,
    progress: Progress,
    family: str = "viral",
    metric: str = "macro_f1",
    held_out: str = "rows it never saw",
    dataset: str | None = None,
) -> str:
    """Train a challenger of ``family`` on ``dataset`` (the latest); the version in production afterwards."""
    parameters = {"dataset": dataset} if dataset else {}
    told: Callable[[Any], None] = lambda line: progress.say(line.message)  # noqa: E731
    result = run_flow(settings, f"retrain-{family}", parameters, on_log=told)
    outcome = "promoted" if result["promoted"] else "not promoted"
    progress.done(
        f"version {result['version']} {outcome}: {metric.replace('_', ' ')} {result[f'metrics.{metric}']:.2f} "
        f"on {result['rows.test']} {held_out}. {result['reason']}"
    )
    if not result["production"]:
        raise AssayError(
            f"No version of {family} is in production: {result['reason']}",
            hint=f"The platform goes on running; see `assay models show {family} {result['version']}`.",
        )
    return str(result["production"])


def ask(settings: Settings, version: str, seconds: float = 30) -> dict[str, Any]:
    """Ask the viral service about one video, once it serves ``version``. Raises as :func:`ask_service`."""
    return ask_service(settings, "viral", QUESTION, version, seconds)


def ask_service(
    settings: Settings,
    family: str,
    question: dict[str, Any],
    version: str,
    seconds: float = 30,
    path: str = "/predict",
) -> dict[str, Any]:
    """The answer of a family's service, once it serves ``version``.

    Raises:
        AssayError: it did not take the version up in time.
    """
    url = f"http://127.0.0.1:{settings.service_port(family)}{path}"
    key = settings.ml_api_key.get_secret_value() if settings.ml_api_key else ""
    deadline = time.monotonic() + seconds
    while True:
        response = httpx.post(url, json=question, headers={"X-API-Key": key}, timeout=10)
        if response.status_code == 200 and response.json()["model_version"] == version:
            answer: dict[str, Any] = response.json()
            return answer
        if time.monotonic() > deadline:
            raise AssayError(
                f"The {family} service did not take up version {version} within {seconds:.0f} s "
                f"(last answer: {response.status_code}).",
                hint=f"Look at `assay logs {family}`.",
            )
        time.sleep(0.5)
