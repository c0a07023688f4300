"""The platform as a person uses it: by the `assay` command, with the faults that a machine has."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from local.environment import settings_environment
from local.ports import own_ports
from local.probes import answers_http, ask_json
from local.process import marked
from local.stack import Platform
from local.status import PartStatus, platform_status

#: A platform in the foreground is given so long to start, to be looked at and to stop.
SECONDS = 180.0


def assay(platform: Platform, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a command against ``platform``, with some settings changed."""
    environment = {**settings_environment(platform.settings), **changes}
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        capture_output=True, text=True, timeout=120, check=False, env=environment,
    )  # fmt: skip


def part(platform: Platform, name: str) -> PartStatus:
    return next(one for one in platform_status(platform.settings).parts if one.name == name)


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.25)


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_every_part_is_healthy_and_status_says_so_from_another_shell(platform: Platform) -> None:
    answer = assay(platform, "status", "--json")
    status = json.loads(answer.stdout)
    assert answer.returncode == 0, answer.stdout
    assert status["healthy"]
    assert status["phase"] == "ready"
    parts = {one["name"]: one for one in status["parts"]}
    servers = {
        "postgres", "prefect", "mlflow", "worker", "content-worker", "viral", "ctr", "recommendation", "face",
        "content", "gateway", "admin",
    }  # fmt: skip
    assert set(parts) == servers | {"objects", "migrate", "deploy"}
    for name in servers:
        assert parts[name]["health"] == "healthy"
        assert parts[name]["memory"] > 10_000_000
        assert parts[name]["uptime"] > 0
    assert status["memory"] < 4_500_000_000


def test_the_addresses_answer(platform: Platform) -> None:
    urls = platform.urls()
    assert set(urls) == {
        "prefect",
        "mlflow",
        "viral",
        "ctr",
        "recommendation",
        "face",
        "content",
        "gateway",
        "admin",
    }
    assert answers_http(f"{urls['prefect']}/api/health")
    assert answers_http(f"{urls['mlflow']}/health")
    assert answers_http(f"{urls['admin']}/login")


def test_the_generated_secrets_are_the_owners_only_and_in_no_log(platform: Platform) -> None:
    home = platform.settings.home
    assert stat.S_IMODE((home / "secrets.env").stat().st_mode) == 0o600
    password, key = platform.settings.db_password, platform.settings.ml_api_key
    assert password is not None
    assert key is not None
    logs = "".join(path.read_text(errors="replace") for path in (home / "logs").glob("*.log"))
    assert password.get_secret_value() not in logs
    assert key.get_secret_value() not in logs
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert password.get_secret_value() not in shown


def test_the_schedules_are_in_prefect_and_a_cron_deployment_gets_its_runs(platform: Platform) -> None:
    flows = json.loads(assay(platform, "flows", "list", "--json").stdout)
    crons = {one["deployment"]: one["cron"] for one in flows}
    assert crons["collect-daily"] == "0 0 * * *"
    assert crons["retrain-viral"] == "0 3 * * 0"

    scheduled = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    until(lambda: ask_json(f"{platform.settings.prefect_url}/flow_runs/count", scheduled))


def test_a_flow_runs_for_a_past_day_and_leaves_its_figures(platform: Platform) -> None:
    # of a month that the story beside this does not build from
    answer = assay(platform, "flows", "run", "collect-daily", "--date", "2025-06-01", "--json")
    assert answer.returncode == 0, answer.stderr
    run = json.loads(answer.stdout)
    assert run["succeeded"]
    assert run["summary"]["days"] == 1


def test_a_second_up_says_who_runs_and_where(platform: Platform) -> None:
    answer = assay(platform, "up")
    state = platform.state()
    assert state is not None
    assert answer.returncode == 2
    assert f"already running (pid {state.pid}" in answer.stderr
    assert platform.urls()["mlflow"] in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_taken_port_is_one_sentence_and_nothing_is_left_running(platform: Platform) -> None:
    home = platform.settings.home.with_name("other")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        names = [name.upper() for name in own_ports()]
        ports = {name: str(25981 + number) for number, name in enumerate(names)} | {"MLFLOW_PORT": str(port)}
        answer = assay(platform, "up", "--detach", ASSAY_HOME=str(home), **ports)
    assert answer.returncode == 2
    assert f"Port {port} of MLflow is taken by" in answer.stderr
    assert "MLFLOW_PORT" in answer.stderr
    assert marked(str(home)) == []


def test_what_is_killed_is_healthy_again_and_the_others_go_on(platform: Platform) -> None:
    names = ("mlflow", "viral", "worker")
    before = {name: part(platform, name) for name in (*names, "prefect")}
    for name in names:
        kill(before[name].pid)
    until(lambda: all(part(platform, name).restarts == before[name].restarts + 1 for name in names))
    until(lambda: platform_status(platform.settings).healthy)
    assert part(platform, "prefect").pid == before["prefect"].pid
    assert all(part(platform, name).pid != before[name].pid for name in names)


def test_the_database_may_be_killed_too(platform: Platform) -> None:
    kill(part(platform, "postgres").pid)
    until(lambda: part(platform, "postgres").restarts == 1)
    until(lambda: platform_status(platform.settings).healthy)
    assert assay(platform, "flows", "list").returncode == 0


def test_after_kill_9_of_everything_the_next_start_recovers_and_ctrl_c_leaves_nothing(
    platform: Platform,
) -> None:
    home = str(platform.settings.home)
    state = platform.state()
    assert state is not None
    kill(state.pid)
    for process in marked(home):
        process.kill()
    status = assay(platform, "status")
    assert status.returncode == 1
    assert "not running" in status.stderr

    # in the foreground, as a background job of a shell has it: with SIGINT ignored
    with subprocess.Popen(
        [sys.executable, "-m", "cli", "up"], env=settings_environment(platform.settings), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    ) as foreground:  # fmt: skip
        # whatever fails here, nobody waits for it for ever, with a pipe that nobody reads
        patience = threading.Timer(SECONDS, foreground.kill)
        patience.start()
        try:
            assert foreground.stdout is not None
            wanted = ["ready after", r"^\s*worker │ "]  # the worker's first line may come after all is ready
            for line in foreground.stdout:
                wanted = [one for one in wanted if not re.search(one, line)]
                if not wanted:
                    break
            assert wanted == []
            until(lambda: platform_status(platform.settings).healthy)
            pids = [one.pid for one in platform_status(platform.settings).parts if one.pid]
            stopping = time.monotonic()
            foreground.send_signal(signal.SIGINT)
            foreground.stdout.read()
            assert foreground.wait(20) == 0
            assert time.monotonic() - stopping < 15
        finally:
            patience.cancel()
            foreground.kill()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert marked(home) == []


def test_a_start_after_a_stop_finds_everything_as_it_was(platform: Platform) -> None:
    down = assay(platform, "down")
    assert (down.returncode, down.stderr.strip()) == (0, "Nothing was running.")
    answer = assay(platform, "up", "--detach")
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize(
    "command", [["models", "list"], ["datasets", "list"], ["flows", "runs"], ["logs", "worker"]]
)
def test_the_commands_that_look_answer(platform: Platform, command: list[str]) -> None:
    answer = assay(platform, *command)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
