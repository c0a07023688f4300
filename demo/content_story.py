"""What the demo learns about content from: labelled texts and pictures, and five trainings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Any

import numpy as np

from cli.flow_client import run_flow
from config.errors import AssayError
from config.settings import Settings
from demo import content_world as world
from demo.content_pictures import draw, film, write_gold
from demo.content_world import ContentSize, Labelled
from demo.progress import Progress
from demo.story import SEED, collect, import_table
from demo.world import WorldSize

#: Families that learn from texts, and how the sample world makes theirs.
TEXTS: Mapping[str, tuple[Callable[[np.random.Generator, int], list[Labelled]], str]] = {
    "moderation": (world.moderated, "texts"),
    "sentiment": (world.sentiments, "sentiments"),
    "topics": (world.topics, "topics"),
    "entities": (world.names, "names"),
}
FAMILIES = (*TEXTS, "imagery")
#: The worker runs so many flows at once on two processors.
AT_ONCE = 2
FILM, PICTURE = "demo/holiday.mp4", "demo/picture.jpg"
_INDENT = "\n     "


def import_content(settings: Settings, as_of: date, size: ContentSize, progress: Progress) -> None:
    """Import labelled texts, add a gold set of pictures, and put a film into the media bucket."""
    from storage.objects import open_store
    from tasks.gold import add_gold
    from tasks.platform import Platform

    told = []
    month, days = world.last_month(as_of)
    for number, (family, (make, count)) in enumerate(TEXTS.items()):
        rng = np.random.default_rng([SEED, 30 + number])
        texts = make(rng, getattr(size, count))
        progress.say(f"labels of {family}")
        import_table(settings, family, f"{family}-labels", world.table(texts, month, days, family, rng))
        told.append(f"{len(texts):,} for {family}")
    folder = settings.home / "demo" / "pictures"
    write_gold(folder, SEED, size.pictures_a_class)
    progress.say("adding the gold set of pictures")
    parts = Platform(settings)
    try:
        gold = add_gold(parts, "imagery", folder, at=datetime.combine(month, clock(), UTC), run_id="make demo")
    finally:
        parts.close()
    store = open_store(settings, settings.media_bucket)
    store.put(FILM, film(SEED))
    store.put(PICTURE, draw("safe", np.random.default_rng([SEED, 40])))
    progress.done(f"labelled texts: {', '.join(told)}; {sum(gold.classes.values())} drawn pictures; a film")


def collect_content(settings: Settings, as_of: date, progress: Progress) -> None:
    """Collect from the month that was over last, which the labels are of, to yesterday; pictures have a gold
    set alone.
    """
    month, _ = world.last_month(as_of)
    span = {"date": month.isoformat(), "until": (as_of - timedelta(days=1)).isoformat()}
    asked = {**span, "families": list(TEXTS)}
    found = run_flow(settings, "collect-daily", asked, on_log=lambda line: progress.say(line.message))
    progress.done(f"{found['examples']:,} labelled texts of {found['days']} days")


def collect_all(settings: Settings, as_of: date, size: WorldSize, progress: Progress) -> None:
    """Collect the past days, and the month of content, at the same time."""
    told: list[str] = []
    quiet = Progress(say=progress.say, done=told.append)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [
            pool.submit(collect, settings, as_of, size, quiet),
            pool.submit(collect_content, settings, as_of, quiet),
        ]
        for run in runs:
            run.result()
    progress.done("; ".join(told))


def retrain_content(settings: Settings, progress: Progress) -> dict[str, str]:
    """Train a challenger of each family of content, two at once; the versions that are in production then.

    Raises:
        AssayError: a family has none.
    """

    def train(family: str) -> dict[str, Any]:
        return run_flow(settings, f"retrain-{family}", {}, on_log=lambda line: progress.say(line.message))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = dict(zip(FAMILIES, pool.map(train, FAMILIES), strict=True))
    for family, result in results.items():
        if not result["production"]:
            raise AssayError(
                f"No version of {family} is in production: {result['reason']}",
                hint=f"The platform goes on running; see `assay models show {family} {result['version']}`.",
            )
    progress.done("".join(_INDENT + _trained(family, result) for family, result in results.items()))
    return {family: str(result["production"]) for family, result in results.items()}


def _trained(family: str, result: Mapping[str, Any]) -> str:
    from models.family import get_family

    metric = get_family(family).primary_metric[0]
    outcome = "promoted" if result["promoted"] else "not promoted"
    figure = result.get(f"metrics.{metric}")
    measured = f", {metric.replace('_', ' ')} {figure:.2f}" if figure is not None else ""
    return f"{family}: version {result['version']} {outcome}{measured} on {result['rows.test']} rows"
