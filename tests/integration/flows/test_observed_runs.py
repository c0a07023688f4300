"""A flow run in a process of its own: each line of its log is JSON with its ids, each task is a span."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.collector import Collector, collecting

ROOT = Path(__file__).parents[3]
FLOW = """
import logging
from prefect import flow, get_run_logger
from tasks.policy import computed, networked

logger = logging.getLogger("tasks.example")
tried = []

@computed("add")
def add(one: int, two: int) -> int:
    logger.info("adding", extra={"one": one})
    return one + two

@networked("ask")
def ask() -> str:
    tried.append(1)
    if len(tried) == 1:
        raise ConnectionError("away")
    get_run_logger().info("asked")
    return "yes"

@flow(name="example", flow_run_name="example of a run")
async def example() -> int:
    logger.info("beginning")
    ask.with_options(retry_delay_seconds=0)()
    return add(1, 2)

if __name__ == "__main__":
    import asyncio
    assert asyncio.run(example()) == 3
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


def test_lines_and_spans_of_a_run_have_its_ids(prefect_url: str, tmp_path: Path, collector: Collector) -> None:
    script = tmp_path / "example.py"
    script.write_text(FLOW)
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "ASSAY_HOME": str(tmp_path),
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": prefect_url,
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_LOGGING_SETTINGS_PATH": str(ROOT / "tasks" / "run_logging.yml"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
    }
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    said = {line["message"]: line for line in lines}
    run = said["beginning"]["flow_run_id"]
    assert {line["service"] for line in lines} == {"flows"}
    assert (said["beginning"]["flow_run_name"], "task_run_id" in said["beginning"]) == (
        "example of a run",
        False,
    )
    assert said["adding"]["flow_run_id"] == said["asked"]["flow_run_id"] == run
    assert (said["adding"]["task_run_name"].startswith("add"), said["adding"]["one"]) == (True, 1)
    assert said["adding"]["task_run_id"] != said["asked"]["task_run_id"]
    assert said["adding"]["trace_id"] == UUID(run).hex

    spans = collector.of("flows")
    assert {one.trace_id for one in spans} == {UUID(run).hex}
    assert [(one.name, one.failed) for one in spans] == [("ask", True), ("ask", False), ("add", False)]
    assert spans[2].attributes["assay.task_run_id"] == said["adding"]["task_run_id"]
