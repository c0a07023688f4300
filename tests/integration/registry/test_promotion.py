"""Promotion and rollback on a real MLflow and a real PostgreSQL, with the faults that must do no harm."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from config.errors import (
    DatabaseError,
    GateFailed,
    InputError,
    ModelInvalid,
    ModelNotFound,
    RegistryError,
    RegistryUnavailable,
)
from config.settings import Settings
from local.ports import free_port
from registry import promotion
from registry.registry import Registry
from storage.database import advisory_guard
from tests.integration.registry.conftest import AT, Register


def promote(registry: Registry, version: str, **options: Any) -> Any:
    return registry.promote("viral", version, **{"actor": "ana", "reason": "better", "at": AT, **options})


def in_production(registry: Registry) -> str | None:
    version = registry.production("viral")
    return version.version if version else None


def moves(registry: Registry) -> list[tuple[str | None, str, str]]:
    return [(row.from_version, row.to_version, row.action) for row in reversed(registry.history("viral"))]


def test_a_promotion_moves_the_alias_and_leaves_a_row_with_who_why_and_figures(
    registry: Registry, register: Register
) -> None:
    version = register()

    row = promote(registry, version.version)

    assert in_production(registry) == version.version
    assert registry.history("viral") == [row]
    assert (row.from_version, row.to_version, row.action) == (None, "1", "promote")
    assert (row.actor, row.reason, row.at) == ("ana", "better", AT)
    assert row.figures["metrics"]["accuracy"] == pytest.approx(version.metrics["accuracy"])


def test_promoting_what_is_in_production_changes_nothing(registry: Registry, register: Register) -> None:
    first = promote(registry, register().version)

    assert promote(registry, "1") == first
    assert len(registry.history("viral")) == 1


@pytest.mark.parametrize("passed", [False, None], ids=["failed the gate", "never judged"])
def test_a_version_that_did_not_pass_the_gate_needs_force_and_history_says_so(
    registry: Registry, register: Register, passed: bool | None
) -> None:
    version = register(passed=passed)

    with pytest.raises(GateFailed, match="gate"):
        promote(registry, version.version)
    assert in_production(registry) is None

    assert promote(registry, version.version, force=True).action == "force"
    assert in_production(registry) == version.version


def test_a_version_judged_against_another_champion_is_not_promoted(
    registry: Registry, register: Register
) -> None:
    promote(registry, register().version)
    late = register(champion=None)  # its training began when nothing was in production

    with pytest.raises(GateFailed, match="judged against nothing, but version 1 is in production"):
        promote(registry, late.version)
    assert in_production(registry) == "1"


def test_rollbacks_walk_back_and_history_keeps_them_all(registry: Registry, register: Register) -> None:
    for champion in (None, "1", "2"):
        promote(registry, register(champion=champion).version)

    for expected in ("2", "1"):
        row = registry.rollback("viral", actor="ana", reason="complaints", at=AT)
        assert (row.to_version, row.action) == (expected, "rollback")
        assert in_production(registry) == expected

    with pytest.raises(ModelNotFound, match="first of 'viral' in production"):
        registry.rollback("viral", actor="ana", reason="more complaints", at=AT)
    registry.rollback("viral", actor="ana", reason="it was good", to="3", at=AT)
    assert moves(registry)[-3:] == [("3", "2", "rollback"), ("2", "1", "rollback"), ("1", "3", "rollback")]


def test_a_rollback_without_anything_in_production_says_so(registry: Registry) -> None:
    with pytest.raises(ModelNotFound, match="nothing to roll back"):
        registry.rollback("viral", actor="ana", reason="why not", at=AT)


def test_a_rollback_to_what_is_in_production_or_to_nowhere_is_refused(
    registry: Registry, register: Register
) -> None:
    promote(registry, register().version)

    with pytest.raises(RegistryError, match="in production already"):
        registry.rollback("viral", actor="ana", reason="typo", to="1", at=AT)
    with pytest.raises(ModelNotFound, match="no version 7"):
        registry.rollback("viral", actor="ana", reason="typo", to="7", at=AT)


def test_who_promotes_must_be_named(registry: Registry, register: Register) -> None:
    with pytest.raises(InputError, match="who"):
        promote(registry, register().version, actor=" ")


def test_a_version_with_broken_files_is_refused_when_it_is_loaded_and_asked(
    registry: Registry, register: Register, mlflow_artifacts: Path
) -> None:
    promote(registry, register().version)
    broken = register(champion="1")
    registry.load("viral", broken.version)  # a good copy on disk must not hide what is stored
    newest = max(mlflow_artifacts.rglob("model.txt"), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:100])

    for force in (False, True):
        with pytest.raises(ModelInvalid, match=r"Version 2 .* not put into production.*damaged"):
            promote(registry, broken.version, force=force)
    assert in_production(registry) == "1"
    assert len(registry.history("viral")) == 1


def test_a_version_whose_files_are_gone_is_refused(
    registry: Registry, register: Register, mlflow_artifacts: Path
) -> None:
    version = register()
    newest = max(mlflow_artifacts.rglob("model.json"), key=lambda path: path.stat().st_mtime_ns)
    newest.unlink()

    with pytest.raises(ModelInvalid, match="cannot be used"):
        promote(registry, version.version)
    assert in_production(registry) is None


def test_a_model_whose_answers_are_impossible_is_refused(
    registry: Registry, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.viral.predictor import ViralPredictor

    version = register()
    monkeypatch.setattr(
        ViralPredictor, "predict", lambda *_args, **_options: [{"viral_class": "huge", "viral_score": 900}]
    )

    with pytest.raises(ModelInvalid, match="not put into production"):
        promote(registry, version.version)
    assert in_production(registry) is None


def test_concurrent_promotions_take_turns_and_history_is_one_chain(
    registry: Registry, register: Register, ml_settings: Settings, engine: Engine
) -> None:
    versions = [register().version for _ in range(3)]

    def force_one(version: str) -> None:
        other = Registry(ml_settings, engine)
        try:
            promote(other, version, force=True)
        finally:
            other.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(force_one, versions))

    chain = moves(registry)
    assert sorted(to for _, to, _ in chain) == sorted(versions)
    assert [before for before, _, _ in chain] == [None, *(to for _, to, _ in chain[:-1])]
    assert in_production(registry) == chain[-1][1]


def test_of_two_challengers_that_beat_the_same_champion_only_one_is_promoted(
    registry: Registry, register: Register
) -> None:
    versions = [register(champion=None).version for _ in range(2)]

    def attempt(version: str) -> bool:
        try:
            promote(registry, version)
        except GateFailed:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, versions)) == [False, True]
    assert len(registry.history("viral")) == 1


def test_a_promotion_waits_while_another_holds_the_family(
    registry: Registry, register: Register, engine: Engine
) -> None:
    version = register().version
    waiting = threading.Thread(target=promote, args=(registry, version))

    with advisory_guard(engine)("promote:viral"):
        waiting.start()
        time.sleep(0.3)
        assert in_production(registry) is None
    waiting.join(20)

    assert in_production(registry) == version


def test_a_row_that_cannot_be_written_puts_the_alias_back(
    registry: Registry, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(registry, register().version)
    second = register(champion="1")

    def refuse(*_args: object, **_values: object) -> None:
        raise DatabaseError("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(promotion, "append_promotion", refuse)
        with pytest.raises(DatabaseError, match="disk is full"):
            promote(registry, second.version)

    assert in_production(registry) == "1"
    assert promote(registry, second.version).from_version == "1"


def test_a_first_promotion_that_fails_leaves_nothing_in_production(
    registry: Registry, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = register()

    def refuse(*_args: object, **_values: object) -> None:
        raise DatabaseError("The disk is full.")

    monkeypatch.setattr(promotion, "append_promotion", refuse)
    with pytest.raises(DatabaseError):
        promote(registry, version.version)
    assert in_production(registry) is None


def test_a_process_killed_between_alias_and_row_is_found_and_written_down(
    registry: Registry, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(registry, register().version)
    second = register(champion="1")

    def die(*_args: object, **_values: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:  # a kill: neither the row nor the clean-up happens
        patched.setattr(promotion, "append_promotion", die)
        patched.setattr(promotion.Promoter, "_put_back", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            promote(registry, second.version, reason="a better loss")
    assert in_production(registry) == "2"
    assert len(registry.history("viral")) == 1

    third = register(champion="2")
    promote(registry, third.version)

    assert moves(registry) == [(None, "1", "promote"), ("1", "2", "promote"), ("2", "3", "promote")]
    found = registry.history("viral")[1]
    assert found.actor == "ana"
    assert found.reason.startswith("a better loss (written later")


def test_an_alias_moved_by_hand_in_mlflow_is_written_down_as_that(
    registry: Registry, register: Register, ml_settings: Settings
) -> None:
    from mlflow import MlflowClient

    promote(registry, register().version)
    register()
    MlflowClient(ml_settings.mlflow_url, registry_uri=ml_settings.mlflow_url).set_registered_model_alias(
        "viral", "production", "2"
    )

    registry.rollback("viral", actor="ana", reason="who did that", at=AT)

    assert moves(registry) == [(None, "1", "promote"), ("1", "2", "force"), ("2", "1", "rollback")]
    assert registry.history("viral")[1].actor == "mlflow"


def test_with_mlflow_away_everything_says_so_within_seconds(settings: Settings, engine: Engine) -> None:
    away = settings.model_copy(update={"mlflow_tracking_uri": f"http://127.0.0.1:{free_port()}"})
    registry = Registry(away, engine)
    started = time.monotonic()

    for ask in (
        lambda: registry.production("viral"),
        lambda: registry.load("viral", "1"),
        lambda: promote(registry, "1"),
    ):
        with pytest.raises(RegistryUnavailable, match=r"cannot be used.*MLFLOW_TRACKING_URI"):
            ask()
    assert time.monotonic() - started < 6
    assert registry.history("viral") == []
    registry.close()


def test_the_production_version_is_cheap_to_ask_for(registry: Registry, register: Register) -> None:
    promote(registry, register().version)
    started = time.monotonic()

    for _ in range(20):
        assert registry.production("viral") is not None

    assert (time.monotonic() - started) / 20 < 0.15
