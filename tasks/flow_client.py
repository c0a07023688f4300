"""Asking Prefect for runs by deployment name, over its REST interface: importing ``prefect`` takes seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from config.errors import FlowError, FlowUnavailable
from config.settings import Settings
from tasks.flow_records import (
    FINAL,
    Deployment,
    FlowRun,
    LogLine,
    parse_deployment,
    parse_line,
    parse_run,
)

if TYPE_CHECKING:
    import httpx

_PAGE = 200
#: What Prefect logs last, and how long to wait for it.
_LAST_LINE, _LATE_LOG_SECONDS = "Finished in state", 4.0


class FlowClient:
    """A client of the Prefect API; a context manager.

    Args:
        settings: where Prefect is.
        timeout: seconds that a single answer may take.
        connect_timeout: seconds that making a connection may take.
        attempts: how often a call is tried while Prefect cannot be reached.
    """

    def __init__(
        self, settings: Settings, *, timeout: float = 15, connect_timeout: float = 3, attempts: int = 3
    ) -> None:
        import httpx

        self._url, self._attempts = settings.prefect_url, attempts
        outside = httpx.URL(self._url).host not in ("127.0.0.1", "localhost", "::1")
        self._client: httpx.Client = httpx.Client(
            base_url=self._url, timeout=httpx.Timeout(timeout, connect=connect_timeout), trust_env=outside
        )

    def __enter__(self) -> FlowClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def deployments(self) -> list[Deployment]:
        """All deployments, by name."""
        found = self._call("POST", "/deployments/filter", {"sort": "NAME_ASC", "limit": _PAGE})
        return [parse_deployment(one) for one in found]

    def deployment(self, name: str) -> Deployment:
        """The deployment called ``name``.

        Raises:
            FlowError: there is none; the message lists those there are.
        """
        filters = {"deployments": {"name": {"any_": [name]}}}
        found = self._call("POST", "/deployments/filter", filters)
        if found:
            return parse_deployment(found[0])
        known = ", ".join(one.name for one in self.deployments())
        raise FlowError(
            f"There is no deployment '{name}' in Prefect.",
            hint=f"There are: {known}." if known else "Run `python deploy_flows.py`.",
        )

    def start(self, name: str, parameters: Mapping[str, Any] | None = None) -> FlowRun:
        """Ask for a run now; returns at once.

        Raises:
            FlowError: no such deployment, parameters that it does not take, or Prefect is away.
        """
        deployment = self.deployment(name)
        if strange := set(parameters or ()) - set(deployment.accepts):
            # Prefect would start the run, which then crashes without a word
            raise FlowError(
                f"{name} takes no {', '.join(sorted(strange))}.",
                hint=f"It takes {', '.join(deployment.accepts)}.",
            )
        body = {
            "parameters": {**deployment.parameters, **(parameters or {})},
            "state": {"type": "SCHEDULED", "message": "asked for by hand"},
            "tags": ["by-hand"],
        }
        plain = json.loads(json.dumps(body, default=str))  # dates as text
        return parse_run(self._call("POST", f"/deployments/{deployment.id}/create_flow_run", plain), name)

    def run(self, run_id: str) -> FlowRun:
        """The run as it stands, without its deployment's name. Raises FlowError."""
        return parse_run(self._call("GET", f"/flow_runs/{run_id}"), "")

    def runs(self, name: str | None = None, limit: int = 20) -> list[FlowRun]:
        """Recent runs, the latest first; of one deployment or of all. Runs of the future are left out."""
        names = {one.id: one.name for one in self.deployments()}
        body: dict[str, Any] = {
            "sort": "EXPECTED_START_TIME_DESC",
            "limit": limit,
            "flow_runs": {"expected_start_time": {"before_": datetime.now(UTC).isoformat()}},
        }
        if name is not None:
            body["deployments"] = {"id": {"any_": [self.deployment(name).id]}}
        found = self._call("POST", "/flow_runs/filter", body)
        return [parse_run(one, names.get(str(one.get("deployment_id")), "")) for one in found]

    def last_success(self, deployment_id: str) -> datetime | None:
        """When a run of the deployment ended well last; None: none that Prefect knows of did."""
        body = {
            "sort": "END_TIME_DESC",
            "limit": 1,
            "flow_runs": {
                "deployment_id": {"any_": [deployment_id]},
                "state": {"type": {"any_": ["COMPLETED"]}},
            },
        }
        found = self._call("POST", "/flow_runs/filter", body)
        return parse_run(found[0], "").ended_at if found else None

    def workers(self, pool: str) -> list[dict[str, Any]]:
        """The workers of a work pool as Prefect has them; none where there is no such pool."""
        from urllib.parse import quote

        try:
            return list(self._call("POST", f"/work_pools/{quote(pool, safe='')}/workers/filter", {}))
        except FlowUnavailable:
            raise
        except FlowError:
            return []

    def late_runs(self, before: datetime, limit: int = _PAGE) -> list[FlowRun]:
        """Runs that should have begun before that moment and have not, the latest first."""
        return self._runs_where(
            {
                "expected_start_time": {"before_": before.isoformat()},
                "state": {"type": {"any_": ["SCHEDULED"]}, "name": {"any_": ["Late", "Scheduled"]}},
            },
            "EXPECTED_START_TIME_DESC",
            limit,
        )

    def ended_runs(self, since: datetime, limit: int = _PAGE) -> list[FlowRun]:
        """Runs that ended since then, the latest first."""
        states = {"type": {"any_": sorted(FINAL)}}
        return self._runs_where(
            {"end_time": {"after_": since.isoformat()}, "state": states}, "END_TIME_DESC", limit
        )

    def last_good_run(self, name: str) -> FlowRun | None:
        """The latest run of a deployment that completed; None: none did, or there is no such deployment."""
        body = {
            "sort": "END_TIME_DESC",
            "limit": 1,
            "deployments": {"name": {"any_": [name]}},
            "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
        }
        return next((parse_run(one, name) for one in self._call("POST", "/flow_runs/filter", body)), None)

    def running(self, name: str) -> list[FlowRun]:
        """Runs of a deployment that run now or wait for a worker, those of the schedule's future left out."""
        body = {
            "limit": _PAGE,
            "deployments": {"name": {"any_": [name]}},
            "flow_runs": {
                "expected_start_time": {"before_": datetime.now(UTC).isoformat()},
                "state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"]}},
            },
        }
        return [parse_run(one, name) for one in self._call("POST", "/flow_runs/filter", body)]

    def emit(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Tell Prefect that something happened; see ``prefect.events.Event`` for the form.

        Raises:
            FlowError: it refused, or is away.
        """
        self._call("POST", "/events", list(events))

    def _runs_where(self, filters: Mapping[str, Any], sort: str, limit: int) -> list[FlowRun]:
        names = {one.id: one.name for one in self.deployments()}
        body = {"sort": sort, "limit": limit, "flow_runs": dict(filters)}
        found = self._call("POST", "/flow_runs/filter", body)
        return [parse_run(one, names.get(str(one.get("deployment_id")), "")) for one in found]

    def logs(self, run_id: str, skip: int = 0) -> list[LogLine]:
        """Lines that the run logged after the first ``skip``, in order."""
        body = {
            "logs": {"flow_run_id": {"any_": [run_id]}},
            "sort": "TIMESTAMP_ASC",
            "offset": skip,
            "limit": _PAGE,
        }
        return [parse_line(one) for one in self._call("POST", "/logs/filter", body)]

    def last_logs(self, run_id: str, count: int) -> list[LogLine]:
        """The last lines that the run logged, up to 200, in order."""
        filters = {"flow_run_id": {"any_": [run_id]}}
        body = {"logs": filters, "sort": "TIMESTAMP_DESC", "limit": min(count, _PAGE)}
        return [parse_line(one) for one in reversed(self._call("POST", "/logs/filter", body))]

    def follow(
        self,
        run_id: str,
        *,
        on_state: Callable[[FlowRun], None] = lambda _run: None,
        on_log: Callable[[LogLine], None] | None = None,
        timeout: float | None = None,
        pause: float = 0.5,
    ) -> FlowRun:
        """Watch a run until it ends: ``on_state`` for each new state, ``on_log`` for each new line.

        Raises:
            FlowError: it has not ended after ``timeout`` seconds, or Prefect went away for good.
        """
        started, state = time.monotonic(), ""
        log = _LogTail(self, run_id, on_log)
        while True:
            run = self.run(run_id)
            if run.state_name != state:
                state = run.state_name
                on_state(run)
            log.read()
            if run.ended:
                log.read_rest()
                return run
            if timeout is not None and time.monotonic() - started > timeout:
                raise FlowError(
                    f"The run has not ended after {timeout:g} s; it is {run.state_name}.",
                    hint="It goes on. If it is late, see whether the worker runs: `assay status`.",
                )
            time.sleep(pause)

    def report(self, run_id: str) -> str:
        """The report that the run left, as markdown; "" when it left none."""
        texts = [one["data"] for one in self._artifacts(run_id) if one["type"] == "markdown"]
        return "\n\n".join(texts)

    def summary(self, run_id: str) -> dict[str, Any]:
        """The figures that the run left, by dotted name; empty when it left none."""
        for one in self._artifacts(run_id):
            if one["type"] == "table" and str(one["key"]).endswith("-summary"):
                rows = json.loads(one["data"]) if isinstance(one["data"], str) else one["data"]
                return {row["figure"]: row["value"] for row in rows}
        return {}

    def _artifacts(self, run_id: str) -> list[dict[str, Any]]:
        body = {"artifacts": {"flow_run_id": {"any_": [run_id]}}, "sort": "CREATED_DESC", "limit": _PAGE}
        return list(self._call("POST", "/artifacts/filter", body))

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        import httpx

        for attempt in range(1, self._attempts + 1):
            try:
                response = self._client.request(method, path, json=body)
                break
            except httpx.TransportError as error:
                # Only what never reached the server, or only reads, is asked again.
                again = isinstance(error, httpx.ConnectError) or not path.endswith("create_flow_run")
                if attempt == self._attempts or not again:
                    raise FlowUnavailable(
                        f"Prefect at {self._url} does not answer: {error or type(error).__name__}.",
                        hint="See `assay status`, or start the platform with `assay up`.",
                    ) from error
                time.sleep(0.5 * attempt)
        if response.is_success:
            return response.json() if response.content else None
        raise FlowError(f"Prefect refused the request: {_reason(response)}.")


class _LogTail:
    """A run's log as it grows; reads nothing when nobody listens."""

    def __init__(self, client: FlowClient, run_id: str, listener: Callable[[LogLine], None] | None) -> None:
        self._client, self._run_id, self._listener = client, run_id, listener
        self._seen, self._complete = 0, False

    def read(self) -> None:
        """Pass on what is new."""
        while self._listener is not None:
            page = self._client.logs(self._run_id, self._seen)
            for line in page:
                self._listener(line)
                self._complete = line.message.startswith(_LAST_LINE)
            self._seen += len(page)
            if len(page) < _PAGE:
                return

    def read_rest(self) -> None:
        """Pass on the end of an ended run's log, which Prefect gets a moment after the run's last state."""
        deadline = time.monotonic() + _LATE_LOG_SECONDS
        while self._listener is not None and not self._complete and time.monotonic() < deadline:
            time.sleep(0.2)
            self.read()


def _reason(response: httpx.Response) -> str:
    try:
        detail = response.json().get("detail", response.text)
    except (ValueError, AttributeError):
        detail = response.text
    return str(detail or f"HTTP {response.status_code}")[:500].rstrip(".")
