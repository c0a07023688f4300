"""Which decision of an experiment a recommendation followed from."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Engine

from storage.copying import cursor
from storage.database import transaction

_READ = """
    select id::text, answer->'experiment'->>'decision_id', answer->'experiment'->>'experiment'
    from predictions
    where id = any(%s::uuid[]) and family = 'recommendation'
        and answer->'experiment'->>'decision_id' is not null
"""


def decisions_of(engine: Engine, recommendations: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Recommendation -> (decision, experiment); those without one, or that are not recorded, are absent.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    asked = {one for one in recommendations if _is_uuid(one)}
    if not asked:
        return {}
    with transaction(engine) as connection, cursor(connection) as cur:
        return {
            one: (decision, experiment) for one, decision, experiment in cur.execute(_READ, (sorted(asked),))
        }


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
