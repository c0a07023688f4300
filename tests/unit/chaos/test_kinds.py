"""The table of bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.kinds import CLOCKED, JUMPS, KINDS, OWN, PARTS, STREAMS, bound
from config.settings import load_settings
from local.plan import plan
from serving.run import SERVICES

EVERY = [
    (kind.name, target, detail)
    for kind in KINDS.values()
    for target in kind.targets
    for detail in (JUMPS if kind.name == "clock" else ("",))
]


@pytest.mark.parametrize(("kind", "target", "detail"), EVERY)
def test_each_fault_has_a_bound_with_a_reason(kind: str, target: str, detail: str) -> None:
    found = bound(kind, target, detail)
    assert found.reason
    assert 0 < found.recovers < 600
    assert set(found.fails) <= set(STREAMS)
    assert set(found.unrecorded) <= set(STREAMS)


def test_every_part_of_the_platform_can_be_hit(tmp_path: Path) -> None:
    servers = {part.name for part in plan(load_settings(assay_home=tmp_path)) if part.kind != "job"}
    assert set(PARTS) == servers


@pytest.mark.parametrize("target", sorted(set(PARTS) - set(OWN) - {"postgres"}))
def test_nothing_may_fail_when_a_part_is_away_that_answers_nobody(target: str) -> None:
    assert bound("kill", target).fails == {}
    assert bound("pause", target).fails == {}


@pytest.mark.parametrize("kind", ["kill", "crash", "pause"])
def test_without_the_database_only_creators_cannot_publish(kind: str) -> None:
    assert set(bound(kind, "postgres").fails) == {"posts"}


def test_every_service_that_answers_has_a_stream_of_its_own_and_can_be_hit_in_each_way() -> None:
    services = set(SERVICES)
    assert services <= set(OWN)
    assert set(STREAMS) == {stream for own in OWN.values() for stream in own}
    assert services <= set(KINDS["crash"].targets)
    assert services <= set(CLOCKED)


def test_a_service_that_is_killed_costs_its_own_answers_only() -> None:
    assert set(bound("kill", "recommendation").fails) == {"events", "lists"}
    assert set(bound("kill", "viral").fails) == {"viral"}
    assert set(bound("kill", "content").fails) == {"contents", "posts"}
    assert set(bound("kill", "face").fails) == {"styles"}


def test_only_a_clock_that_is_behind_refuses_events() -> None:
    assert set(bound("clock", "recommendation", "-1h").fails) == {"events"}
    assert bound("clock", "recommendation", "+1d").fails == {}


def test_predictions_may_be_left_unrecorded_on_a_full_disk_only() -> None:
    lenient = {kind for kind, target, detail in EVERY if bound(kind, target, detail).unrecorded}
    assert lenient == {"disk-full"}
    assert set(bound("disk-full", "disk").unrecorded) == {"viral", "ctr", "lists", "gateway", "styles"}
