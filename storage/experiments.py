"""Experiments and their life: draft -> running <-> paused -> concluded, with every change on record.

A change locks the experiment's row and writes its record in the same transaction, so that of two people who
change it at once one is first, and the other is told. Counts of decisions and rewards are not changed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine, delete, func, insert, select, text, update
from sqlalchemy.dialects import postgresql

from config.errors import ExperimentConflict, InputError
from storage import tables
from storage.database import transaction
from storage.experiment_records import (
    Change,
    ExperimentRecord,
    check_id,
    not_found,
    read_experiment,
    read_variants,
    write_change,
)
from storage.rows import plain_json

__all__ = [
    "Action",
    "Change",
    "ExperimentRecord",
    "alarm",
    "change_state",
    "changes",
    "create",
    "edit",
    "every",
    "get",
]

Action = Literal["start", "pause", "resume", "conclude"]
#: action -> (the states in which it can be done, the state that it leads to)
MOVES: Mapping[Action, tuple[tuple[str, ...], str]] = {
    "start": (("draft",), "running"),
    "pause": (("running",), "paused"),
    "resume": (("paused",), "running"),
    "conclude": (("draft", "running", "paused"), "concluded"),
}
_EXPERIMENT = tables.Experiment.__table__
_VARIANT = tables.ExperimentVariant.__table__
_CHANGE = tables.ExperimentChange.__table__


def create(engine: Engine, definition: Mapping[str, Any], *, actor: str, at: datetime) -> ExperimentRecord:
    """Keep a new experiment as a draft. ``definition`` is one that was checked already.

    Raises:
        ExperimentConflict: there is one of that id.
    """
    values = {
        "id": definition["id"], "title": definition["title"], "state": "draft", "revision": 1,
        "definition": plain_json(definition), "created_at": at, "created_by": actor,
    }  # fmt: skip
    with transaction(engine) as connection:
        made = connection.execute(
            postgresql.insert(tables.Experiment)
            .values(values)
            .on_conflict_do_nothing()
            .returning(_EXPERIMENT.c.id)
        )
        if made.first() is None:
            raise ExperimentConflict(
                f"There is an experiment '{definition['id']}' already.", hint="Take another id."
            )
        _add_variants(connection, definition)
        write_change(connection, definition["id"], "create", None, "draft", actor=actor, at=at)
        return read_experiment(connection, definition["id"])


def edit(
    engine: Engine,
    experiment_id: str,
    definition: Mapping[str, Any],
    *,
    actor: str,
    at: datetime,
    revision: int | None = None,
    reason: str | None = None,
) -> ExperimentRecord:
    """Replace a draft's definition; the record keeps the one before.

    ``revision`` is the revision that the change was made from (None: whichever there is).

    Raises:
        ExperimentNotFound: there is none of that id.
        ExperimentConflict: it is a draft no longer, or somebody else changed it since ``revision``.
        InputError: the definition is of another id.
    """
    if definition["id"] != experiment_id:
        raise InputError(
            f"The id of an experiment stays: it is '{experiment_id}', not '{definition['id']}'.",
            hint="Create another experiment instead.",
        )
    with transaction(engine) as connection:
        before = _locked(connection, experiment_id, revision)
        if before["state"] != "draft":
            raise ExperimentConflict(
                f"Experiment '{experiment_id}' is {before['state']}: only a draft can be edited.",
                hint=(
                    "Create another one."
                    if before["state"] == "concluded"
                    else "Conclude it and create another one: figures of two definitions cannot be added up."
                ),
            )
        connection.execute(delete(tables.ExperimentVariant).where(_VARIANT.c.experiment_id == experiment_id))
        _add_variants(connection, definition)
        _update(connection, experiment_id, title=definition["title"], definition=plain_json(definition))
        write_change(
            connection, experiment_id, "edit", "draft", "draft", actor=actor, at=at, reason=reason,
            details={"before": before["definition"]},
        )  # fmt: skip
        return read_experiment(connection, experiment_id)


def change_state(
    engine: Engine,
    experiment_id: str,
    action: Action,
    *,
    actor: str,
    at: datetime,
    reason: str | None = None,
    winner: str | None = None,
    details: Mapping[str, Any] | None = None,
    revision: int | None = None,
) -> ExperimentRecord:
    """Start, pause, resume or conclude.

    With ``conclude`` everybody gets ``winner`` from then on. Without one everybody gets the control, and there
    must be a reason; a draft can only be concluded so: it is given up. ``details`` are kept with the change,
    such as the figures of that moment. ``revision`` is the one that the decision was made from.

    Raises:
        ExperimentNotFound: there is none of that id.
        ExperimentConflict: its state does not allow the action, or somebody else changed it since ``revision``.
        InputError: the winner is no variant; neither winner nor reason.
    """
    reason = (reason or "").strip() or None
    with transaction(engine) as connection:
        before = _locked(connection, experiment_id, revision)
        check_move(experiment_id, before["state"], action)
        to_state = MOVES[action][1]
        changed: dict[str, Any] = {"state": to_state}
        if action == "start":
            changed["started_at"] = at
        if action == "conclude":
            _check_conclusion(connection, before, winner, reason)
            changed |= {"winner": winner, "concluded_at": at}
        _update(connection, experiment_id, **changed)
        kept = dict(details or {}) | ({"winner": winner} if action == "conclude" else {})
        write_change(
            connection, experiment_id, action, before["state"], to_state, actor=actor, at=at, reason=reason,
            details=kept,
        )  # fmt: skip
        return read_experiment(connection, experiment_id)


def alarm(
    engine: Engine,
    experiment_id: str,
    *,
    about: str,
    actor: str,
    reason: str,
    at: datetime,
    details: Mapping[str, Any] | None = None,
) -> bool:
    """Put an alarm on record, unless the same one is there since the experiment last started or resumed.

    Two alarms are the same where ``about`` is: such as ``variant/metric``.

    Returns:
        Whether it was new. Of several processes that see the same thing, one is told so.

    Raises:
        ExperimentNotFound: there is none of that id.
    """
    with transaction(engine) as connection:
        state = _locked(connection, experiment_id)["state"]
        since = (
            select(func.coalesce(func.max(_CHANGE.c.id), 0))
            .where(_CHANGE.c.experiment_id == experiment_id, _CHANGE.c.action.in_(("start", "resume")))
            .scalar_subquery()
        )
        known = select(_CHANGE.c.id).where(
            _CHANGE.c.experiment_id == experiment_id, _CHANGE.c.action == "alarm", _CHANGE.c.id > since,
            _CHANGE.c.details["about"].astext == about,
        )  # fmt: skip
        if connection.execute(known).first() is not None:
            return False
        write_change(
            connection, experiment_id, "alarm", state, state, actor=actor, at=at, reason=reason,
            details={**(details or {}), "about": about},
        )  # fmt: skip
        return True


def get(engine: Engine, experiment_id: str) -> ExperimentRecord:
    """The experiment of that id. Raises ExperimentNotFound."""
    with transaction(engine) as connection:
        return read_experiment(connection, experiment_id)


def every(engine: Engine, *, state: str | None = None) -> list[ExperimentRecord]:
    """All experiments, or those in ``state``: running ones first, then the newest first."""
    order = text("array_position(array['running', 'paused', 'draft', 'concluded'], state)")
    query = select(_EXPERIMENT).order_by(order, _EXPERIMENT.c.created_at.desc(), _EXPERIMENT.c.id)
    if state is not None:
        query = query.where(_EXPERIMENT.c.state == state)
    with transaction(engine) as connection:
        # One picture: an experiment that comes in between is in neither answer.
        connection.execute(text("set transaction isolation level repeatable read, read only"))
        rows = connection.execute(query).mappings().all()
        variants = read_variants(connection, [row["id"] for row in rows])
    return [ExperimentRecord(**row, variants=variants.get(row["id"], [])) for row in rows]


def changes(engine: Engine, experiment_id: str) -> list[Change]:
    """Every change of an experiment, the newest first. Raises ExperimentNotFound."""
    check_id(experiment_id)
    query = select(_CHANGE).where(_CHANGE.c.experiment_id == experiment_id).order_by(_CHANGE.c.id.desc())
    with transaction(engine) as connection:
        found = [Change(**row) for row in connection.execute(query).mappings()]
    if not found:
        raise not_found(experiment_id)
    return found


def _locked(connection: Connection, experiment_id: str, revision: int | None = None) -> Mapping[str, Any]:
    """The experiment's row, ours until the transaction ends; decisions that only refer to it do not wait."""
    check_id(experiment_id)
    query = select(_EXPERIMENT).where(_EXPERIMENT.c.id == experiment_id).with_for_update(key_share=True)
    found = connection.execute(query).mappings().one_or_none()
    if found is None:
        raise not_found(experiment_id)
    if revision is not None and found["revision"] != revision:
        raise ExperimentConflict(
            f"Somebody changed experiment '{experiment_id}' in the meantime: it is {found['state']}, at "
            f"revision {found['revision']}, and you saw revision {revision}.",
            hint="Look at it again, then decide.",
        )
    return dict(found)


def _check_conclusion(
    connection: Connection, before: Mapping[str, Any], winner: str | None, reason: str | None
) -> None:
    if winner is None:
        if reason is None:
            raise InputError("An experiment without a winner ends with a reason: say why.")
        return
    names = [row["variant"] for row in read_variants(connection, [before["id"]])[before["id"]]]
    if winner not in names:
        raise InputError(
            f"'{winner}' is no variant of '{before['id']}'.", hint=f"Variants: {', '.join(names)}."
        )
    if before["state"] == "draft":
        raise ExperimentConflict(
            f"Experiment '{before['id']}' has not run: it has no winner.",
            hint="Start it, or conclude it with a reason and without a winner.",
        )


def check_move(experiment_id: str, state: str, action: Action) -> None:
    """Raises ExperimentConflict where an experiment of that state does not allow the action."""
    if state not in MOVES[action][0]:
        raise ExperimentConflict(
            f"Experiment '{experiment_id}' is {state}: it cannot {action} now.", hint=_possible(state)
        )


def _possible(state: str) -> str:
    actions = [action for action, (states, _) in MOVES.items() if state in states]
    return f"Possible now: {', '.join(actions)}." if actions else "Create another experiment to go on."


def _update(connection: Connection, experiment_id: str, **values: Any) -> None:
    connection.execute(
        update(tables.Experiment)
        .where(_EXPERIMENT.c.id == experiment_id)
        .values(revision=_EXPERIMENT.c.revision + 1, **values)
    )


def _add_variants(connection: Connection, definition: Mapping[str, Any]) -> None:
    none = {"decisions": 0, "rewarded": 0, "reward_sum": 0, "reward_squares": 0}
    rows = [
        {"experiment_id": definition["id"], "variant": variant["name"], "position": position, **none}
        for position, variant in enumerate(definition["variants"])
    ]
    connection.execute(insert(tables.ExperimentVariant), rows)
