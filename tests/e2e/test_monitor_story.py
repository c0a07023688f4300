"""The monitor as the demo shows it: silent in quiet weeks, and there when something changes."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta

import httpx

from config.settings import Settings
from demo.monitor_story import find_the_drift, watch_quiet_weeks
from demo.progress import Progress
from local.environment import settings_environment
from tests.e2e.conftest import World


def test_quiet_weeks_are_silent_and_a_wave_of_newcomers_is_told_of(settings: Settings, world: World) -> None:
    assert watch_quiet_weeks(settings, world.today, world.viral, Progress()) == 0
    sentences = find_the_drift(settings, Progress())
    assert any("video_duration" in one for one in sentences)
    assert not any("country" in one or "has_music" in one for one in sentences), "these did not change"


def test_the_command_says_by_its_exit_code_that_something_is_wrong(settings: Settings, world: World) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "monitor", "--family", "viral", "--check", "drift", "--json"],
        capture_output=True, text=True, timeout=180, check=False, env=settings_environment(settings),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert any("creator_followers" in one["subject"] for one in told["findings"])
    assert told["reports"][0].endswith(f"/monitoring/viral/reports/{world.today - timedelta(days=1)}")


def test_an_admin_opens_the_report(settings: Settings, world: World) -> None:
    password = settings.admin_password.get_secret_value() if settings.admin_password else ""
    address = f"http://127.0.0.1:{settings.admin_port}"
    with httpx.Client(base_url=address, timeout=20, trust_env=False) as admin:
        login = admin.post("/login", data={"name": settings.admin_user or "", "password": password})
        assert login.status_code == 303
        report = admin.get(f"/monitoring/viral/reports/{world.today - timedelta(days=1)}")
        assert report.status_code == 200
        assert "creator_followers" in report.text
        assert "creator_followers" in admin.get("/monitoring/viral").text
