"""How commands speak: tables and JSON on standard output, sentences for people on standard error.

With ``--json`` standard output holds one JSON document and nothing else, so that it can be piped.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from config.errors import AssayError

#: exit codes: what was asked about is not well; the command itself could not be carried out
NOT_WELL, FAILED = 1, 2
#: columns of figures, shown flush right
_RIGHT = frozenset(
    {"rows", "size", "memory", "restarts", "uptime", "pid", "parts", "a", "b", "difference", "value"}
    | {"variants", "decisions", "share", "mean", "low", "high", "best", "expected loss", "p", "effective"}
    | {"worse by", "limit"}
)


def debugging() -> bool:
    """Whether to show a traceback where a sentence is shown otherwise (``--debug`` or ASSAY_DEBUG)."""
    return os.environ.get("ASSAY_DEBUG", "").lower() not in ("", "0", "false")


def out() -> Console:
    """The console of results."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False)


def err() -> Console:
    """The console of remarks, progress and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """``value`` as an indented JSON document. Dataclasses, paths and times are fine; NaN becomes null."""
    text = json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(text + "\n")


def print_table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    title: str | None = None,
    empty: str = "Nothing to show.",
    drop_when_narrow: Sequence[str] = (),
) -> None:
    """``rows`` as a table of ``columns`` (keys, also the headings); long cells wrap.

    On a terminal too narrow for all of them, the columns ``drop_when_narrow`` are left out, the first ones
    first; the JSON form has everything.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    console = out()
    if not rows:
        console.print(empty)
        return
    cells = [{name: _cell(row.get(name)) for name in columns} for row in rows]
    shown = _fitting(cells, list(columns), list(drop_when_narrow), console.width)
    if title:
        console.print(Text(title, style="italic"))  # not the table's own, which wraps at the table's width
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in shown:
        table.add_column(name.replace("_", " "), justify="right" if name in _RIGHT else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(row[name], style=_style(name, row[name])) for name in shown))
    console.print(table)


def print_fields(fields: Mapping[str, Any], *, title: str | None = None) -> None:
    """Names and values, one a line."""
    print_table(
        [{"field": name, "value ": value} for name, value in fields.items()], ["field", "value "], title=title
    )


def say(sentence: str) -> None:
    """A remark for a person, on standard error."""
    err().print(sentence, markup=False, soft_wrap=True)


def print_error(error: AssayError) -> None:
    """One red sentence, and what to do about it."""
    from rich.text import Text

    console = err()
    console.print(Text("error: ", style="bold red") + Text(error.message, style="red"), soft_wrap=True)
    if error.hint:
        console.print(Text(error.hint), soft_wrap=True)


@contextmanager
def progress(sentence: str) -> Iterator[Any]:
    """A spinner on standard error while something takes its time; yields a function that changes its text."""
    console = err()
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(sentence) as status:
        yield lambda text: status.update(text)


def human_bytes(size: float | None) -> str:
    """``1536`` -> ``1.5 KB``; nothing for None."""
    if size is None:
        return ""
    for unit in ("B", "KB", "MB", "GB"):
        if abs(size) < 1024 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("the last unit takes everything")


def human_seconds(seconds: float | None) -> str:
    """``3725`` -> ``1h 02m``; nothing for None."""
    if seconds is None:
        return ""
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours:02d}h"
    return f"{hours}h {minutes:02d}m" if hours else f"{minutes}m {left:02d}s" if minutes else f"{left}s"


def _fitting(cells: list[dict[str, str]], columns: list[str], optional: list[str], width: int) -> list[str]:
    def needed(names: list[str]) -> int:
        # between two columns are a blank of each and the line, which is one too
        return sum(max(len(name), *(len(row[name]) for row in cells)) + 3 for name in names) - 1

    while optional and needed(columns) > width:
        columns = [name for name in columns if name != optional[0]]
        optional = optional[1:]
    return columns


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(item)}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(item) for item in value)
    return str(value)


def _style(column: str, text: str) -> str:
    if column in ("health", "status", "state", "check"):
        good = text.lower() in ("healthy", "done", "ok", "completed", "ready")
        soft = text.lower() in (
            "starting",
            "waiting",
            "restarting",
            "warning",
            "running",
            "scheduled",
            "pending",
            "draft",
            "paused",
            "concluded",
        )
        return "green" if good else "yellow" if soft else "red"
    return ""


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if hasattr(value, "tolist"):  # NumPy, without importing it
        return _plain(value.tolist())
    return str(value)
