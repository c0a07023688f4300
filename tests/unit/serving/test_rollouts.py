"""A version that is tried beside the one in production, in the viral service in process."""

from __future__ import annotations

import json
import math
import threading
import time
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from serving.model_slot import ModelSlot, ServedModel, ServedRollout
from serving.shadow import WAITING_BYTES, Asked
from tests.unit.serving.conftest import KEY, Service, StandInPredictor

HEADER = {"x-api-key": KEY}
VIDEOS = [{"video_id": f"v-{number}", "views": 60_000} for number in range(400)]


def try_out(
    service: Service, *, mode: str = "canary", share: float = 0.3, model: bytes = b"two", number: int = 7
) -> None:
    """What MLflow tells from now on, and the service's next look."""
    service.registry.versions["2"] = {"model.txt": model}
    told = {
        "id": number,
        "version": "2",
        "mode": mode,
        "share": share,
        "started_at": "2026-11-20T12:00:00+00:00",
    }
    service.registry.tags = {"assay.rollout": json.dumps({**told, "dataset": "viral/full/2026-11"})}
    service.runtime.watcher.look()


def answers(service: Service, videos: list[dict[str, Any]] = VIDEOS) -> list[dict[str, Any]]:
    found = service.ask_many([("POST", "/predict", {"json": video}) for video in videos])
    assert {one.status_code for one in found} == {200}
    return [one.json() for one in found]


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def metric(service: Service, line: str) -> float:
    text = service.ask("GET", "/metrics", headers=HEADER).text
    return next((float(one.rsplit(" ", 1)[1]) for one in text.splitlines() if one.startswith(line)), 0.0)


def unseen(service: Service) -> dict[str, dict[str, Any]]:
    """What reached "the database" of unseen answers when all is shipped now."""
    shadow = service.runtime.shadow
    assert shadow.spool is not None
    assert shadow.shipper is not None
    eventually(lambda: shadow._waiting.empty())
    time.sleep(0.05)
    shadow.spool.rotate()
    shadow.shipper.ship()
    return service.unseen


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.97])
def test_a_share_is_exact_within_chance_and_independent_of_another_rollout(share: float) -> None:
    model = ServedModel(StandInPredictor("two"), "2", {}, "registry", None)  # type: ignore[arg-type]
    names = [f"video-{number}" for number in range(20_000)]
    first, second = (
        [ServedRollout(number, "viral", "canary", share, "", model).takes(name) for name in names]
        for number in (1, 2)
    )
    sigma = math.sqrt(share * (1 - share) / len(names))
    assert abs(sum(first) / len(names) - share) < 4.5 * sigma
    both = sum(a and b for a, b in zip(first, second, strict=True)) / len(names)
    assert abs(both - share**2) < 4.5 * math.sqrt(share**2 * (1 - share**2) / len(names))


def test_a_larger_share_keeps_whom_a_smaller_one_took() -> None:
    model = ServedModel(StandInPredictor("two"), "2", {}, "registry", None)  # type: ignore[arg-type]
    small, large = (ServedRollout(7, "viral", "canary", share, "", model) for share in (0.1, 0.4))
    taken = [f"v-{number}" for number in range(2000) if small.takes(f"v-{number}")]
    assert all(large.takes(name) for name in taken)


def test_a_canary_answers_its_share_by_name_and_the_same_videos_again(service: Service) -> None:
    try_out(service)

    first = [answer["model_version"] for answer in answers(service)]
    assert set(first) == {"1", "2"}
    assert abs(first.count("2") / len(first) - 0.3) < 0.12
    assert [answer["model_version"] for answer in answers(service)] == first
    assert service.runtime.slot.current is not None
    assert service.runtime.slot.current.version == "1"


def test_what_a_canary_answered_is_recorded_under_its_version(service: Service) -> None:
    try_out(service)
    given = {one["prediction_id"]: one["model_version"] for one in answers(service, VIDEOS[:60])}
    service.runtime.recorder.spool.rotate()
    service.runtime.recorder.shipper.ship()
    assert {row["id"]: row["model_version"] for row in service.rows.values()} == given
    assert metric(
        service, 'assay_rollout_answers_total{family="viral",mode="canary",outcome="answered"'
    ) == list(given.values()).count("2")


def test_in_a_batch_each_video_has_the_version_that_is_its_own(service: Service) -> None:
    try_out(service)
    batch = service.ask("POST", "/predict/batch", json={"videos": VIDEOS[:100]}).json()
    alone = answers(service, VIDEOS[:100])
    told = [one["model_version"] for one in batch["predictions"]]
    assert told == [one["model_version"] for one in alone]
    assert (batch["count"], batch["model_version"]) == (100, "1")
    assert [one["viral_class"] for one in batch["predictions"]] == [one["viral_class"] for one in alone]


def test_in_a_batch_each_version_has_the_time_that_it_took(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_out(service, share=0.5)
    rollout = service.runtime.slot.rollout
    assert rollout is not None
    predictor, ask = rollout.model.predictor, rollout.model.predictor.predict_many

    def slow(*arguments: Any, **options: Any) -> Any:
        time.sleep(0.2)
        return ask(*arguments, **options)

    monkeypatch.setattr(predictor, "predict_many", slow, raising=False)
    batch = service.ask("POST", "/predict/batch", json={"videos": VIDEOS[:20]}).json()
    took = {one["model_version"]: one["prediction_time_ms"] for one in batch["predictions"]}
    assert took["2"] >= 200 / 20 > took["1"]


def test_a_canary_that_answers_too_few_questions_has_failed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_out(service, share=0.5)
    rollout = service.runtime.slot.rollout
    assert rollout is not None
    monkeypatch.setattr(rollout.model.predictor, "predict_many", lambda *_, **__: [], raising=False)
    batch = service.ask("POST", "/predict/batch", json={"videos": VIDEOS[:20]}).json()
    assert [one["model_version"] for one in batch["predictions"]] == ["1"] * 20


def test_a_question_about_no_known_video_falls_by_its_own_id(service: Service) -> None:
    try_out(service, share=0.5)
    told = {one["model_version"] for one in answers(service, [{"views": 7}] * 60)}
    assert told == {"1", "2"}


def test_where_a_canary_fails_production_answers_and_it_is_counted(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_out(service, share=0.5)
    rollout = service.runtime.slot.rollout
    assert rollout is not None

    def fail(*_args: object, **_options: object) -> None:
        raise ArithmeticError("no such number")

    monkeypatch.setattr(rollout.model.predictor, "predict_one", fail, raising=False)
    monkeypatch.setattr(rollout.model.predictor, "predict_many", fail, raising=False)
    assert {one["model_version"] for one in answers(service, VIDEOS[:40])} == {"1"}
    batch = service.ask("POST", "/predict/batch", json={"videos": VIDEOS[:40]}).json()
    assert [one["model_version"] for one in batch["predictions"]] == ["1"] * 40
    failed = metric(service, 'assay_rollout_answers_total{family="viral",mode="canary",outcome="failed"')
    assert failed == 2 * sum(rollout.takes(str(video["video_id"])) for video in VIDEOS[:40])


def test_a_damaged_version_is_not_tried_and_health_and_metrics_say_so(service: Service) -> None:
    try_out(service, model=b"broken")

    assert service.runtime.slot.rollout is None
    assert {one["model_version"] for one in answers(service, VIDEOS[:30])} == {"1"}
    health = service.ask("GET", "/health").json()
    assert health["status"] == "degraded"
    assert "version 2 is not tried, as it should be: it was refused" in health["detail"]
    assert health["rollout"] == {"refused": {"2": "model.txt is not a model"}}
    assert metric(service, 'assay_rollout_refusals_total{family="viral"') == 1
    service.runtime.watcher.look()  # not again at once
    assert metric(service, 'assay_rollout_refusals_total{family="viral"') == 1


def test_info_and_health_name_what_is_tried(service: Service) -> None:
    assert service.ask("GET", "/model/info", headers=HEADER).json()["rollout"] is None
    try_out(service, mode="shadow", share=1)
    info = service.ask("GET", "/model/info", headers=HEADER).json()
    assert info["model_version"] == "1"
    assert (info["rollout"]["model_version"], info["rollout"]["mode"], info["rollout"]["dataset"]) == (
        "2",
        "shadow",
        "viral/full/2026-11",
    )
    health = service.ask("GET", "/health").json()
    assert (health["status"], health["rollout"]["model_version"]) == ("ok", "2")
    assert metric(service, 'assay_rollout_version{family="viral"') == 2
    assert metric(service, 'assay_rollout_share{family="viral"') == 1


def test_it_ends_when_production_says_so_or_moves(service: Service) -> None:
    try_out(service)
    service.registry.tags = {}
    service.runtime.watcher.look()
    assert service.runtime.slot.rollout is None
    assert metric(service, 'assay_rollout_version{family="viral"') == 0

    try_out(service, number=8)
    assert metric(service, 'assay_rollout_version{family="viral"') == 2
    service.registry.promote("3", b"three")
    service.runtime.watcher.look()
    assert service.runtime.slot.rollout is None
    assert {one["model_version"] for one in answers(service, VIDEOS[:20])} == {"3"}


def test_beside_a_version_that_is_not_in_service_nothing_is_tried(service: Service) -> None:
    try_out(service)
    service.registry.versions["4"] = {"model.txt": b"broken"}
    service.registry.promoted = "4"  # refused, so that version 1 goes on
    service.runtime.watcher.look()
    assert service.runtime.slot.rollout is None
    assert {one["model_version"] for one in answers(service, VIDEOS[:20])} == {"1"}


def test_while_the_registry_is_away_what_is_tried_stays(service: Service) -> None:
    try_out(service)
    service.registry.away = True
    service.runtime.watcher.look()
    assert service.runtime.slot.rollout is not None


def test_an_unloaded_service_tries_nothing(service: Service) -> None:
    try_out(service)
    service.runtime.watcher.unload()
    service.runtime.watcher.look()
    assert service.runtime.slot.rollout is None
    service.runtime.watcher.load()
    assert service.runtime.slot.rollout is not None


def test_a_shadow_is_asked_the_same_and_nobody_sees_it(service: Service) -> None:
    plain = answers(service, VIDEOS[:50])
    try_out(service, mode="shadow", share=1)
    told = answers(service, VIDEOS[:50])
    assert {one["model_version"] for one in told} == {"1"}
    assert [one["viral_class"] for one in told] == [one["viral_class"] for one in plain]

    kept = unseen(service)
    assert set(kept) == {one["prediction_id"] for one in told}
    row = kept[told[3]["prediction_id"]]
    assert (row["entity_id"], row["model_version"], row["family"]) == ("v-3", "2", "viral")
    assert row["answer"]["viral_class"] == told[3]["viral_class"]
    assert row["latency_ms"] >= 0
    assert metric(service, 'assay_rollout_answers_total{family="viral",mode="shadow",outcome="answered"') == 50


def test_a_batch_is_asked_unseen_too_and_only_its_share(service: Service) -> None:
    try_out(service, mode="shadow", share=0.25)
    batch = service.ask("POST", "/predict/batch", json={"videos": VIDEOS[:100]}).json()
    rollout = service.runtime.slot.rollout
    assert rollout is not None
    its = [
        one["prediction_id"]
        for one, video in zip(batch["predictions"], VIDEOS[:100], strict=True)
        if rollout.takes(str(video["video_id"]))
    ]
    assert 5 < len(its) < 60
    assert set(unseen(service)) == set(its)


def test_a_shadow_that_is_behind_is_dropped_and_counted_and_delays_nobody(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_out(service, mode="shadow", share=1)
    rollout, going_on = service.runtime.slot.rollout, threading.Event()
    assert rollout is not None

    def hang(*_args: object, **_options: object) -> dict[str, Any]:
        going_on.wait(20)
        return {"viral_class": "low"}

    monkeypatch.setattr(rollout.model.predictor, "predict_one", hang, raising=False)
    monkeypatch.setattr(service.runtime.shadow._waiting, "maxsize", 5)
    assert len(answers(service, VIDEOS[:30])) == 30  # all answered while the shadow hangs
    dropped = metric(service, 'assay_rollout_answers_total{family="viral",mode="shadow",outcome="dropped"')
    assert dropped in (24, 25)  # five wait, and one may have been taken out to be asked
    going_on.set()
    assert len(unseen(service)) == 30 - dropped


def hanging(service: Service, going_on: threading.Event) -> Callable[[int], None]:
    """Offers the shadow a question of so many bytes, which it is asked once it may go on."""
    shadow, rollout = service.runtime.shadow, service.runtime.slot.rollout
    assert rollout is not None
    asked = [Asked("0193", "v-1", datetime.now(UTC))]

    def ask() -> list[dict[str, Any]]:
        going_on.wait(20)
        raise RuntimeError("what it says is of no matter")

    return lambda size: shadow.offer(rollout, asked, ask, size)


def outcomes(service: Service, outcome: str) -> float:
    return metric(service, f'assay_rollout_answers_total{{family="viral",mode="shadow",outcome="{outcome}"')


def test_what_waits_for_a_shadow_is_bounded_in_bytes_too(service: Service) -> None:
    try_out(service, mode="shadow", share=1)
    going_on = threading.Event()
    offer = hanging(service, going_on)
    for size in (WAITING_BYTES // 2, WAITING_BYTES // 2 - 10, 11, 10, WAITING_BYTES + 1):
        offer(size)
    assert outcomes(service, "dropped") == 2
    going_on.set()
    eventually(lambda: outcomes(service, "failed") == 3)
    offer(WAITING_BYTES)
    eventually(lambda: outcomes(service, "failed") == 4)


def test_what_waits_when_the_process_ends_is_counted_as_dropped(service: Service) -> None:
    try_out(service, mode="shadow", share=1)
    shadow = service.runtime.shadow
    offer = hanging(service, shadow._stopping)
    for _ in range(4):
        offer(10)
    shadow.stop()
    offer(10)
    assert outcomes(service, "dropped") + outcomes(service, "failed") == 5
    assert outcomes(service, "failed") <= 1


def test_a_full_queue_of_unseen_answers_is_said(service: Service) -> None:
    try_out(service, mode="shadow", share=1)
    assert service.runtime.shadow.spool is not None
    service.runtime.shadow.spool.full = True
    health = service.ask("GET", "/health").json()
    assert "shadow answers are not recorded: the queue on disk is full" in health["detail"]


def test_a_shadow_that_fails_is_counted_and_nothing_else(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_out(service, mode="shadow", share=1)
    rollout = service.runtime.slot.rollout
    assert rollout is not None
    monkeypatch.setattr(rollout.model.predictor, "predict_one", None, raising=False)
    assert len(answers(service, VIDEOS[:10])) == 10
    assert unseen(service) == {}
    assert metric(service, 'assay_rollout_answers_total{family="viral",mode="shadow",outcome="failed"') == 10


def test_after_a_shadow_has_ended_its_model_leaves_memory(service: Service) -> None:
    try_out(service, mode="shadow", share=1)
    assert service.runtime.slot.rollout is not None
    kept = weakref.ref(service.runtime.slot.rollout.model.predictor)
    answers(service, VIDEOS[:5])
    assert len(unseen(service)) == 5
    service.registry.tags = {}
    service.runtime.watcher.look()
    eventually(lambda: kept() is None)


def test_unseen_answers_wait_on_disk_while_the_database_is_away(service: Service) -> None:
    try_out(service, mode="shadow", share=1)
    service.database_away.set()
    told = answers(service, VIDEOS[:20])
    shadow = service.runtime.shadow
    eventually(lambda: bool(shadow.complaints()))
    assert service.unseen == {}
    assert "shadow answers wait on disk" in service.ask("GET", "/health").json()["detail"]
    service.database_away.clear()
    assert set(unseen(service)) == {one["prediction_id"] for one in told}


class CountingSlot(ModelSlot):
    """Counts looks at what is tried."""

    def __init__(self) -> None:
        self.looks = 0
        super().__init__()

    @property
    def rollout(self) -> ServedRollout | None:
        self.looks += 1
        return None

    @rollout.setter
    def rollout(self, _: ServedRollout | None) -> None:
        """Nothing is."""


def test_without_a_rollout_a_request_costs_one_look_at_an_attribute(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    from serving.trial import Trial
    from serving.viral_app import viral_application

    slot = CountingSlot()
    slot.current = service.runtime.slot.current
    service.runtime.slot = slot
    service.application = viral_application(service.runtime)

    def no(*_args: object, **_options: object) -> None:
        raise AssertionError("nothing is tried")

    for name in ("answers", "many", "unseen", "takes", "count"):
        monkeypatch.setattr(Trial, name, no)
    slot.looks = 0
    answers(service, VIDEOS[:10])
    assert slot.looks == 10
    assert service.runtime.shadow.spool is None  # nor is there a queue, or a thread
