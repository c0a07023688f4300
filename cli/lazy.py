"""Commands that are imported only when they are called, so that `assay --help` is quick."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer._click import Command, Context
from typer.core import TyperCommand, TyperGroup

#: command -> (module:attribute, one line of help). The order is that of the help.
COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("cli.commands.platform:up", "Start the platform and stay with it (Ctrl-C stops it)."),
    "down": ("cli.commands.platform:down", "Stop the platform."),
    "status": ("cli.commands.platform:status", "Each part's health, address, uptime and memory."),
    "logs": ("cli.commands.logs:logs", "Show or follow what the parts write."),
    "doctor": ("cli.commands.doctor:doctor", "Check settings and machine, and say what to mend."),
    "backup": ("cli.commands.backup:backup", "Write everything to a folder or a bucket, what changed alone."),
    "restore": ("cli.commands.backup:restore", "Bring a backup into an empty place."),
    "monitor": ("cli.commands.monitor:monitor", "What is wrong: services, data, drift, live accuracy."),
    "verify": ("cli.commands.verify:verify", "Read everything published, and name what is missing or altered."),
    "retention": (
        "cli.commands.retention:retention",
        "Say what is old enough to go by the settings, and delete it.",
    ),
    "import": ("cli.commands.importing:import_", "Load a CSV or Parquet file into the database."),
    "flows": ("cli.commands.flows:app", "List flows and run them, also for past days and months."),
    "datasets": ("cli.commands.datasets:app", "List, show and compare dataset versions; review candidates."),
    "train": ("cli.commands.train:train", "Retrain a family now, gate and promote as on schedule."),
    "evaluate": (
        "cli.commands.evaluate:evaluate",
        "Fit and measure a family on plain files, no platform needed.",
    ),
    "models": ("cli.commands.models:app", "List, compare, promote and roll back model versions."),
    "experiments": ("cli.commands.experiments:app", "Define experiments, run them, judge and conclude them."),
    "flags": ("cli.commands.flags:app", "Feature flags: for how many users each is on, and who changed it."),
    "trending": ("cli.commands.trending:trending", "What is engaged with now, and what rises and falls."),
    "admin": ("cli.commands.admin:app", "Who may use the admin pages: make accounts, roles, passwords."),
    "forget": ("cli.commands.forget:app", "Remove a person's rows and pictures everywhere, for good."),
    "predict": ("cli.commands.predict:predict", "Ask the running service."),
    "moderate": ("cli.commands.texts:moderate", "Ask what moderation says of texts."),
    "analyze": (
        "cli.commands.texts:analyze",
        "Ask for tags, categories, sentiment, topics and names of texts.",
    ),
    "captions": ("cli.commands.media:captions", "Speech of a video or a sound file to WebVTT and SRT."),
    "thumbnails": ("cli.commands.media:thumbnails", "The best pictures of a video, cropped for three shapes."),
    "moderation": ("cli.commands.moderation:app", "The queue of moderation, reviews and appeals."),
    "content": ("cli.commands.content:app", "Add content as a backend does, and see how it stands."),
    "token": ("cli.commands.token:token", "A bearer token for trying the gateway out."),
}


class LazyCommand(TyperCommand):
    """Stands in the help for a command whose module is not imported yet, and becomes it when called."""

    def __init__(self, name: str, target: str, summary: str) -> None:
        super().__init__(name, help=summary, short_help=summary)
        self._target = target

    def make_context(
        self, info_name: str | None, args: list[str], parent: Context | None = None, **extra: Any
    ) -> Context:
        """The context of the real command, which is the one that then runs."""
        return self.load().make_context(info_name, args, parent=parent, **extra)

    def load(self) -> Command:
        """Import the command.

        ``module:attribute`` is a Typer application or a function.
        """
        module, _, attribute = self._target.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            application = typer.Typer(add_completion=False)
            application.command(self.name)(found)
            found = application
        command = typer.main.get_command(found)
        command.name = self.name
        return command


class LazyGroup(TyperGroup):
    """The `assay` command itself: a table of lazy commands."""

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002 - the signature is Typer's
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:  # noqa: ARG002
        """The stand-in for a command, or None."""
        if cmd_name not in COMMANDS:
            return None
        return LazyCommand(cmd_name, *COMMANDS[cmd_name])
