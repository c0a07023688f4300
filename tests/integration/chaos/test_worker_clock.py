"""A content worker whose clock is a day ahead claims, tries and gives back by the database's clock."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from chaos.clock import build, clock_environment, clock_file, compiler, set_clock
from config.settings import Settings
from local.environment import PROJECT, settings_environment
from storage.contents import get_content, put_contents
from storage.database import database_now
from storage.media_jobs import get_job, request_job

_PROGRAM = """
from datetime import UTC, datetime
from config.settings import load_settings
from storage.content_claims import claim_due, fail
from tasks.content_dispatch import Dispatcher
from tasks.content_tools import close_tools, now
from tasks.platform import Platform

parts = Platform(load_settings())
dispatcher = Dispatcher(parts, 1, lambda: None, lambda: False)
dispatcher._media(now())
for threads in dispatcher._threads.values():
    threads.shutdown(wait=True)
(one,) = claim_due(parts.engine, limit=1, at=now())
fail(parts.engine, [one], "the store refuses a clock that is ahead", now())
print(datetime.now(UTC).isoformat())
close_tools()
"""


@pytest.mark.skipif(compiler() is None, reason="no C compiler")
def test_its_work_is_not_put_off_by_a_day(settings: Settings, engine: Engine, tmp_path: Path) -> None:
    library = build(tmp_path)
    assert library is not None
    began = datetime.now(UTC)
    put_contents(engine, [{"id": "p", "kind": "post", "text": "hello"}], began)
    name = request_job(engine, "captions", "missing.wav", at=began)
    set_clock(tmp_path, "content-worker", 86_400)
    clock = clock_environment(clock_file(tmp_path, "content-worker"), library)
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env={**os.environ, **settings_environment(settings), **clock, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert datetime.fromisoformat(done.stdout.strip()) > began + timedelta(hours=23), "its clock is ahead"

    soon = began + timedelta(minutes=10)
    job, content = get_job(engine, name), get_content(engine, "p")
    assert job is not None
    assert job.started_at is not None
    assert job.heartbeat_at is not None
    assert max(job.started_at, job.heartbeat_at, job.next_at) < soon
    assert content is not None
    assert content.claimed_at is not None
    assert content.claimed_at < soon
    assert abs(database_now(engine) - datetime.now(UTC)) < timedelta(minutes=1)
