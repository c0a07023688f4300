"""Tables of trending: what is known of engagement, sums by bucket and window, and the lists.

``storage/tables.py`` imports this module, so that all tables are known wherever one is. All but ``trends`` are
the flow's own memory: sums that follow from ``events``, and can be made of them again at any time. How they
are kept: ``storage/trending_sql.py``.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import REAL, CheckConstraint, Double, Index, Integer, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, EntityId

#: Of an account, and with which weight it was counted: see storage/trending_sql.py.
OVERACTIVE, FRESH, KNOWN, SETTLED = -1, 0, 1, 2


class TrendState(Base):
    """Up to where events are counted. One row.

    ``tx``: events of transactions below it are in the sums. It means something only on the server of that
    ``system``, and the sums only under those ``rules``; where either differs all is made anew.
    """

    __tablename__ = "trend_state"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    tx: Mapped[int]
    system: Mapped[str]
    rules: Mapped[str]
    as_of: Mapped[datetime]
    rebuilt_at: Mapped[datetime]


class TrendContribution(Base):
    """What an account did with an item on a day (UTC): the strongest thing, and the first time of that.

    ``value`` is its weight in thousandths, ``level`` what the account was counted as.
    """

    __tablename__ = "trend_contributions"
    __table_args__ = (Index(None, "day"),)

    user_id: Mapped[EntityId] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    item_id: Mapped[EntityId] = mapped_column(primary_key=True)
    item_kind: Mapped[EntityId] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    region: Mapped[EntityId]
    value: Mapped[int] = mapped_column(Integer)
    level: Mapped[int] = mapped_column(SmallInteger)


class TrendAccount(Base):
    """What an account counts as, by the days and items of its contributions."""

    __tablename__ = "trend_accounts"

    user_id: Mapped[EntityId] = mapped_column(primary_key=True)
    level: Mapped[int] = mapped_column(SmallInteger)


class TrendOveractive(Base):
    """A day on which an account engaged with more items than a person can: it counts nothing then."""

    __tablename__ = "trend_overactive"

    user_id: Mapped[EntityId] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)


class TrendBucket(Base):
    """Engagement with an item in a quarter of an hour; ``region`` is empty where it was not told."""

    __tablename__ = "trend_buckets"

    bucket: Mapped[datetime] = mapped_column(primary_key=True)
    item_id: Mapped[EntityId] = mapped_column(primary_key=True)
    item_kind: Mapped[EntityId] = mapped_column(primary_key=True)
    region: Mapped[EntityId] = mapped_column(primary_key=True)
    known: Mapped[int] = mapped_column(Integer)
    fresh: Mapped[int] = mapped_column(Integer)
    weight: Mapped[int]
    fresh_weight: Mapped[int]


class TrendWindow(Base):
    """Engagement with an item in a window, now and (``known_before``) in the one before it.

    ``region`` is empty for all regions together.
    """

    __tablename__ = "trend_windows"

    hours: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    item_id: Mapped[EntityId] = mapped_column(primary_key=True)
    item_kind: Mapped[EntityId] = mapped_column(primary_key=True)
    region: Mapped[EntityId] = mapped_column(primary_key=True)
    known: Mapped[int] = mapped_column(Integer)
    fresh: Mapped[int] = mapped_column(Integer)
    weight: Mapped[int]
    fresh_weight: Mapped[int]
    known_before: Mapped[int] = mapped_column(Integer)


class TrendList(Base):
    """The lists of a window: of which moment they are, how many accounts' engagements they were made of, and
    how many of those came or went since.
    """

    __tablename__ = "trend_lists"

    hours: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    as_of: Mapped[datetime]
    total: Mapped[int]
    changed: Mapped[int]


class Trend(Base):
    """A row of a list: what trends in a window and region, as of ``trend_lists.as_of``."""

    __tablename__ = "trends"

    hours: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    region: Mapped[EntityId] = mapped_column(primary_key=True)
    item_kind: Mapped[EntityId] = mapped_column(primary_key=True)
    item_id: Mapped[EntityId] = mapped_column(primary_key=True)
    score: Mapped[float] = mapped_column(Double)
    velocity: Mapped[float] = mapped_column(Double)
    accounts: Mapped[int]
    direction: Mapped[str]
    growth: Mapped[float | None] = mapped_column(REAL)
    p_value: Mapped[float] = mapped_column(Double)
    q_value: Mapped[float] = mapped_column(Double)
