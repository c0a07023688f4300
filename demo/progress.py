"""Numbered steps on the console."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape


@dataclass(frozen=True)
class Progress:
    """What a step says while it runs, and what came of it."""

    say: Callable[[str], None] = lambda _text: None
    done: Callable[[str], None] = lambda _text: None


class Steps:
    """Numbered steps on the console, each with what came of it and how long it took."""

    def __init__(self, console: Console, count: int) -> None:
        self.console, self.count, self.number = console, count, 0
        self.began = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[Progress]:
        """Show ``title`` while the body runs, with what the body says meanwhile and at its end."""
        self.number += 1
        head = f"[bold]{self.number}/{self.count}[/bold] {title}"
        outcome = ["done"]
        began = time.monotonic()
        with self.console.status(f"{head} ...") as status:
            yield Progress(
                say=lambda text: status.update(f"{head}: [dim]{escape(text)[:90]}[/dim]"),
                done=lambda text: outcome.__setitem__(0, escape(text)),
            )
        self.console.print(f"{head}: {outcome[0]} [dim]({time.monotonic() - began:.0f} s)[/dim]")

    @property
    def seconds(self) -> float:
        """Seconds since the first step began."""
        return time.monotonic() - self.began
