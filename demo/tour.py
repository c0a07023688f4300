"""What the demo prints at its end: where things are, a prediction made just now, and what to try next."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from config.settings import Settings

#: So many columns are needed for a command and what it does on one line.
_WIDE = 120


def print_tour(
    console: Console,
    settings: Settings,
    question: Mapping[str, Any],
    answer: Mapping[str, Any],
    versions: Sequence[str],
    viewer: str,
    seconds: float,
) -> None:
    """Print the tour.

    Args:
        console: where to.
        settings: those of the running platform; only addresses are shown, never a secret.
        question: what the service was asked.
        answer: what it answered.
        versions: names of the dataset versions that were built, oldest first.
        viewer: somebody whom something can be recommended to.
        seconds: how long the demo took.
    """
    places = Table(box=None, show_header=False, pad_edge=False)
    places.add_column(style="bold")
    places.add_column(style="cyan", overflow="fold")
    places.add_column(style="dim")
    service = f"http://127.0.0.1:{settings.service_port('viral')}"
    places.add_row("Prefect", settings.prefect_url.removesuffix("/api"), "flow runs, schedules, back-fills")
    places.add_row("MLflow", settings.mlflow_url, "training runs, plots, versions")
    admin = f"http://127.0.0.1:{settings.admin_port}"
    places.add_row("admin pages", admin, f"verify, datasets, models, runs; log in as {settings.admin_user}")
    places.add_row("viral service", f"{service}/docs", "try it in the browser")
    places.add_row("CTR service", f"http://127.0.0.1:{settings.ctr_port}/docs", "clicks, and experiments")
    feed = f"http://127.0.0.1:{settings.recommendation_port}/docs"
    places.add_row("recommendation", feed, "lists with reasons, events, what trends")
    places.add_row("face service", f"http://127.0.0.1:{settings.face_port}/docs", "the same for photos")
    content = f"http://127.0.0.1:{settings.content_port}/docs"
    places.add_row("content service", content, "moderation, analysis, captions, thumbnails")
    gateway = f"http://127.0.0.1:{settings.gateway_port}/docs"
    places.add_row("gateway", gateway, "one address for a product's backend, with bearer tokens")
    places.add_row("secrets", f"{_near(settings.home)}/secrets.env", "the admin's password, the API key")
    console.print()
    console.print(Panel(places, title="Where things are", title_align="left"))

    views = int(question["views"])
    lines = [
        f"POST {service}/predict  {json.dumps({'views': views, 'likes': question['likes']})[:-1]}, ...}}",
        f"-> [bold]{answer['viral_class']}[/bold], score {answer['viral_score']}, confidence "
        f"{answer['confidence']:.2f}, version {answer['model_version']}, {answer['prediction_time_ms']:.2f} ms",
        "   because of " + ", ".join(name for entry in answer["top_features"][:3] for name in entry),
    ]
    console.print(Panel("\n".join(lines), title="A prediction made just now", title_align="left"))

    home = _near(settings.home)
    tries = [
        ("assay status", "health, address, uptime and memory of each part"),
        (f"open {admin}/verify/face", "verify the photos of the last days"),
        (f"open {admin}/experiments", "watch an experiment, and conclude it"),
        (f"open {admin}/recommendation", "roll a flag out, see what trends and what somebody gets"),
        (f"open {admin}/moderation", "review what moderation was unsure of"),
        (f"open {admin}/monitoring/viral", "what drifted, live accuracy, the reports of each day"),
        ("assay monitor --check health", "is everything well?"),
        ("assay models list viral", "the versions and their figures"),
        (f"assay datasets diff {versions[0]} {versions[-1]}", "what the newest month brought"),
        ("assay train viral", "a challenger against the version in production"),
        ("assay predict viral views=150000 likes=12000", "ask a service from the shell"),
        (f"assay predict face {home}/demo/gold/Sunny/000.jpg", "which style a photo has"),
        ('assay moderate "WIN a free phone now! http://win.example/3"', "whether a text may be shown"),
        ("assay content show demo-video", "what was said of the demo's video"),
        (f"assay predict recommendation user_id={viewer}", "a list, and why each item is in it"),
        ("assay trending", "what rises and falls"),
        ("assay flags list", "what is on, and for how many of the users"),
        ("assay experiments stats demo-thumbnails", "what an honest statistician says"),
        ("assay down", f"stop everything; the data stays in {home}"),
    ]
    title = "What to try next (. .venv/bin/activate first)"
    console.print(Panel(_tries(tries, console.width), title=title, title_align="left"))
    console.print(f"[dim]The demo took {seconds:.0f} s. The platform goes on running in the background.[/dim]")


def _tries(tries: Sequence[tuple[str, str]], width: int) -> Table:
    """Commands and what they do, beside one another where there is room, else below."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    if width >= _WIDE:
        table.add_column(style="dim")
        for command, what in tries:
            table.add_row(command, what)
    else:
        for command, what in tries:
            table.add_row(f"{command}\n  [not bold dim]{what}[/]")
    return table


def _near(path: Path) -> str:
    """``path`` as one would type it from here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
