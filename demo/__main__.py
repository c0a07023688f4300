"""`make demo`: the platform comes up, a sample world goes through it, and a tour is printed."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from rich.console import Console

from config.errors import AssayError
from config.settings import load_settings
from demo.content_published import appeal_and_review, ask_gateway, make_thumbnails, publish
from demo.content_story import collect_all, import_content, retrain_content
from demo.content_world import ContentSize
from demo.ctr_story import ask_ctr, import_clicks, retrain_ctr, run_experiment
from demo.ctr_world import CtrSize
from demo.face_story import ask_face, import_photos, retrain_face, verify
from demo.monitor_story import DRIFT_DAYS, find_the_drift, learned_from, watch_quiet_weeks
from demo.photos import PhotoSize
from demo.progress import Steps
from demo.recommendation_story import (
    import_feed,
    recommend_and_act,
    refresh,
    retrain_recommendation,
    roll_out,
)
from demo.story import QUESTION, ask, build, import_world, months_of, retrain, start
from demo.tour import print_tour
from demo.world import WorldSize


def main() -> int:
    """Run the demo; 0 when all of it worked."""
    console = Console()
    as_of, size = datetime.now(UTC).date(), WorldSize(drift_days=DRIFT_DAYS)
    photos, clicks = PhotoSize(), CtrSize()
    console.print("[bold]Assay[/bold]: from collected predictions to a served production version\n")
    steps = Steps(console, 27)
    try:
        with steps.step("Start the platform") as progress:
            settings = start(load_settings(), progress)
        with steps.step("Load a sample world of three months") as progress:
            progress.done(import_world(settings, as_of, size))
        with steps.step("Load the clicks on three months of clips") as progress:
            progress.done(import_clicks(settings, as_of, clicks))
        with steps.step("Load four weeks of a feed") as progress:
            feed = import_feed(settings, datetime.now(UTC), progress)
        with steps.step("Upload the sample photos, and a gold set") as progress:
            import_photos(settings, as_of, photos, progress)
        with steps.step("Load labelled texts and pictures of content") as progress:
            import_content(settings, as_of, ContentSize(), progress)
        with steps.step("Collect the past days") as progress:
            collect_all(settings, as_of, size, progress)
        with steps.step("Verify photos, as an admin does in the pages") as progress:
            verify(settings, as_of, progress)
        with steps.step("Build the monthly dataset versions") as progress:
            versions = build(settings, as_of, size.days, progress)
        with steps.step("Retrain viral, and promote it if it is better") as progress:
            month = learned_from(as_of, months_of(as_of, size.days))
            version = retrain(settings, progress, dataset=f"viral/full/{month}")
        with steps.step("Retrain ctr, and promote it if it is better") as progress:
            ctr = retrain_ctr(settings, progress)
        with steps.step("Retrain recommendation, and promote it if it is better") as progress:
            recommender = retrain_recommendation(settings, progress)
        with steps.step("Retrain face, and promote it if it is better") as progress:
            face = retrain_face(settings, progress)
        with steps.step("Retrain the five families of content, two at once") as progress:
            retrain_content(settings, progress)
        with steps.step("Ask viral's version in production about a video") as progress:
            answer = ask(settings, version)
            progress.done(f"{answer['viral_class']} by version {answer['model_version']}")
        with steps.step("Ask ctr's about a clip") as progress:
            rate = ask_ctr(settings, ctr)
            progress.done(
                f"{rate['predicted_ctr']:.1%} ({rate['ctr_low']:.1%} to {rate['ctr_high']:.1%}), "
                f"{rate['predicted_band']} with {rate['confidence']:.0%}, by version {rate['model_version']}"
            )
        with steps.step("Run an experiment on 900 visitors") as progress:
            run_experiment(settings, progress)
        with steps.step("Find what trends, and make lists ahead") as progress:
            refresh(settings, feed, progress)
        with steps.step("Ask recommendation for a list") as progress:
            recommend_and_act(settings, recommender, feed, progress)
        with steps.step("Roll the model out to half of the people") as progress:
            roll_out(settings, feed, progress)
        with steps.step("Ask face's about a photo") as progress:
            drawn, style = ask_face(settings, face)
            said = f"{style['class']} ({style['confidence']:.0%}) by version {style['model_version']}"
            progress.done(f"{said}; it was drawn as {drawn}")
        with steps.step("Publish content through the gateway") as progress:
            publish(settings, progress)
        with steps.step("Appeal, and review") as progress:
            appeal_and_review(settings, progress)
        with steps.step("Make thumbnails of the film") as progress:
            make_thumbnails(settings, progress)
        with steps.step("Ask the gateway for everything else") as progress:
            ask_gateway(settings, feed.user, progress)
        with steps.step("Let the monitor look at viral's quiet weeks") as progress:
            watch_quiet_weeks(settings, as_of, version, progress)
        with steps.step("Let it look at the last week, when newcomers arrived") as progress:
            find_the_drift(settings, progress)
    except AssayError as error:
        console.print(f"[red]{error}[/red]")
        return 2
    print_tour(console, settings, QUESTION, answer, versions, feed.user, steps.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
