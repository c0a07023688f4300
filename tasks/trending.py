"""Trending: bring its sums up to now, judge what rises and falls, and publish the lists."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine

from config.settings import Settings
from models.trending.direction import LEAST_ACCOUNTS
from models.trending.ranking import Ranking, Totals, rank, together
from models.trending.ranking import parts as windows_of
from models.trending.windows import WINDOWS, covers, horizon, moves
from storage.trending import Trending, top
from storage.trending_tick import Counted, Cover, Move, Plan, TooMuchNew, TrendingTick, trending_tick
from tasks.platform import platform
from tasks.policy import computed, networked


@networked("refresh trends")
def refresh_trends(as_of: dt.datetime, rebuild: bool = False) -> dict[str, Any]:
    """Count what is new up to ``as_of``, and publish the lists; see :func:`refresh`.

    When all is made anew each window is ranked by itself, in the running flow's task runner; else what changed
    is ranked sooner than it is handed out.
    """
    with platform() as parts:
        ranked = rank_apart if rebuild else rank
        return refresh(parts.engine, parts.settings, as_of, rebuild=rebuild, ranked=ranked)


@computed("rank window")
def rank_window(counts: pa.Table, totals: Totals, as_of: dt.datetime, min_accounts: int) -> Ranking:
    """The lists of one window; see :func:`models.trending.ranking.rank`."""
    return rank(counts, totals, as_of, min_accounts)


def rank_apart(counts: pa.Table, totals: Totals, as_of: dt.datetime, min_accounts: int) -> Ranking:
    """What :func:`models.trending.ranking.rank` gives, each window by a task of its own."""
    futures = [rank_window.submit(part, totals, as_of, min_accounts) for part in windows_of(counts)]
    return together([future.result() for future in futures])


def refresh(
    engine: Engine,
    settings: Settings,
    as_of: dt.datetime,
    *,
    rebuild: bool = False,
    ranked: Callable[[pa.Table, Totals, dt.datetime, int], Ranking] = rank,
) -> dict[str, Any]:
    """One tick. Its cost follows what is new, and what left a window since the last one.

    A moment before that of the last tick, as of a run that was late, is that of the last tick.

    Args:
        engine: the platform's database.
        settings: with the weights.
        as_of: the moment that the lists are of.
        rebuild: make all sums anew, of this very moment.
        ranked: makes lists of sums, as :func:`models.trending.ranking.rank`.

    Returns:
        Figures: ``as_of``, ``rebuilt``, what was ``counted``, and by window whose lists were made what was
        ``judged`` and the ``scatter``; ``listed`` rows, and the ``seconds`` that each step took.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    began = time.monotonic()
    weights, daily_items = settings.recommendation_weights, settings.trending_daily_items
    with trending_tick(engine, weights, daily_items) as tick:
        moment = as_of if rebuild or tick.last is None else max(as_of, tick.last)
        counted = _count(tick, moment, rebuild)
        summed = time.monotonic()
        ranking = _publish(tick, moment, settings.trending_min_accounts, ranked)
    return {
        "as_of": moment.isoformat(),
        "rebuilt": counted.rebuilt,
        "counted": {
            "events": counted.events,
            "contributions": counted.contributions,
            "repeated": counted.repeated,
            "worthless": counted.worthless,
            "too old": counted.too_old,
            "counted anew": counted.recounted,
            "overactive days": counted.overactive,
        },
        "judged": {name: dict(figures) for name, figures in ranking.judged.items()},
        "scatter": dict(ranking.scatter),
        "listed": ranking.rows.num_rows,
        "seconds": {
            "counting": round(summed - began, 2), "ranking": round(time.monotonic() - summed, 2)
        },
    }  # fmt: skip


def _count(tick: TrendingTick, moment: dt.datetime, rebuild: bool) -> Counted:
    if not rebuild and tick.was is not None:
        try:
            return tick.count(_plan(tick.was, moment))
        except TooMuchNew:
            pass
    return tick.rebuild(_plan(None, moment))


def _plan(was: dt.datetime | None, moment: dt.datetime) -> Plan:
    return Plan(
        moment,
        horizon(moment),
        [Cover(each.hours, each.before, each.start, each.end) for each in covers(moment)],
        [Move(each.hours, each.low, each.high, each.now, each.before) for each in moves(was, moment)],
    )


def _publish(
    tick: TrendingTick,
    moment: dt.datetime,
    min_accounts: int,
    ranked: Callable[[pa.Table, Totals, dt.datetime, int], Ranking],
) -> Ranking:
    hours = tick.due(list(WINDOWS.values()))
    counts = tick.counts(hours, min_accounts, LEAST_ACCOUNTS)
    ranking = ranked(counts, tick.totals(hours), moment, min_accounts)
    tick.publish(hours, ranking.rows, moment)
    return ranking


@networked("read trends")
def leading(limit: int = 10) -> dict[str, list[Trending]]:
    """The first items of each window, of all kinds and regions, for the report."""
    with platform() as parts:
        return {window: top(parts.engine, window=window, limit=limit) for window in WINDOWS}
