"""What Prefect says about deployments, runs and logs, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})


@dataclass(frozen=True)
class Deployment:
    """A deployment as Prefect has it.

    ``accepts``: the names of its flow's parameters; ``schema``: each one's JSON schema, in the flow's order.
    """

    id: str
    name: str
    description: str
    cron: str | None
    paused: bool
    parameters: dict[str, Any]
    accepts: tuple[str, ...]
    tags: tuple[str, ...]
    schema: dict[str, dict[str, Any]] = field(default_factory=dict)
    created_at: datetime | None = None


@dataclass(frozen=True)
class FlowRun:
    """A run at one moment. ``state`` is Prefect's type (``RUNNING``, ``COMPLETED`` ...)."""

    id: str
    name: str
    deployment: str
    state: str
    state_name: str
    message: str
    scheduled_for: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    parameters: dict[str, Any]

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.state in FINAL

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return self.state == "COMPLETED"


@dataclass(frozen=True)
class LogLine:
    """A line that a run logged; ``level`` is Python's number (20 info, 40 error)."""

    at: datetime
    level: int
    message: str


def parse_deployment(one: Mapping[str, Any]) -> Deployment:
    """A deployment out of its JSON."""
    crons = [each["schedule"].get("cron") for each in one.get("schedules", []) if each.get("active")]
    schema: dict[str, dict[str, Any]] = (one.get("parameter_openapi_schema") or {}).get("properties") or {}
    return Deployment(
        id=str(one["id"]),
        name=str(one["name"]),
        description=str(one.get("description") or ""),
        cron=next((cron for cron in crons if cron), None),
        paused=bool(one.get("paused")),
        parameters=dict(one.get("parameters") or {}),
        accepts=tuple(schema),
        tags=tuple(one.get("tags") or ()),
        schema=dict(sorted(schema.items(), key=lambda item: item[1].get("position", len(schema)))),
        created_at=moment(one.get("created")),
    )


def parse_run(one: Mapping[str, Any], deployment: str) -> FlowRun:
    """A run out of its JSON; ``deployment`` is the name to show for it."""
    state = one.get("state") or {}
    return FlowRun(
        id=str(one["id"]),
        name=str(one.get("name", "")),
        deployment=deployment,
        state=str(state.get("type") or one.get("state_type") or "PENDING"),
        state_name=str(state.get("name") or one.get("state_name") or "Pending"),
        message=str(state.get("message") or ""),
        scheduled_for=moment(one.get("expected_start_time")),
        started_at=moment(one.get("start_time")),
        ended_at=moment(one.get("end_time")),
        parameters=dict(one.get("parameters") or {}),
    )


def parse_line(one: Mapping[str, Any]) -> LogLine:
    """A line of a log out of its JSON."""
    at = datetime.fromisoformat(str(one["timestamp"])).astimezone(UTC)
    return LogLine(at, int(one["level"]), str(one["message"]))


def moment(text: Any) -> datetime | None:
    """A time out of its text, in UTC."""
    return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
