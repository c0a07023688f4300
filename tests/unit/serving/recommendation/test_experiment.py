"""The A/B of model against heuristic: who decides, what is told, and what is rewarded."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from serving import recommendation_experiment, recommendation_rewards
from tests.unit.serving.recommendation.conftest import World

DECISION = "019a9c3e-5a70-7c11-9d5e-0242ac120002"


class CtrDouble:
    """The two endpoints of the CTR service that are asked, on a port of this machine."""

    def __init__(self) -> None:
        self.variant, self.inside, self.status, self.slow = "heuristic", True, 200, 0.0
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                told.asked.append((self.path, {key.lower(): one for key, one in self.headers.items()}, body))
                time.sleep(told.slow)
                decision = DECISION if told.inside else None
                answer = {
                    "variant": told.variant, "propensity": 0.5, "decision_id": decision, "experiment": "feed",
                    "in_experiment": told.inside, "repeated": False,
                }  # fmt: skip
                data = json.dumps(answer).encode()
                self.send_response(told.status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def of(self, action: str) -> list[dict[str, Any]]:
        return [body for path, _, body in self.asked if path == f"/experiments/feed/{action}"]


@pytest.fixture
def ctr_service() -> Iterator[CtrDouble]:
    made = CtrDouble()
    yield made
    made.close()


@pytest.fixture
def tested(make_world: Callable[..., World], ctr_service: CtrDouble, monkeypatch: pytest.MonkeyPatch) -> World:
    """A service whose lists an experiment decides; a busy machine is waited for longer than in service."""
    monkeypatch.setattr(recommendation_experiment, "PATIENCE_SECONDS", 1.0)
    world = make_world(recommendation_experiment="feed", ctr_port=ctr_service.port)
    world.serve()
    return world


def test_the_decision_is_followed_and_told(tested: World, ctr_service: CtrDouble) -> None:
    answer = tested.recommend(user_id="u1")
    assert answer["answered_by"] == "heuristic"
    assert answer["experiment"] == {"experiment": "feed", "variant": "heuristic", "decision_id": DECISION}
    path, headers, body = ctr_service.asked[0]
    assert (path, body) == ("/experiments/feed/select", {"subject_id": "u1"})
    assert headers["x-api-key"] == "a key that is long enough"
    (row,) = tested.shipped()
    assert row["answer"]["experiment"]["decision_id"] == DECISION


def test_the_other_variant_is_the_model(tested: World, ctr_service: CtrDouble) -> None:
    ctr_service.variant = "model"
    answer = tested.recommend(user_id="u1")
    assert (answer["answered_by"], answer["experiment"]["variant"]) == ("model", "model")


def test_a_users_decision_is_asked_for_once(tested: World, ctr_service: CtrDouble) -> None:
    tested.recommend_each(*[{"user_id": "u1", "limit": limit} for limit in (1, 2, 3)])
    assert len(ctr_service.of("select")) == 1


@pytest.mark.parametrize("trouble", ["away", "slow", "error", "outside", "strange"])
def test_without_a_decision_the_flag_decides(
    tested: World, ctr_service: CtrDouble, trouble: str, caplog: Any
) -> None:
    if trouble == "away":
        ctr_service.close()
    ctr_service.slow = 1.5 if trouble == "slow" else 0.0
    ctr_service.status = 503 if trouble == "error" else 200
    ctr_service.inside = trouble != "outside"
    ctr_service.variant = "purple" if trouble == "strange" else "heuristic"
    began = time.perf_counter()
    first, second = tested.recommend_each({"user_id": "u1", "limit": 2}, {"user_id": "u2", "limit": 2})
    assert time.perf_counter() - began < 2.0, "one waits a moment, the next not at all"
    assert [one["answered_by"] for one in (first, second)] == ["model", "model"]
    assert "experiment" not in first
    said = tested.ask("GET", "/health").json()["detail"]
    assert ("the experiment feed does not decide" in said) is (trouble != "outside")


def test_for_whom_the_flag_is_off_nobody_decides(tested: World, ctr_service: CtrDouble) -> None:
    tested.set_flag("mlRecommendations", on=False)
    assert "experiment" not in tested.recommend(user_id="u1")
    assert ctr_service.asked == []


def test_without_a_model_there_is_nothing_to_decide(
    make_world: Callable[..., World], ctr_service: CtrDouble
) -> None:
    world = make_world(recommendation_experiment="feed", ctr_port=ctr_service.port)
    assert "experiment" not in world.recommend(user_id="u1")
    assert ctr_service.asked == []


def event(recommendation: str | None, kind: str = "like", **more: Any) -> dict[str, Any]:
    return {"user_id": "u1", "item_id": "v1", "kind": kind, "recommendation_id": recommendation, **more}


def test_something_good_that_follows_is_rewarded_once(tested: World, ctr_service: CtrDouble) -> None:
    tested.database.decided = {"r1": (DECISION, "feed")}
    for body in (event("r1"), event("r1", "share"), event("r2"), event(None), event("r3", "skip")):
        assert tested.ask("POST", "/api/v1/events", json=body).status_code == 202
    tested.parts.rewards.tell()
    tested.ask("POST", "/api/v1/events", json=event("r1", "comment"))
    tested.parts.rewards.tell()
    assert ctr_service.of("reward") == [{"rewards": [{"decision_id": DECISION, "value": 1.0}]}]
    assert set(tested.parts.rewards._waiting) == {"r2"}, "it may be recorded in a moment"


def test_a_view_of_nothing_is_no_reward(tested: World, ctr_service: CtrDouble) -> None:
    tested.database.decided = {"r1": (DECISION, "feed")}
    tested.ask("POST", "/api/v1/events", json=event("r1", "view", watch_share=0.0))
    tested.parts.rewards.tell()
    assert ctr_service.of("reward") == []


def test_rewards_wait_while_the_experiment_does_not_take_them(tested: World, ctr_service: CtrDouble) -> None:
    tested.database.decided = {"r1": (DECISION, "feed")}
    tested.ask("POST", "/api/v1/events", json=event("r1"))
    ctr_service.status = 503
    with pytest.raises(RuntimeError, match="503"):
        tested.parts.rewards.tell()
    ctr_service.status = 200
    tested.parts.rewards.tell()
    assert len(ctr_service.of("reward")) == 2
    assert not tested.parts.rewards._waiting


def test_rewards_past_the_queue_are_lost_and_counted(tested: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommendation_rewards, "MAX_WAITING", 2)
    for number in range(5):
        tested.ask("POST", "/api/v1/events", json=event(f"r{number}"))
    text = tested.ask("GET", "/metrics", headers={"x-api-key": "a key that is long enough"}).text
    assert 'assay_recommendation_rewards_total{service="recommendation",state="lost"} 3.0' in text


def test_what_is_never_recorded_is_let_go(tested: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommendation_rewards, "KEPT_SECONDS", -1.0)
    tested.ask("POST", "/api/v1/events", json=event("r1"))
    tested.parts.rewards.tell()
    assert not tested.parts.rewards._waiting


def test_without_an_experiment_nothing_is_asked_or_queued(world: World) -> None:
    world.ask("POST", "/api/v1/events", json=event("r1"))
    assert not world.parts.rewards._waiting
    assert not world.parts.chooser.active


def test_remembered_decisions_are_bounded(tested: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommendation_experiment, "MAX_USERS", 2)

    async def work() -> None:
        for number in range(5):
            await tested.parts.chooser.choose(f"u{number}")

    asyncio.run(work())
    assert len(tested.parts.chooser._remembered) == 2
