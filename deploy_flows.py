"""The schedule of every flow, in one table, and its deployment to the Prefect work pool.

``python deploy_flows.py`` (or ``assay up``) makes what is missing, changes what differs, removes what is no
longer in the table, and leaves the rest, with its scheduled runs and whether someone paused it, as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.errors import AssayError, FlowError
from config.settings import Settings, apply_tool_environment, load_settings
from models.family import FAMILIES, get_family
from tasks.alert_automations import deploy_alerts

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

ROOT = Path(__file__).resolve().parent
TAG = "assay"


@dataclass(frozen=True)
class Scheduled:
    """A deployment: which flow, when (cron in UTC; None: by hand only), with which parameters."""

    deployment: str
    entrypoint: str
    cron: str | None
    description: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


#: When each family is retrained (UTC).
RETRAIN: dict[str, str] = {
    "viral": "0 3 * * 0",
    "ctr": "0 4 * * *",
    "recommendation": "0 2 * * *",
    "face": "0 2 1 * *",
    "imagery": "0 2 1 * *",
    "moderation": "0 2 1 * *",
    "sentiment": "0 2 1 * *",
    "topics": "0 2 1 * *",
    "entities": "0 2 1 * *",
}

SCHEDULES: tuple[Scheduled, ...] = (
    Scheduled(
        "collect-daily",
        "flows/collect.py:collect_daily",
        "0 0 * * *",
        "Each day at 00:00: every family's examples whose outcome became known the day before, as candidates"
        " for verification. Run it with `date` (and `until`) to fill in past days.",
        tags=("data",),
    ),
    Scheduled(
        "build-datasets-monthly",
        "flows/datasets.py:build_datasets_monthly",
        "0 1 1 * *",
        "On the 1st at 01:00: what was verified in the month before, and the full dataset up to it. Run it with"
        " `month` to build a past month, again after late reviews too.",
        tags=("data",),
    ),
    *(
        Scheduled(
            f"retrain-{family}",
            "flows/retrain.py:retrain",
            RETRAIN.get(family),
            f"Trains a {family} challenger on the latest full dataset, compares it with the champion on the"
            " same rows, and promotes it if it is better beyond chance. Else production stays as it is.",
            {"family": family},
            ("training", family),
        )
        for family in FAMILIES
    ),
    Scheduled(
        "refresh-trending",
        "flows/trending.py:refresh_trending",
        "*/15 * * * *",
        "Every 15 minutes: counts the events that came since the last run, and publishes what trends in each"
        " window, kind, category, language and region. Run it with `rebuild` to count all events anew.",
        tags=("recommendation",),
    ),
    Scheduled(
        "refresh-recommendations",
        "flows/recommendations.py:refresh_recommendations",
        "5 * * * *",
        "Each hour at minute 5: the lists of everybody who was active lately, by the version in production, for"
        " when the service has none. Run it with `user_ids` to make those of some users only.",
        tags=("recommendation",),
    ),
    Scheduled(
        "monitor",
        "flows/monitor.py:monitor",
        "30 5 * * *",
        "Each day at 05:30: how the platform is, whether the data drifted, and whether the models still answer"
        " well. Tells of each finding once, and leaves a report a family. Run it with `day` for a past day.",
        tags=("operating",),
    ),
    Scheduled(
        "retention",
        "flows/retention.py:retention",
        "30 6 * * 6",
        "Saturday 06:30: says what the RETENTION settings would delete, and deletes it where RETENTION_APPLY is"
        " set. Run it with `apply`, and the digest of a plan that you read as `expected`, to delete just that.",
        tags=("operating",),
    ),
    *(
        Scheduled(
            f"moderate-{kind}",
            "flows/content.py:moderate",
            None,
            f"By hand: moderates the {kind}s of `content_ids` again, by the versions in production. What is"
            " published is moderated by itself.",
            {"kind": kind},
            ("content",),
        )
        for kind in ("video", "post", "comment")
    ),
    Scheduled(
        "analyze-content",
        "flows/content.py:analyze",
        None,
        "By hand: tags, categories, sentiment, language, topics and names of `content_ids` again. What is"
        " published is analyzed by itself.",
        tags=("content",),
    ),
    Scheduled(
        "generate-captions",
        "flows/content.py:generate",
        None,
        "By hand: captions (WebVTT and SRT) of the videos of `content_ids`, or of keys in the media bucket.",
        {"kind": "captions"},
        ("content",),
    ),
    Scheduled(
        "generate-thumbnail",
        "flows/content.py:generate",
        None,
        "By hand: the three best pictures of the videos of `content_ids`, or of keys in the media bucket.",
        {"kind": "thumbnails"},
        ("content",),
    ),
    Scheduled(
        "predict-virality",
        "flows/content.py:virality",
        None,
        "By hand: predicts of `video_ids` from their latest snapshots, and records it as the service does.",
        tags=("content", "viral"),
    ),
    Scheduled(
        "update-recommendations",
        "flows/recommendations.py:refresh_recommendations",
        None,
        "By hand: makes the lists of `user_ids` now. Those of everybody who is active are made each hour by"
        " refresh-recommendations.",
        tags=("recommendation",),
    ),
    Scheduled(
        "calculate-trending",
        "flows/trending.py:refresh_trending",
        None,
        "By hand: what trends, now. Each 15 minutes refresh-trending does the same.",
        tags=("recommendation",),
    ),
)


@dataclass(frozen=True)
class Change:
    """What deploying did about one deployment, and which of its properties differed."""

    deployment: str
    action: str
    differences: tuple[str, ...] = ()

    def __str__(self) -> str:
        detail = f" ({', '.join(self.differences)})" if self.differences else ""
        return f"{self.deployment}: {self.action}{detail}"


def deploy(settings: Settings) -> list[Change]:
    """Bring the deployments in Prefect up to :data:`SCHEDULES`.

    Returns:
        One change a deployment: ``created``, ``updated``, ``unchanged`` or ``removed``.

    Raises:
        FlowError: Prefect refused, or does not answer.
    """
    apply_tool_environment(settings)
    with _client(settings) as client:
        _ensure_pool(client, settings.prefect_work_pool)
        existing = _existing(client, settings.prefect_work_pool)
        changes = [
            _deploy_one(client, one, existing.get(one.deployment), settings.prefect_work_pool)
            for one in SCHEDULES
        ]
        wanted = {one.deployment for one in SCHEDULES}
        for name, deployment in existing.items():
            if name not in wanted:
                client.delete_deployment(deployment.id)
                changes.append(Change(name, "removed"))
        changes += [Change(name, action) for name, action in deploy_alerts(client, settings, TAG).items()]
    return changes


@contextmanager
def _client(settings: Settings) -> Iterator[SyncPrefectClient]:
    import httpx
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        with SyncPrefectClient(settings.prefect_url) as client:
            yield client
    except PrefectHTTPStatusError as error:
        raise FlowError(f"Prefect refused the deployment: {error.response.text[:500]}") from error
    except (httpx.TransportError, RuntimeError) as error:
        raise FlowError(
            f"Prefect at {settings.prefect_url} cannot be used: {error}",
            hint="See `assay status`; if it runs elsewhere, check PREFECT_API_URL.",
        ) from error


def _ensure_pool(client: SyncPrefectClient, name: str) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
    from prefect.workers.process import ProcessWorker

    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        pool = WorkPoolCreate(
            name=name,
            type="process",
            base_job_template=template,
            description="Runs Assay's flows as processes.",
        )
        try:
            client.create_work_pool(pool)
        except ObjectAlreadyExists:  # the worker, or another deploy, was quicker
            return


def _existing(client: SyncPrefectClient, pool: str) -> dict[str, DeploymentResponse]:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    found = client.read_deployments(deployment_filter=ours, limit=200)
    return {one.name: one for one in found if one.work_pool_name == pool}


def _deploy_one(
    client: SyncPrefectClient, one: Scheduled, existing: DeploymentResponse | None, pool: str
) -> Change:
    flow_name, wanted = _wanted(one, pool)
    if existing is not None:
        differences = _differences(existing, wanted, one.cron)
        if not differences:
            return Change(one.deployment, "unchanged")
    flow_id = client.create_flow_from_name(flow_name)
    if existing is not None and existing.flow_id != flow_id:  # the flow was renamed: another key in Prefect
        client.delete_deployment(existing.id)
    client.create_deployment(flow_id, one.deployment, schedules=_schedules(one.cron, existing), **wanted)
    return (
        Change(one.deployment, "created")
        if existing is None
        else Change(one.deployment, "updated", differences)
    )


def _wanted(one: Scheduled, pool: str) -> tuple[str, dict[str, Any]]:
    """The flow's name, and the deployment's properties as they should be."""
    from prefect.flows import load_flow_from_entrypoint
    from prefect.utilities.callables import parameter_schema

    flow: Any = load_flow_from_entrypoint(f"{ROOT}/{one.entrypoint}", use_placeholder_flow=False)
    return flow.name, {
        "description": one.description,
        "tags": [TAG, *one.tags],
        "parameters": dict(one.parameters),
        "entrypoint": one.entrypoint,
        # Wherever the worker was started: the run begins in the repository.
        "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}],
        "job_variables": {"working_dir": str(ROOT)},
        "work_pool_name": pool,
        "parameter_openapi_schema": parameter_schema(flow).model_dump(exclude_unset=True),
        "enforce_parameter_schema": True,
    }


def _differences(existing: DeploymentResponse, wanted: Mapping[str, Any], cron: str | None) -> tuple[str, ...]:
    differing = [
        name for name, value in wanted.items() if _comparable(getattr(existing, name)) != _comparable(value)
    ]
    crons = [
        (getattr(one.schedule, "cron", None), getattr(one.schedule, "timezone", None))
        for one in existing.schedules
    ]
    if crons != ([(cron, "UTC")] if cron else []):
        differing.append("schedule")
    return tuple(differing)


def _comparable(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else value


def _schedules(cron: str | None, existing: DeploymentResponse | None) -> list[Any]:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    if cron is None:
        return []
    active = existing.schedules[0].active if existing is not None and existing.schedules else True
    return [DeploymentScheduleCreate(schedule=CronSchedule(cron=cron, timezone="UTC"), active=active)]


def check_families() -> None:
    """Raise unless every family that is scheduled exists."""
    for family in RETRAIN:
        get_family(family)


def main() -> int:
    """Deploy by the settings of the environment; gives the exit status."""
    try:
        check_families()
        for change in deploy(load_settings()):
            sys.stdout.write(f"{change}\n")
    except AssayError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
