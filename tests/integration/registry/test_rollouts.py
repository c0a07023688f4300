"""Rollouts on a real MLflow and a real PostgreSQL: beginning, ending, and deaths in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from config.errors import GateFailed, InputError, ModelInvalid, ModelNotFound, RegistryUnavailable
from registry import rollouts
from registry.registry import Registry
from registry.rollout_ledger import RolloutLedger
from registry.rollout_tag import RolloutTag, rollout_of
from storage.rollouts import Rollout, list_rollouts, running_rollout
from tests.integration.registry.conftest import AT, Register


def promote(registry: Registry, version: str, **options: Any) -> None:
    registry.promote("viral", version, **{"actor": "ana", "reason": "better", "at": AT, **options})


def try_out(registry: Registry, version: str, **options: Any) -> Rollout:
    how: dict[str, Any] = {"mode": "canary", "share": 0.1, "by": "ana", "reason": "to see", "at": AT}
    return registry.rollouts.start("viral", version, **{**how, **options})


def told(registry: Registry) -> RolloutTag | None:
    """What a service learns when it looks which version is in production."""
    production = registry.production("viral")
    return rollout_of(production.tags) if production else None


def outcomes(engine: Engine) -> list[str | None]:
    return [one.outcome for one in reversed(list_rollouts(engine, "viral"))]


@pytest.fixture
def two(registry: Registry, register: Register) -> Registry:
    """Version 1 in production, and version 2 that the gate passed against it."""
    promote(registry, register().version)
    register(champion="1")
    return registry


def test_a_canary_is_told_with_the_version_in_production_which_stays_there(
    two: Registry, engine: Engine
) -> None:
    row = try_out(two, "2")

    assert (row.version, row.champion, row.mode, row.share, row.running) == ("2", "1", "canary", 0.1, True)
    assert told(two) == RolloutTag(row.id, "2", "canary", 0.1, AT.isoformat(), "viral/full/2026-10")
    production = two.production("viral")
    assert production is not None
    assert production.version == "1"
    assert running_rollout(engine, "viral") == row
    assert len(two.history("viral")) == 1


def test_only_one_of_a_family_is_tried_at_a_time(two: Registry, register: Register) -> None:
    third = register(champion="1")
    first = try_out(two, "2")

    with pytest.raises(InputError, match="Version 2 of 'viral' is tried already, as a canary"):
        try_out(two, third.version)
    assert told(two) is not None
    assert told(two).id == first.id  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"share": 1.0}, "share of 1"),
        ({"share": 0.0}, "share of 0"),
        ({"share": 1.1, "mode": "shadow"}, "share of 1.1"),
        ({"mode": "mirror"}, "no way to try"),
        ({"version": "1"}, "in production already"),
    ],
)
def test_what_cannot_be_tried_is_refused(two: Registry, changed: dict[str, Any], error: str) -> None:
    with pytest.raises(InputError, match=error):
        try_out(two, **{"version": "2", **changed})
    assert told(two) is None


def test_a_family_whose_service_tries_none_says_so(registry: Registry) -> None:
    with pytest.raises(InputError, match="tries no second version"):
        registry.rollouts.start("weather", "1", mode="shadow", share=1, by="ana", reason="-", at=AT)


def test_without_anything_in_production_there_is_nothing_to_try_a_version_beside(
    registry: Registry, register: Register
) -> None:
    with pytest.raises(ModelNotFound, match="nothing to try a version beside"):
        try_out(registry, register().version)


def test_a_canary_that_the_gate_did_not_pass_needs_force_and_a_shadow_does_not(
    registry: Registry, register: Register
) -> None:
    promote(registry, register().version)
    poor = register(passed=False, champion="1").version

    with pytest.raises(GateFailed):
        try_out(registry, poor)
    assert try_out(registry, poor, force=True).mode == "canary"
    registry.rollouts.stop("viral", by="ana", at=AT)
    assert try_out(registry, poor, mode="shadow", share=1.0).share == 1.0


def test_a_version_with_damaged_files_is_not_tried(
    two: Registry, mlflow_artifacts: Path, engine: Engine
) -> None:
    newest = max(mlflow_artifacts.rglob("model.txt"), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:100])

    with pytest.raises(ModelInvalid, match="damaged"):
        try_out(two, "2", force=True)
    assert list_rollouts(engine) == []
    assert told(two) is None


def test_stopped_it_is_told_no_more_and_can_begin_again(two: Registry, engine: Engine) -> None:
    try_out(two, "2")
    two.rollouts.stop("viral", by="bea", at=AT)

    assert told(two) is None
    assert outcomes(engine) == ["stopped"]
    with pytest.raises(ModelNotFound, match="No version of 'viral' is tried"):
        two.rollouts.stop("viral", by="bea", at=AT)
    assert try_out(two, "2").running


def test_promoting_the_tried_version_ends_its_rollout_as_promoted(two: Registry, engine: Engine) -> None:
    try_out(two, "2")
    promote(two, "2")

    assert told(two) is None
    assert outcomes(engine) == ["promoted"]
    assert list_rollouts(engine)[0].ended_by == "ana"


def test_promoting_another_version_ends_it_and_a_rollback_does_not_bring_it_back(
    two: Registry, register: Register, engine: Engine
) -> None:
    third = register(champion="1")
    try_out(two, "2")
    promote(two, third.version)
    assert (told(two), outcomes(engine)) == (None, ["superseded"])

    two.rollback("viral", actor="ana", reason="complaints", at=AT)
    assert told(two) is None


def test_a_process_killed_after_the_alias_moved_leaves_no_rollout_that_comes_back(
    two: Registry, register: Register, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = register(champion="1")
    try_out(two, "2")

    def die(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(RolloutLedger, "moved", die)
        with pytest.raises(KeyboardInterrupt):
            promote(two, third.version)
    assert told(two) is None  # services see the end with the alias, whoever died
    assert outcomes(engine) == [None]

    two.rollback("viral", actor="ana", reason="complaints", at=AT)
    assert (told(two), outcomes(engine)) == (None, ["superseded"])


def test_a_process_killed_between_row_and_tag_leaves_a_rollout_that_the_next_one_ends(
    two: Registry, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rollouts.Rollouts, "_tell", die)
        with pytest.raises(KeyboardInterrupt):
            try_out(two, "2")
    assert (told(two), outcomes(engine)) == (None, [None])

    assert try_out(two, "2", mode="shadow").running
    assert outcomes(engine) == ["interrupted", None]


def test_a_tag_that_cannot_be_written_begins_no_rollout(
    two: Registry, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: object) -> None:
        raise RegistryUnavailable("MLflow is away.")

    with monkeypatch.context() as patched:
        patched.setattr(RolloutLedger, "write", away)
        with pytest.raises(RegistryUnavailable):
            try_out(two, "2")
    assert (told(two), outcomes(engine)) == (None, ["interrupted"])


def test_a_rollback_that_expects_another_version_in_production_does_nothing(two: Registry) -> None:
    from config.errors import RegistryError

    promote(two, "2")
    with pytest.raises(RegistryError, match="Version 2 of 'viral' is in production by now, not 7"):
        two.rollback("viral", actor="monitor", reason="worse", to="1", at=AT, expected="7")
    assert two.rollback("viral", actor="monitor", reason="worse", to="1", at=AT, expected="2").to_version == "1"
