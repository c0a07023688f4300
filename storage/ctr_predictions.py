"""What the CTR service said about clips, in ``ctr_predictions``, and what then came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg.sql import SQL
from sqlalchemy import Engine

from config.settings import Settings
from storage.copying import cursor
from storage.ctr_history import SETTLED
from storage.database import transaction
from storage.predictions import insert_predictions

#: A prediction is about what is shown within this time after its moment.
AHEAD = timedelta(days=1)
#: One that was asked for later than this after its moment may have known what came.
ASKED_WITHIN = timedelta(days=1)

#: Out of the predictions with those ids, as they are stored: one source for both tables, and nothing twice.
INSERT_CTR = SQL(
    """
    insert into ctr_predictions (id, clip_id, at, placement, audience, device, predicted_ctr, ctr_low, ctr_high,
        predicted_band, confidence, model_version)
    select id, entity_id, at, inputs ->> 'placement', inputs ->> 'audience', inputs ->> 'device',
        (answer ->> 'predicted_ctr')::float8, (answer ->> 'ctr_low')::float8, (answer ->> 'ctr_high')::float8,
        answer ->> 'predicted_band', (answer ->> 'confidence')::float8, coalesce(model_version, 'heuristic')
    from predictions
    where id = any(%s::uuid[]) and family = 'ctr'
        and answer ->> 'predicted_ctr' is not null and answer ->> 'predicted_band' is not null
    order by id
    on conflict (id) do nothing
    """
)

#: Whether an outcome ``o`` is of what a prediction ``p`` was asked about.
MEANT = SQL(
    """
    o.clip_id = p.clip_id and o.started_at >= p.at and o.started_at < p.at + %(ahead)s
    and (p.placement is null or p.placement = o.placement) and (p.audience is null or p.audience = o.audience)
    and (p.device is null or p.device = o.device)
    """
)
#: Whether ``p`` was asked when its moment was there, and not about the past.
IN_TIME = SQL(
    "exists (select from predictions q where q.id = p.id and q.received_at <= p.at + %(asked_within)s)"
)
_JOIN = SQL(
    """
    with news as (
        select o.clip_id, o.started_at from clip_outcomes o
        where (o.ended_at >= %(start)s - %(maturity)s or o.known_at >= %(start)s)
            and o.ended_at < %(end)s - %(maturity)s and o.known_at < %(end)s
            and {settled} >= %(start)s
    ), judged as (
        select distinct p.id, p.clip_id, p.at, p.placement, p.audience, p.device
        from news n join ctr_predictions p
            on p.clip_id = n.clip_id and p.at <= n.started_at and p.at > n.started_at - %(ahead)s
        where {in_time}
    ), sums as (
        select p.id, sum(o.impressions)::bigint as impressions, sum(o.clicks)::bigint as clicks,
            max(o.settled) as settled
        from judged p cross join lateral (
            select distinct on (o.key) o.impressions, o.clicks, {settled} as settled
            from clip_outcomes o
            where {meant} and o.ended_at < %(end)s - %(maturity)s and o.known_at < %(end)s
            order by o.key, o.revision desc
        ) o
        group by p.id
    )
    update ctr_predictions p set
        actual_impressions = s.impressions, actual_clicks = s.clicks, outcome_known_at = s.settled
    from sums s
    where p.id = s.id and (p.outcome_known_at is null or p.outcome_known_at <= s.settled)
    """
).format(settled=SETTLED, meant=MEANT, in_time=IN_TIME)


def insert_ctr_predictions(
    engine: Engine, rows: Sequence[Mapping[str, Any]], *, settings: Settings | None = None
) -> int:
    """Store predictions of the CTR service, and for each a row in ``ctr_predictions``.

    Both in one transaction; what is there already is left as it is. ``entity_id`` is the clip's id or None;
    ``inputs`` has ``placement``, ``audience`` and ``device``, ``answer`` has ``predicted_ctr``,
    ``predicted_band``, and ``ctr_low``, ``ctr_high``, ``confidence`` (numbers or null). Those of forgotten
    people are left out, as in :func:`storage.predictions.insert_predictions`.

    Returns:
        How many predictions were new.

    Raises:
        InputError: a row lacks a field or has a wrong one; the message names the row, and nothing is stored.
        DatabaseUnavailable: the server cannot be reached.
    """
    return insert_predictions(engine, rows, settings=settings, also=INSERT_CTR)


def join_outcomes(engine: Engine, start: datetime, end: datetime, maturity: timedelta) -> int:
    """Write beside each prediction what came of it, where that became final in ``start <= t < end``.

    The impressions and clicks of a prediction are those of its clip in the spans that began within a day after
    its moment, in the placement and audience and on the device that were asked about (all, where none was).
    Doing a window again changes nothing, and what was written of a later one stays. A prediction that was asked
    for more than a day after its moment is left alone: it may have known its outcome.

    Returns:
        How many predictions have their outcome by this.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    values = {
        "start": start,
        "end": end,
        "maturity": maturity,
        "ahead": AHEAD,
        "asked_within": ASKED_WITHIN,
    }
    with transaction(engine) as connection, cursor(connection) as cur:
        return cur.execute(_JOIN, values).rowcount
