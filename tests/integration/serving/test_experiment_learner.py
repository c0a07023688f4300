"""When a contextual bandit learns which decisions, and what a process does with one that is broken."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.errors import PlatformError
from config.settings import Settings
from models.experiments.definition import Definition
from serving.experiments.learner import GRACE, Learner
from serving.experiments.rewards import take_rewards
from serving.experiments.snapshot import Snapshots
from storage.experiment_decisions import NewDecision, NewReward, record_decisions, record_rewards
from tests.experiments_world import STARTED, make, thumbnails
from tests.integration.serving.experiment_world import World, make_world

HOUR = timedelta(hours=1)


def contextual(engine: Engine, **reward: Any) -> Definition:
    return make(
        engine,
        thumbnails(
            policy={"kind": "contextual"}, context=[{"name": "country"}], guardrails=[],
            reward={"window_hours": 2, **reward},
        ),
    )  # fmt: skip


def decided(engine: Engine, definition: Definition, at: datetime, reward: float | None) -> None:
    identity, name = str(uuid.uuid4()), definition.id
    record_decisions(engine, [NewDecision(identity, name, "face", None, False, at, 0.5, {"country": "DE"}, 1)])
    if reward is not None:
        window = definition.reward.window_hours * 3600
        record_rewards(engine, [NewReward(identity, name, reward, reward, at, window)])


def learned(engine: Engine) -> int:
    with engine.connect() as connection:
        query = text("select count(*) from experiment_decisions where learned = 1")
        return int(connection.execute(query).scalar() or 0)


@pytest.mark.parametrize(("missing", "at_once", "closed"), [("zero", 0, 2), ("ignore", 1, 1)])
def test_a_click_teaches_when_its_absence_would_too(
    engine: Engine, missing: str, at_once: int, closed: int
) -> None:
    definition = contextual(engine, missing=missing)
    for reward in (1.0, None):
        decided(engine, definition, STARTED, reward)
    snapshots, now = Snapshots(engine), STARTED + HOUR
    snapshots.refresh()
    learner = Learner(engine, snapshots, lambda: now)
    learner.work()
    assert learned(engine) == at_once
    now = STARTED + 2 * HOUR + GRACE
    learner.work()
    assert learned(engine) == closed
    decided(engine, definition, now, None)
    now += 2 * HOUR + GRACE
    learner.work()
    assert learned(engine) == closed + (missing == "zero")


def break_bandit(engine: Engine) -> None:
    query = "insert into experiment_models values ('thumbnails', 1, 1, 'half of a model', now())"
    with engine.begin() as connection:
        connection.execute(text(query))


def test_with_a_broken_bandit_an_experiment_goes_on_by_equal_chances(engine: Engine) -> None:
    contextual(engine)
    break_bandit(engine)
    snapshots = Snapshots(engine)
    snapshots.refresh()
    live = snapshots.get("thumbnails")
    assert live is not None
    assert live.choose(None, {"country": "DE"}, 0.5).propensity == pytest.approx(1 / 3)


def test_with_a_broken_bandit_the_one_before_is_asked(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    contextual(engine)
    snapshots = Snapshots(engine)
    snapshots.refresh()
    before = snapshots.current["thumbnails"].bandit
    break_bandit(engine)
    for _ in range(3):
        snapshots.refresh()
    assert snapshots.current["thumbnails"].bandit is before is not None
    assert sum("cannot be used" in each.message for each in caplog.records) == 1


@pytest.fixture
def strange(settings: Settings, engine: Engine) -> Iterator[World]:
    """A service, not started, and an experiment with a field of a later version."""
    make(engine, thumbnails())
    query = """update experiments set definition = definition || '{"later": 1}' where id = 'thumbnails'"""
    with engine.begin() as connection:
        connection.execute(text(query))
    made = make_world(settings)
    yield made
    made.service.engine.dispose()


def test_an_experiment_that_cannot_be_read_is_not_said_to_be_missing(strange: World) -> None:
    assert strange.post("/experiments/thumbnails/select").status_code == 503
    assert strange.post("/experiments/nowhere/select").status_code == 404
    assert "experiments that cannot be read: thumbnails" in strange.service.complaints()


def test_rewards_of_an_experiment_that_cannot_be_read_stay_on_disk(strange: World, engine: Engine) -> None:
    line: Mapping[str, Any] = {
        "experiment_id": "thumbnails", "decision_id": str(uuid.uuid4()), "value": 1.0,
        "at": STARTED.isoformat(), "metrics": None,
    }  # fmt: skip
    with pytest.raises(PlatformError, match="cannot read experiment thumbnails"):
        take_rewards(engine, strange.service.snapshots, strange.service.figures)([dict(line)])
