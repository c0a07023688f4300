"""Run the benchmarks, print their figures, and write ``benchmarks/RESULTS.md``.

``python -m benchmarks``            all of them
``python -m benchmarks cli viral``  only those; the others keep their last figures
"""

from __future__ import annotations

import fcntl
import importlib
import json
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

#: name -> what it measures
BENCHMARKS = {
    "cli": "the command line",
    "platform": "the embedded platform",
    "database": "bulk import into PostgreSQL",
    "storage": "dataset versions",
    "viral": "the viral family: speed in process, and model quality on real data",
    "serving": "the viral service over HTTP",
    "ctr": "the CTR family: rates on real tests and logs, and speed in process",
    "ctr_serving": "the CTR service over HTTP",
    "face": "the face family: accuracy on real pictures",
    "face_training": "the face family: training speed and memory",
    "face_storage": "versions of the face family",
    "face_serving": "the face service over HTTP",
    "content_serving": "the content service over HTTP",
    "tracing": "what traces cost a request",
    "gateway": "the gateway over HTTP: what it adds, and answers that it keeps",
    "trending": "what trends: a tick over 10 M events, and directions on real trends",
    "recommendation": "the recommendation family: lists on real interactions beside other recommenders",
    "recommendation_cold": "the recommendation family: users and items of whom nothing is known",
    "recommendation_serving": "the recommendation service over HTTP, uncached and cached",
    "events": "events over HTTP, from the request to the table",
    "media": "thumbnails beside decoding alone, and basic captions",
    "retention": "a month of events dropped beside deleted, and old predictions",
    "verify": "the verify page with 100,000 candidates",
    "experiment_serving": "the experiments of the CTR service over HTTP, each decision on record",
    "moderation": "text moderation: real data as it is and disguised, beside a plain model, and speed",
    "analysis": "the analysis of texts: trained parts and languages on real data, and speed",
    "scale": "each job at three sizes: what grows with what",
    "scale_flows": "the other flows at three sizes: operations, erasure, texts, pictures, content, media",
    "monitor": "the monitor: drift on real data, changes found, and false alarms on quiet days",
    "experiments": "experiments: choices, off-policy estimates, and past tests run again",
}
HERE = Path(__file__).parent
STATE = HERE / "results.json"
RESULTS = HERE / "RESULTS.md"


def measure(name: str) -> dict[str, Any]:
    """Run one benchmark module: its rows, when, and for how long."""
    began = time.monotonic()
    rows = importlib.import_module(f"benchmarks.{name}_bench").run()
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "seconds": round(time.monotonic() - began),
        "rows": rows,
    }


def _number(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def table(name: str, result: dict[str, Any]) -> Table:
    """The rows of one benchmark for the terminal."""
    drawn = Table(title=f"{name}: {BENCHMARKS[name]} ({result['at']}, {result['seconds']} s)", expand=True)
    for column in ("figure", "ours", "other", "ratio", "unit", "note"):
        drawn.add_column(column, overflow="fold")
    for row in result["rows"]:
        drawn.add_row(
            *(_number(row.get(column)) for column in ("figure", "ours", "other", "ratio", "unit", "note"))
        )
    return drawn


def markdown(results: dict[str, dict[str, Any]]) -> str:
    """All results as a page."""
    lines = [
        "# Results",
        "",
        "Written by `make bench`. Both sides of each ratio ran in the same run, on the same machine, one after",
        "the other or interleaved. The machines are small, shared and noisy: read ratios, not absolutes.",
        f"Taken on {platform.system()} {platform.machine()}, Python {platform.python_version()}.",
    ]
    for name, result in results.items():
        lines += [
            "",
            f"## {name}: {BENCHMARKS[name]}",
            "",
            f"`python -m benchmarks {name}`, {result['at']}, {result['seconds']} s.",
            "",
            "| figure | ours | other | ratio | unit | how |",
            "| --- | ---: | ---: | ---: | --- | --- |",
        ]
        for row in result["rows"]:
            cells = (
                _number(row.get(column)) for column in ("figure", "ours", "other", "ratio", "unit", "note")
            )
            lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def keep(name: str, result: dict[str, Any]) -> None:
    """Put one benchmark's figures among those that are kept, whoever measures another one meanwhile."""
    with STATE.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        results = json.loads(file.read() or "{}")
        results[name] = result
        file.seek(0)
        file.truncate()
        file.write(json.dumps(results, indent=1) + "\n")
        file.flush()
        RESULTS.write_text(markdown({key: results[key] for key in BENCHMARKS if key in results}))


def main(names: list[str]) -> int:
    """Measure ``names`` (all when empty); 2 for an unknown one."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(
            f"There is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}.", file=sys.stderr
        )
        return 2
    console = Console()
    for name in names or BENCHMARKS:
        console.print(f"[dim]measuring {name} ...[/dim]")
        result = measure(name)
        console.print(table(name, result))
        keep(name, result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
