"""`make demo`: the platform comes up, a sample world goes through it, and a tour is printed."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from rich.console import Console

from config.errors import AssayError
from config.settings import load_settings
from demo.progress import Steps
from demo.story import QUESTION, ask, build, collect, import_world, retrain, start
from demo.tour import print_tour
from demo.world import WorldSize


def main() -> int:
    """Run the demo; 0 when all of it worked."""
    console = Console()
    as_of, size = datetime.now(UTC).date(), WorldSize()
    console.print("[bold]Assay[/bold]: from collected predictions to a served production version\n")
    steps = Steps(console, 6)
    try:
        with steps.step("Start the platform") as progress:
            settings = start(load_settings(), progress)
        with steps.step("Load a sample world of three months") as progress:
            progress.done(import_world(settings, as_of, size))
        with steps.step("Collect the past days") as progress:
            collect(settings, as_of, size, progress)
        with steps.step("Build the monthly dataset versions") as progress:
            versions = build(settings, as_of, progress)
        with steps.step("Retrain viral, and promote it if it is better") as progress:
            version = retrain(settings, progress)
        with steps.step("Ask the version in production") as progress:
            answer = ask(settings, version)
            progress.done(f"{answer['viral_class']} by version {answer['model_version']}")
    except AssayError as error:
        console.print(f"[red]{error}[/red]")
        return 2
    print_tour(console, settings, QUESTION, answer, versions, steps.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
