"""The sums of trending: the same whatever the pieces in which events come, whole or not at all."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.errors import InputError
from config.settings import Settings
from models.trending.windows import covers, horizon
from storage import trending_tick
from storage.database import transaction
from storage.trending import as_of, top, trend_scores
from storage.trending_tick import TrendingTick
from tests.trending_world import NOW, event, items, known, send, sums, tick


def found(engine: Engine, window: str = "24h", **asked: Any) -> list[str]:
    return [row.item_id for row in top(engine, window=window, **asked)]


def stream(seed: int, size: int) -> list[dict[str, Any]]:
    """Interactions of two months in the order of arrival: late ones, repeated ones, busy and quiet accounts."""
    draw = random.Random(seed)
    rows = []
    for _ in range(size):
        ago = draw.choice(
            [draw.uniform(0, 1500), draw.uniform(0, 60), draw.uniform(0, 3), draw.uniform(700, 760)]
        )
        user = f"u{min(int(draw.expovariate(0.06)), 80)}"
        kind = draw.choice(["view", "view", "like", "share", "skip", "follow"])
        share = draw.choice([None, 0.0, 0.2, 0.7, 1.0]) if kind == "view" else None
        item = f"i{min(int(draw.expovariate(0.2)), 30)}"
        what = draw.choice(["video", "video", "post"]) if item == "i7" else "video"
        region = draw.choice([None, "de", "fr"])
        rows.append(event(user, item, ago, kind, watch_share=share, region=region, item_kind=what))
    return rows


@pytest.mark.parametrize("seed", range(6))
def test_ticks_leave_the_same_as_making_all_anew(engine: Engine, settings: Settings, seed: int) -> None:
    settings = settings.model_copy(update={"trending_daily_items": 6})
    draw, rows = random.Random(seed), stream(seed, 700)
    ago, done = 1500.0, 0
    while ago > 0:
        ago = max(0.0, ago - draw.choice([0.05, 0.25, 1, 9, 30, 200, 800]))
        arrived = rows[done : done + draw.randrange(150)]
        done += len(arrived)
        send(engine, arrived)
        tick(engine, settings, ago)
    send(engine, rows[done:])
    assert not tick(engine, settings)["rebuilt"]
    step_by_step = sums(engine)
    assert all(step_by_step.values())
    assert tick(engine, settings, rebuild=True)["rebuilt"]
    assert sums(engine) == step_by_step


def test_an_account_counts_once_a_day_and_item_by_the_strongest_thing(
    engine: Engine, settings: Settings
) -> None:
    send(engine, [*known("a", "x", 3, "view", watch_share=0.5), *known("b", "x", 3, "view", watch_share=0.5)])
    tick(engine, settings)
    one = top(engine, window="24h")[0]
    send(engine, [event("a", "x", 2, "view", watch_share=0.5) for _ in range(20)])
    tick(engine, settings)
    assert top(engine, window="24h")[0] == one
    send(engine, [event("a", "x", 1, "share")])
    tick(engine, settings)
    again = top(engine, window="24h")[0]
    assert again.accounts == 2
    assert again.velocity == pytest.approx(one.velocity * 5.5)


def test_skips_say_nothing_for_an_item(engine: Engine, settings: Settings) -> None:
    send(engine, [*known("a", "x", 1, "skip"), *known("b", "x", 1, "skip")])
    counted = tick(engine, settings)["counted"]
    assert "x" not in found(engine)
    assert counted["worthless"] == 2


def test_an_engagement_is_in_each_window_until_it_has_passed(engine: Engine, settings: Settings) -> None:
    send(engine, [row for user in "ab" for row in known(user, "x", 0.1)])
    for ago, windows in (
        (0, "1h 6h 24h 7d 30d"),
        (-2, "6h 24h 7d 30d"),
        (-30, "7d 30d"),
        (-500, "30d"),
        (-800, ""),
    ):
        tick(engine, settings, ago)
        assert [
            name for name in ("1h", "6h", "24h", "7d", "30d") if "x" in found(engine, name)
        ] == windows.split()


def test_what_is_told_late_counts_where_it_happened(engine: Engine, settings: Settings) -> None:
    tick(engine, settings, 1)
    send(engine, [row for user in "ab" for row in known(user, "x", 20)])
    tick(engine, settings)
    assert "x" not in found(engine, "6h")
    assert "x" in found(engine, "24h")


def test_a_transaction_that_ends_late_is_counted_then(engine: Engine, settings: Settings) -> None:
    send(engine, [event("z", "w", 1)])
    tick(engine, settings, 1)
    rows = [row for user in "ab" for row in known(user, "x", 0.5)]
    with engine.connect() as slow:
        open_one = slow.begin()
        names = ", ".join(rows[0])
        values = ", ".join(f":{name}" for name in rows[0])
        slow.execute(text(f"insert into events ({names}) values ({values})"), rows)
        send(engine, [row for user in "cd" for row in known(user, "y", 0.5)])
        tick(engine, settings, 0.2)
        assert "x" not in found(engine)
        open_one.commit()
    tick(engine, settings)
    assert {"x", "y"} <= set(found(engine))


def test_ticks_at_once_take_turns(engine: Engine, settings: Settings) -> None:
    send(engine, stream(3, 400))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda ago: tick(engine, settings, ago), [0.5, 0, 0.25, 0]))
    together = sums(engine)
    assert as_of(engine) == NOW
    tick(engine, settings, rebuild=True)
    assert sums(engine) == together


@pytest.mark.parametrize("step", ["_prune", "_settle", "publish"])
def test_a_tick_that_is_killed_leaves_everything_as_it_was(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    rows = stream(4, 400)
    send(engine, rows[:200])
    tick(engine, settings, 1)
    before = sums(engine)
    send(engine, rows[200:])

    def killed(tick: TrendingTick, *_: Any, **__: Any) -> None:
        tick._cursor.execute("select pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patched:
        patched.setattr(TrendingTick, step, killed)
        with pytest.raises(Exception, match=r"terminat|not reachable"):
            tick(engine, settings)
    assert sums(engine) == before
    assert not tick(engine, settings)["rebuilt"]
    after = sums(engine)
    tick(engine, settings, rebuild=True)
    assert sums(engine) == after != before


def test_after_a_restore_into_another_server_and_under_other_weights_all_is_made_anew(
    engine: Engine, settings: Settings
) -> None:
    send(engine, stream(5, 100))
    assert tick(engine, settings)["rebuilt"]
    assert not tick(engine, settings)["rebuilt"]
    with transaction(engine) as connection:
        connection.execute(text("update trend_state set system = 'another', tx = 1 << 40"))
    assert tick(engine, settings)["rebuilt"]
    other = settings.model_copy(
        update={"recommendation_weights": {**settings.recommendation_weights, "like": 9}}
    )
    assert tick(engine, other)["rebuilt"]


def test_very_many_new_events_are_counted_by_making_all_anew(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick(engine, settings, 1)
    monkeypatch.setattr(trending_tick, "MOST_NEW", 10)
    send(engine, stream(6, 100))
    assert tick(engine, settings)["rebuilt"]
    assert found(engine, "30d")


def test_a_late_run_does_not_turn_back_the_clock(engine: Engine, settings: Settings) -> None:
    tick(engine, settings)
    tick(engine, settings, 5)
    assert as_of(engine) == NOW


def test_lists_are_by_kind_category_language_and_region(engine: Engine, settings: Settings) -> None:
    items(engine, "song", category="music", language="de", author_id="ann")
    items(engine, "talk", category="news", language="en")
    for item, region in (("song", "de"), ("talk", "fr"), ("talk", "de")):
        send(engine, [row for user in "abc" for row in known(user + region, item, 1, region=region)])
    send(engine, [row for user in "ab" for row in known(user, "ann", 1, "follow", item_kind="user")])
    tick(engine, settings)
    shown = {"song", "talk", "ann"}
    assert set(found(engine)) & shown == shown
    assert found(engine, category="music") == ["song"]
    assert found(engine, language="en") == ["talk"]
    assert found(engine, region="fr") == ["talk"]
    assert found(engine, region="de", category="music", kind="video") == ["song"]
    assert found(engine, kind="user") == ["ann"]
    assert found(engine, region="it") == []
    assert top(engine, window="24h", category="music")[0].author_id == "ann"
    assert found(engine, limit=1) == ["talk"]


def test_what_was_removed_never_shows(engine: Engine, settings: Settings) -> None:
    items(engine, "x", "y")
    send(engine, [row for user in "ab" for item in "xy" for row in known(user, item, 1)])
    tick(engine, settings)
    with transaction(engine) as connection:
        connection.execute(text("update items set removed_at = now() where id = 'x'"))
    assert not {"x"} & set(found(engine))
    assert "y" in found(engine)
    tick(engine, settings)
    assert "x" not in found(engine)


def test_scores_for_the_recommender_lie_between_0_and_1(engine: Engine, settings: Settings) -> None:
    assert trend_scores(engine, "video", 10) == {}
    send(engine, [row for user in "abcd" for row in known(user, "x", 1)])
    send(engine, [row for user in "ab" for row in known(user, "y", 1)])
    tick(engine, settings)
    scores = trend_scores(engine, "video", 2)
    assert scores["x"] == 1
    assert 0 < scores["y"] < 1


def test_an_unknown_window_is_refused(engine: Engine) -> None:
    with pytest.raises(InputError, match="no window '2h'"):
        top(engine, window="2h")


def test_nothing_is_known_before_the_first_tick(engine: Engine) -> None:
    assert as_of(engine) is None
    assert found(engine) == []


def organic(engine: Engine) -> None:
    """Thirty items, each liked by 6 to 35 known accounts within the day."""
    rows = []
    for number in range(30):
        rows += [row for user in range(6 + number) for row in known(f"p{user}", f"good{number}", user % 20)]
    send(engine, rows)


def test_one_account_with_ten_thousand_events_does_not_carry_an_item(
    engine: Engine, settings: Settings
) -> None:
    organic(engine)
    send(engine, [event("bot", "bought", (number % 20) + number / 1e6, "share") for number in range(10_000)])
    tick(engine, settings)
    assert "bought" not in found(engine, limit=30)


def test_a_burst_of_new_accounts_does_not_carry_an_item(engine: Engine, settings: Settings) -> None:
    organic(engine)
    rows = [
        event(f"bot{number}", "bought", number / 500, kind)
        for number in range(500)
        for kind in ("view", "share")
    ]
    send(engine, rows)
    tick(engine, settings)
    for window in ("1h", "6h", "24h"):
        shown = [row for row in found(engine, window) if not row.startswith("own")]
        assert "bought" not in shown[:10]
    assert found(engine).index("good0") < found(engine).index("bought")


def test_an_account_that_does_more_than_a_person_can_counts_nothing_that_day(
    engine: Engine, settings: Settings
) -> None:
    settings = settings.model_copy(update={"trending_daily_items": 50})
    send(engine, [row for user in "ab" for row in known(user, "x", 1)])
    tick(engine, settings)
    assert "x" in found(engine)
    send(engine, [event(user, f"i{number}", 1) for user in "ab" for number in range(50)])
    assert tick(engine, settings)["counted"]["overactive days"] == 2
    assert "x" not in found(engine)


def test_what_an_account_did_before_it_was_known_counts_once_it_is(engine: Engine, settings: Settings) -> None:
    send(engine, [event(user, "x", 30, "share") for user in "abcd"])
    tick(engine, settings, 29)
    before = top(engine, window="7d")[0].velocity
    send(engine, [event(user, f"{user}{number}", 2) for user in "abcd" for number in range(3)])
    assert tick(engine, settings)["counted"]["counted anew"] == 4
    row = next(row for row in top(engine, window="7d") if row.item_id == "x")
    assert row.velocity > 3 * before


def test_a_tick_waits_for_an_erasure(engine: Engine, settings: Settings) -> None:
    began = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with transaction(engine) as connection:
            trending_tick.lock_ticks(connection)

            def run() -> dict[str, Any]:
                began.set()
                return tick(engine, settings)

            running = pool.submit(run)
            began.wait()
            with pytest.raises(TimeoutError):
                running.result(timeout=0.3)
        assert running.result(timeout=30)["rebuilt"]


def test_time_alone_moves_what_rises(engine: Engine, settings: Settings) -> None:
    rows = []
    for number in range(40):
        for day in (0, 1):
            rows += [
                row
                for user in range(25)
                for row in known(f"p{number}-{user}", f"even{number}", 3 + 24 * day + user / 10)
            ]
    for day, many in ((1, 20), (0, 90)):
        rows += [row for user in range(many) for row in known(f"q{user}", "hit", 2 + 24 * day + user / 60)]
    send(engine, rows)
    tick(engine, settings)
    directions = {row.item_id: row.direction for row in top(engine, window="24h", limit=100)}
    assert directions["hit"] == "rising"
    assert {directions[f"even{number}"] for number in range(40)} == {"stable"}
    later = refreshed(engine, settings, NOW + timedelta(hours=30))
    assert "hit" not in later


def refreshed(engine: Engine, settings: Settings, moment: Any) -> list[str]:
    from tasks.trending import refresh

    refresh(engine, settings, moment)
    return found(engine)


def lists(engine: Engine) -> list[tuple[Any, ...]]:
    with transaction(engine) as connection:
        return sorted(map(tuple, connection.execute(text("select * from trends"))))


def test_lists_are_those_of_the_sums_however_they_came_about(engine: Engine, settings: Settings) -> None:
    rows = stream(8, 600)
    send(engine, rows[:300])
    tick(engine, settings, 200)
    send(engine, rows[300:])
    assert set(tick(engine, settings)["judged"]) == {"1h", "6h", "24h", "7d", "30d"}
    step_by_step = lists(engine)
    tick(engine, settings, rebuild=True)
    assert lists(engine) == step_by_step != []


def test_lists_are_made_when_a_hundredth_of_a_window_has_changed(engine: Engine, settings: Settings) -> None:
    send(engine, [event(f"u{user}", f"i{item}", 300) for user in range(60) for item in range(10)])
    tick(engine, settings, 1)
    send(engine, [event(f"v{user}", "new", 0.5) for user in range(4)])
    assert set(tick(engine, settings, 0.3)["judged"]) == {"1h", "6h", "24h"}
    assert "new" in found(engine, "24h")
    assert "new" not in found(engine, "30d")
    assert as_of(engine, "30d") == NOW - timedelta(hours=1)
    assert as_of(engine, "24h") == as_of(engine) == NOW - timedelta(hours=0.3)
    send(engine, [event(f"w{user}", "new", 0.2) for user in range(3)])
    assert "30d" in tick(engine, settings)["judged"]
    assert "new" in found(engine, "30d")


def test_a_tick_without_anything_new_leaves_the_lists(engine: Engine, settings: Settings) -> None:
    send(engine, stream(9, 200))
    tick(engine, settings)
    before = lists(engine)
    assert tick(engine, settings)["judged"] == {}
    assert lists(engine) == before


def counted_by_hand(rows: list[dict[str, Any]], weights: dict[str, float], most: int) -> set[tuple[Any, ...]]:
    """Rows of ``trend_windows`` at ``NOW``, out of all events, as the documentation tells it."""
    strongest: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in {row["id"]: row for row in rows}.values():
        share = row["watch_share"] if row["kind"] == "view" and row["watch_share"] is not None else 1
        value = round(1000 * weights[row["kind"]] * share)
        key = (row["user_id"], row["at"].date(), row["item_id"], row["item_kind"])
        if value > 0 and row["at"] >= horizon(NOW):
            better = (-value, row["at"], row["region"] or "")
            strongest[key] = min(strongest.get(key, better), better)
    sums: dict[tuple[Any, ...], list[int]] = {}
    for (user, day, item, kind), (negative, at, region) in strongest.items():
        theirs = [key for key in strongest if key[0] == user]
        if sum(key[1] == day for key in theirs) > most:
            continue
        known = len({key[2] for key in theirs}) >= 3
        factor = 4 if len({key[1] for key in theirs}) > 1 else 2
        for cover in covers(NOW):
            for place in {region, ""}:
                total = sums.setdefault((cover.hours, item, kind, place), [0] * 5)
                if cover.start <= at < cover.end:
                    added = (1, 0, -negative * factor, 0, 0) if known else (0, 1, 0, -negative, 0)
                elif cover.before <= at < cover.start:
                    added = (0, 0, 0, 0, int(known))
                else:
                    continue
                total[:] = [one + more for one, more in zip(total, added, strict=True)]
    return {(*key, *values) for key, values in sums.items() if values[0] or values[1] or values[4]}


def test_the_sums_are_those_that_one_counts_by_hand(engine: Engine, settings: Settings) -> None:
    settings = settings.model_copy(update={"trending_daily_items": 6})
    rows = stream(11, 900)
    for number, start in enumerate(range(0, 900, 300)):
        send(engine, rows[start : start + 300])
        tick(engine, settings, 2 - number)
    expected = counted_by_hand(rows, settings.recommendation_weights, 6)
    assert set(sums(engine)["trend_windows"]) == expected
    assert len({row[3] for row in expected}) == 3
