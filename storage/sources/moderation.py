"""Labelled texts, and texts that moderation decided about and a person has reviewed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg.sql import SQL, Composable, Literal
from sqlalchemy import Engine

from storage.sources.texts import labelled

FAMILY = "moderation"
#: The text of a reviewed decision is called so, and its decision's id.
PREFIX = "decision/"


def read(engine: Engine, start: datetime, end: datetime) -> dict[str, Any]:
    """``labelled``: what was labelled, or reviewed last, in ``start <= t < end``; in the columns of
    ``storage.sources.texts.LABELLED``.

    The label of a reviewed text are those labels of the review that are about texts; hate is toxic too. A
    rejection without a label says nothing about the text, and nor does one for the pictures alone: neither is
    read.

    Raises:
        DatabaseUnavailable: the server cannot be reached, or went away.
    """
    return {"labelled": labelled(engine, FAMILY, start, end, _reviewed(start, end))}


def _label(labels: Composable) -> Composable:
    """An array of labels as a label column has them."""
    return SQL(
        """coalesce(nullif(concat_ws('+', case when 'spam' = any({labels}) then 'spam' end,
            case when 'hate' = any({labels}) then 'hate' end,
            case when {labels} && array['hate', 'toxicity'] then 'toxicity' end), ''), 'clean')"""
    ).format(labels=labels)


def _reviewed(start: datetime, end: datetime) -> Composable:
    return SQL(
        """
        select {prefix} || d.id::text as text_id, d.text, {label} as label,
            case when d.version is not null then {predicted} end as predicted,
            d.language, null::text as group_id, d.creator_id as user_id, d.at, r.at as labelled_at,
            r.reviewer as labelled_by, abs(s.nearest - 0.5) + 0.5 as confidence,
            2 * abs(s.nearest - 0.5) as margin, d.version as model_version, 'correction' as source,
            exists (
                select from moderation_reviews o
                where o.decision_id = r.decision_id and o.reviewer <> r.reviewer and o.at < {end}
                and (('spam' = any(o.labels)) <> ('spam' = any(r.labels))
                    or ('hate' = any(o.labels)) <> ('hate' = any(r.labels))
                    or ('toxicity' = any(o.labels)) <> ('toxicity' = any(r.labels)))
            ) as disputed
        from (
            select distinct on (decision_id) * from moderation_reviews
            where at >= {start} and at < {end} order by decision_id, at desc, id desc
        ) r
        join moderation_decisions d on d.id = r.decision_id
        cross join lateral (
            select coalesce(array_agg(name) filter (where score >= 0.5), '{{}}') as said,
                min(score) filter (where abs(score - 0.5) = least_far) as nearest
            from (
                select key as name, value::float8 as score,
                    min(abs(value::float8 - 0.5)) over () as least_far
                from jsonb_each_text(d.scores) where key in ('spam', 'hate', 'toxicity')
            ) scored
        ) s
        where d.text is not null and btrim(d.text) <> ''
            and (r.labels && array['spam', 'hate', 'toxicity'] or r.decision = 'approved' and r.labels = '{{}}')
        """
    ).format(
        prefix=Literal(PREFIX),
        label=_label(SQL("r.labels")),
        predicted=_label(SQL("s.said")),
        start=Literal(start),
        end=Literal(end),
    )
