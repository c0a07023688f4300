"""Finding candidates: a page of the queue, single ones, counts and pace.

A page is found by its place (rank, cluster, id), never by counting from the start, so that the last page of
100,000 costs what the first one does. All that a page is filtered by is in the two queue indexes: what does not
fit is passed over without a look at its row.
"""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple

from psycopg.rows import class_row
from psycopg.sql import SQL, Composable, Composed
from sqlalchemy import Engine

from storage.candidate_rows import ACCEPT, COLUMNS, CORRECT, REJECT, STATES, WAITING, Candidate
from storage.copying import cursor
from storage.database import transaction

ANY_STATE = "any"


@dataclass(frozen=True)
class Filter:
    """Which candidates are meant; None means all.

    Attributes:
        day: the day they were collected on; or ``month`` (YYYY-MM) of it. The day goes before the month.
        label: the class that was predicted.
        state: one of ``STATES``, or ``any``.
        kind: of the reason, as ``Candidate.kind`` has it.
        least, most: confidence, both included; a candidate without one is then left out.
    """

    family: str
    day: date | None = None
    month: str | None = None
    label: str | None = None
    state: str = WAITING
    kind: str | None = None
    least: float | None = None
    most: float | None = None
    entity: str | None = None

    @property
    def states(self) -> list[str]:
        """The states that are meant."""
        return list(STATES) if self.state == ANY_STATE else [self.state]

    @property
    def days(self) -> list[date]:
        """The days that are meant; none: all."""
        if self.day is not None:
            return [self.day]
        if self.month is None:
            return []
        year, month = map(int, self.month.split("-"))
        return [date(year, month, number + 1) for number in range(calendar.monthrange(year, month)[1])]


@dataclass(frozen=True)
class Counts:
    """How many candidates there are, each figure by all of a filter but the field that it is about.

    ``days`` has (day, how many wait) of every day on which some wait, newest first.
    """

    by_state: dict[str, int]
    by_label: dict[str, int]
    by_kind: dict[str, int]
    days: list[tuple[date, int]]


def page(
    engine: Engine, chosen: Filter, *, after: tuple[float, str, int] | None = None, limit: int = 50
) -> list[Candidate]:
    """Up to ``limit`` candidates in the order of verification, those behind the place ``after``.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    statement, values = page_statement(chosen, after, limit)
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.row_factory = class_row(Candidate)
        # never with a plan made for other values: which index is the right one depends on them
        return cur.execute(statement, values, prepare=False).fetchall()


def page_statement(
    chosen: Filter, after: tuple[float, str, int] | None, limit: int
) -> tuple[Composed, dict[str, Any]]:
    """The query of :func:`page`, and its values."""
    conditions, values = _conditions(chosen)
    if after is not None:
        conditions.append(SQL("(c.rank, c.cluster, c.id) > (%(rank)s::float8, %(cluster)s, %(id)s::bigint)"))
        values |= dict(zip(("rank", "cluster", "id"), after, strict=True))
    query = _BY_ENTITY if chosen.entity is not None else _BY_QUEUE
    statement = query.format(
        days=SQL("cross join unnest(%(days)s::date[]) as d(day)") if chosen.days else SQL(""),
        day=SQL("c.day = d.day and") if chosen.days else SQL(""),
        conditions=SQL(" and ").join(conditions),
        columns=COLUMNS,
    )
    return statement, values | {"limit": limit}


#: In each state (and day) the first rows by the index's own order, then the first of all of these.
_BY_QUEUE = SQL(
    """
    with place as materialized (
        select c.id from unnest(%(states)s::text[]) as s(state) {days}
        cross join lateral (
            select c.id, c.rank, c.cluster from candidates c
            where c.family = %(family)s and c.state = s.state and {day} {conditions}
            order by c.rank, c.cluster, c.id limit %(limit)s
        ) c
        order by c.rank, c.cluster, c.id limit %(limit)s
    )
    select {columns} from candidates where id in (select id from place) order by rank, cluster, id
    """
)
#: One user or video has few rows: they are found first, and ordered then.
_BY_ENTITY = SQL(
    """
    with own as materialized (
        select * from candidates where family = %(family)s and entity = %(entity)s
    )
    select {columns} from own c
    where c.state = any(%(states)s) and (cardinality(%(days)s::date[]) = 0 or c.day = any(%(days)s))
        and {conditions}
    order by c.rank, c.cluster, c.id limit %(limit)s
    """
)


def get(engine: Engine, ids: Sequence[int]) -> list[Candidate]:
    """The candidates with ``ids`` that there are, in the order of ``ids``."""
    with transaction(engine) as connection, cursor(connection) as cur:
        found = {one.id: one for one in read(cur, ids)}
    return [found[each] for each in dict.fromkeys(ids) if each in found]


def read(cur: Any, ids: Sequence[int]) -> list[Candidate]:
    """The candidates with ``ids`` in a transaction that is under way, in no order."""
    with cur.connection.cursor(row_factory=class_row(Candidate)) as rows:
        statement = SQL("select {} from candidates where id = any(%s)").format(COLUMNS)
        found: list[Candidate] = rows.execute(statement, (list(ids),)).fetchall()
        return found


def counts(engine: Engine, chosen: Filter) -> Counts:
    """How many candidates ``chosen`` and its neighbours mean, in one pass over an index.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    conditions, values = _conditions(replace(chosen, label=None, kind=None))
    if chosen.entity is not None:
        conditions.append(SQL("c.entity = %(entity)s"))
    statement = SQL(
        "select c.day, c.state, c.label, c.kind, count(*) from candidates c"
        " where c.family = %(family)s and {} group by c.day, c.state, c.label, c.kind"
    ).format(SQL(" and ").join(conditions))
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute("set local jit = off")  # costs more than the whole query
        groups = cur.execute(statement, values, prepare=False).fetchall()
    return _facets([_Group(*group) for group in groups], chosen)


class _Group(NamedTuple):
    """How many candidates have all of these in common."""

    day: date
    state: str
    label: str | None
    kind: str | None
    rows: int


def _facets(groups: list[_Group], chosen: Filter) -> Counts:
    states, days = set(chosen.states), set(chosen.days)
    fits: dict[str, Callable[[_Group], bool]] = {
        "day": lambda group: not days or group.day in days,
        "state": lambda group: group.state in states,
        "label": lambda group: chosen.label in (None, group.label),
        "kind": lambda group: chosen.kind in (None, group.kind),
    }

    def counted(about: str, among: list[_Group] = groups) -> Counter[Any]:
        tests = [test for name, test in fits.items() if name != about]
        found: Counter[Any] = Counter()
        for group in among:
            if getattr(group, about) is not None and all(test(group) for test in tests):
                found[getattr(group, about)] += group.rows
        return found

    fits_waiting = [group._replace(state=chosen.states[0]) for group in groups if group.state == WAITING]
    return Counts(
        by_state=dict.fromkeys(STATES, 0) | counted("state"),
        by_label=dict(counted("label").most_common()),
        by_kind=dict(counted("kind").most_common()),
        days=sorted(counted("day", fits_waiting).items(), reverse=True),
    )


def pace(engine: Engine, family: str, *, by: str | None, since: datetime) -> int:
    """How many candidates of ``family`` were decided since then and still are, by that admin or by all."""
    query = """
        select count(*) from candidates
        where family = %s and decided_at >= %s and state = any(%s) and (%s::text is null or decided_by = %s)
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        found = cur.execute(query, (family, since, [ACCEPT, CORRECT, REJECT], by, by)).fetchone()
    return int(found[0]) if found else 0


def _conditions(chosen: Filter) -> tuple[list[Composable], dict[str, Any]]:
    """What must hold of a row beside family, state, day and entity, and the values of all."""
    values: dict[str, Any] = {
        "family": chosen.family, "states": chosen.states, "days": chosen.days, "entity": chosen.entity,
        "label": chosen.label, "kind": chosen.kind, "least": chosen.least, "most": chosen.most,
    }  # fmt: skip
    return list(_asked(chosen)), values


def _asked(chosen: Filter) -> Iterator[Composable]:
    yield SQL("true")
    if chosen.label is not None:
        yield SQL("c.label = %(label)s")
    if chosen.kind is not None:
        yield SQL("c.kind = %(kind)s")
    if chosen.least is not None:
        yield SQL("c.confidence >= %(least)s::float8")
    if chosen.most is not None:
        yield SQL("c.confidence <= %(most)s::float8")
