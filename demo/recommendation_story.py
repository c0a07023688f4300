"""The demo's feed, each step as its user would do it: imports, flows, a list for somebody who acts, flags."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from cli.flow_client import run_flow
from config.errors import AssayError
from config.settings import Settings
from demo.progress import Progress
from demo.recommendation_world import TASTE, FeedWorld, RecommendationSize, make_feed_world
from demo.story import SEED, ask_service, import_table, retrain

PATH = "/api/v1/recommend"
FLAG = "mlRecommendations"
SHOWN = 5
#: People who are asked for while the flag is on for half of all.
ASKED = 40
#: A change of a flag, and an act, count within this long.
SECONDS = 15.0
_INDENT = "\n     "


@dataclass(frozen=True)
class Feed:
    """Whom the demo asks for, and what the items are called.

    Attributes:
        user: somebody who likes food and pets.
        users: people who did something, the demo's own among them.
        titles: what a person sees of each item, by its id.
        rising: ids of the videos that rise in the last day, as nobody but the demo knows.
        falling: id of the video that falls.
    """

    user: str
    users: tuple[str, ...]
    titles: dict[str, str]
    rising: tuple[str, ...]
    falling: str

    @classmethod
    def of(cls, world: FeedWorld) -> Feed:
        """Those of a world."""
        items = world.catalogue.select(["item_id", "text", "category"]).to_pylist()
        names = dict.fromkeys(name for name in world.interactions["user_id"].to_pylist() if name)
        return cls(
            world.user,
            tuple(names),
            {one["item_id"]: f"{one['text']} ({one['category']})" for one in items},
            world.rising,
            world.falling,
        )


def import_feed(
    settings: Settings, now: datetime, progress: Progress, size: RecommendationSize | None = None
) -> Feed:
    """Import the catalogue of the sample world, and what people did in it."""
    world = make_feed_world(now, SEED, size)
    progress.say("items")
    import_table(settings, "recommendation", "catalogue", world.catalogue)
    progress.say("interactions")
    said = import_table(settings, "recommendation", "interactions", world.interactions)
    progress.done(f"{world.catalogue.num_rows} items to recommend; {said}")
    return Feed.of(world)


def retrain_recommendation(settings: Settings, progress: Progress) -> str:
    """Train recommendation as it is trained each night; the version in production afterwards."""
    return retrain(settings, progress, "recommendation", "ndcg_at_20", "questions about days it never saw")


def refresh(settings: Settings, feed: Feed, progress: Progress) -> dict[str, str]:
    """Find what trends, and make everybody's lists ahead, as both is done all day; the directions of a day."""
    told: Callable[[Any], None] = lambda line: progress.say(line.message)  # noqa: E731
    run_flow(settings, "refresh-trending", {}, on_log=told)
    lists = run_flow(settings, "refresh-recommendations", {}, on_log=told)
    with _client(settings) as client:
        asked: dict[str, str | int] = {"time_window": "24h", "limit": 50}
        answer = _checked(client.get("/api/v1/trending", params=asked))
    found = {one["item_id"]: one["direction"] for one in answer["items"]}
    progress.done(
        f"lists for {lists['users']} people. Of the last 24 hours:"
        + "".join(_INDENT + line for line in _directions(feed, answer["items"]))
    )
    return found


def _directions(feed: Feed, items: Sequence[dict[str, Any]]) -> Iterator[str]:
    by = {name: [one for one in items if one["direction"] == name] for name in ("rising", "falling", "stable")}
    for name, most in (("rising", 3), ("falling", 1)):
        for one in by[name][:most]:
            title = feed.titles.get(one["item_id"], one["item_id"])
            yield f"{name}: {title}, {one['growth']:.1f} times its share of the day before"
    counted = ", ".join(f"{len(found)} {name}" for name, found in by.items() if found)
    yield f"of the first {len(items)} videos: {counted}"


def recommend_and_act(settings: Settings, version: str, feed: Feed, progress: Progress) -> None:
    """Ask for a list, watch and like one of it, and ask again: the next list knows of it."""
    question = {"user_id": feed.user, "limit": SHOWN}
    first = ask_service(settings, "recommendation", question, version, path=PATH)
    liked = first["items"][0]["id"]
    act(settings, feed.user, liked, first["recommendation_id"])
    second = next_list(settings, question, first)
    old = {one["id"] for one in first["items"]}
    new = [one for one in second["items"] if one["id"] not in old]
    progress.done(
        f"{feed.user}, who likes {' and '.join(TASTE)}, gets"
        + "".join(lines(feed, first["items"]))
        + f"{_INDENT}They watch and like the first one. A moment later the list goes without it, and has"
        + "".join(lines(feed, new))
    )


def lines(feed: Feed, items: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A line for each item: its title, and why it is there."""
    for one in items:
        yield f"{_INDENT}- {feed.titles.get(one['id'], one['id'])}: {one['reason']}"


def act(settings: Settings, user: str, item: str, recommendation: str | None = None) -> None:
    """Tell the service that the user watched an item of a list to its end, and liked it."""
    common = {"user_id": user, "item_id": item} | (
        {"recommendation_id": recommendation} if recommendation else {}
    )
    events = [{**common, "kind": "view", "watch_share": 1.0}, {**common, "kind": "like"}]
    with _client(settings) as client:
        _checked(client.post("/api/v1/events", json={"events": events}))


def next_list(settings: Settings, question: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The list after an act: one with other items than ``before``.

    Raises:
        AssayError: the list stayed as it was.
    """
    old, deadline = [one["id"] for one in before["items"]], time.monotonic() + SECONDS
    with _client(settings) as client:
        while time.monotonic() < deadline:
            answer = _checked(client.post(PATH, json=question))
            if [one["id"] for one in answer["items"]] != old:
                return answer
            time.sleep(0.2)
    raise AssayError(f"The list of {question['user_id']} is as it was before they acted.")


def roll_out(settings: Settings, feed: Feed, progress: Progress) -> dict[str, int]:
    """Let the model answer half of the people only, ask for some, and undo it; who answered how many."""
    with rolled_out(settings, 50, "half, to see") as before, _client(settings) as client:
        await_flag(settings, 50)
        progress.say(f"asking for {ASKED} people")
        questions = [{"user_id": user, "limit": SHOWN} for user in feed.users[:ASKED]]
        by = Counter(_checked(client.post(PATH, json=one))["answered_by"] for one in questions)
    await_flag(settings, before)
    progress.done(
        f"{FLAG} on for 50 %: of {ASKED} people the model answers {by['model']}, the heuristic "
        f"{by['heuristic']}. Now it is on as before."
    )
    return dict(by)


@contextmanager
def rolled_out(settings: Settings, percent: int, reason: str) -> Iterator[int]:
    """The flag on for so many percent of the users, 0 is off, and then as it was: for the percentage given."""
    from storage.database import make_engine
    from storage.flags import read_flags

    engine = make_engine(settings, pool_size=1)
    try:
        before = read_flags(engine)[FLAG]
        _set(engine, percent > 0, percent or before.rollout, reason)
        try:
            yield before.state.share
        finally:
            _set(engine, before.enabled, before.rollout, "back to what it was")
    finally:
        engine.dispose()


def _set(engine: Any, enabled: bool, rollout: int, reason: str) -> None:
    from config.flags import FlagState
    from storage.flags import read_flags, set_flag

    if read_flags(engine)[FLAG].state == FlagState(enabled, rollout):
        return  # nothing would change
    set_flag(
        engine, FLAG, enabled=enabled, rollout=rollout, actor="make demo", reason=reason, at=datetime.now(UTC)
    )


def await_flag(settings: Settings, percent: int) -> None:
    """Wait until the service goes by the flag.

    Raises:
        AssayError: it did not take it up in time.
    """
    deadline = time.monotonic() + SECONDS
    with _client(settings) as client:
        while time.monotonic() < deadline:
            flag = _checked(client.get("/api/v1/model/status"))["flags"][FLAG]
            if (flag["rollout"] if flag["enabled"] else 0) == percent:
                return
            time.sleep(0.2)
    raise AssayError(
        f"The recommendation service did not take up the flag within {SECONDS:.0f} s.",
        hint="Look at `assay logs recommendation`.",
    )


def _client(settings: Settings) -> httpx.Client:
    key = settings.ml_api_key.get_secret_value() if settings.ml_api_key else ""
    base = f"http://127.0.0.1:{settings.service_port('recommendation')}"
    return httpx.Client(base_url=base, headers={"X-API-Key": key}, timeout=10)


def _checked(response: httpx.Response) -> dict[str, Any]:
    if response.is_error:
        raise AssayError(f"The recommendation service answered {response.status_code}: {response.text[:300]}")
    found: dict[str, Any] = response.json()
    return found
