"""Decisions and rewards by several processes at once, one of them killed, end with the counts exactly right."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from config.settings import Settings
from tests.integration.serving.conftest import ROOT, eventually
from tests.integration.serving.experiment_load import fate
from tests.integration.serving.experiment_world import counted_rows, make_world, stored_counts

PROCESSES = 3
DECISIONS = 50_000


def process(settings: Settings, folder: Path, **work: Any) -> subprocess.Popen[str]:
    assert settings.db_password
    names = ("db_host", "db_port", "db_user", "db_name")
    given = {
        "assay_home": str(folder / f"home-{time.monotonic_ns()}"),
        "db_password": settings.db_password.get_secret_value(),
        **{name: getattr(settings, name) for name in names},
    }
    arguments = json.dumps({"settings": given, "folder": str(folder), **work})
    command = [sys.executable, "-m", "tests.integration.serving.experiment_load", arguments]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finish(started: list[subprocess.Popen[str]]) -> list[str]:
    told = []
    for each in started:
        out, complaint = each.communicate(timeout=120)
        assert each.returncode == 0, complaint[-3000:]
        told.append(out)
    return told


def answered(folder: Path) -> dict[str, str]:
    lines = [line.split() for path in folder.glob("*.answered") for line in path.read_text().splitlines()]
    return dict(line for line in lines)


def test_many_processes_end_with_the_counts_exactly_right(
    settings: Settings, engine: Engine, tmp_path: Path
) -> None:
    world = make_world(settings)
    world.service.start()
    world.create(id="crowd", policy={"kind": "thompson"}, variants=[{"name": name} for name in "abc"])
    world.service.stop()

    share = DECISIONS // PROCESSES + 3500  # a quarter are of subjects, some of whom come again
    deciders = [
        process(settings, tmp_path, work="decide", number=share, name=f"p{n}") for n in range(PROCESSES)
    ]
    victim = process(settings, tmp_path, work="decide", number=share, name="victim")
    eventually(lambda: len(list(tmp_path.glob("victim.answered"))) and len(answered(tmp_path)) > 2000, 30)
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    finish(deciders)

    made = answered(tmp_path)
    assert len(made) >= DECISIONS
    with engine.connect() as connection:
        rows = connection.execute(text("select id::text, variant from experiment_decisions")).all()
        subjects = connection.execute(
            text("select count(sticky_subject), count(distinct sticky_subject) from experiment_decisions")
        ).one()
    stored = {row[0]: row[1] for row in rows}
    assert made.items() <= stored.items()  # what was answered is on record, as it was answered
    assert len(stored) - len(made) < 1000  # what was on its way when the victim was killed
    assert subjects[0] == subjects[1]
    decided = Counter(stored.values())
    assert {name: counts[0] for name, counts in stored_counts(engine, "crowd").items()} == decided

    late = sorted(made)[:: len(made) // 1000]
    with engine.begin() as connection:
        connection.execute(
            text(
                "update experiment_decisions set at = at - interval '25 hours'"
                " where id = any(cast(:ids as uuid[]))"
            ),
            {"ids": late},
        )
    rewarders = [
        process(settings, tmp_path, work="reward", mine=number, of=PROCESSES) for number in range(PROCESSES)
    ]
    statuses: Counter[str] = Counter()
    for told in finish(rewarders):
        statuses.update(json.loads(told))

    fates = {decision: fate(decision) for decision in made}
    expected = {decision for decision, (kind, _) in fates.items() if kind != "never"} - set(late)
    with engine.connect() as connection:
        rewards = dict(
            connection.execute(
                text("select id::text, reward from experiment_decisions where reward is not null")
            ).all()
        )  # fmt: skip
    assert rewards.keys() == expected
    sure = {decision for decision in expected if fates[decision][0] != "conflict"}
    assert all(rewards[decision] == fates[decision][1] for decision in sure)
    assert statuses["counted"] == len(expected)
    assert statuses["unknown"] == 0
    assert statuses["conflict"] > 0
    assert statuses["repeated"] > 0
    assert stored_counts(engine, "crowd") == counted_rows(engine, "crowd")
