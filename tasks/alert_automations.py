"""What Prefect itself tells of: a flow run that fails. The channels are blocks and the rule an automation, both
to be seen and edited in the Prefect UI.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from config.settings import Settings
from tasks.alert_channels import BLOCK, channels

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger

FAILED_RUNS = "Assay: a flow run failed"
#: A deployment that goes on failing is told of again after so long: with a store away one may fail each quarter
#: of an hour. One that is to run each day tells of each day.
QUIET = dt.timedelta(hours=12)
_SUBJECT = "Assay: {{ flow_run.name }} {{ flow_run.state.name | lower }}"
_BODY = (
    "The run {{ flow_run.name }} of {{ flow.name }} {{ flow_run.state.name | lower }}: "
    "{{ flow_run.state.message or 'no reason given' }}\n{{ flow_run | ui_url }}"
)


def deploy_alerts(client: SyncPrefectClient, settings: Settings, tag: str) -> dict[str, str]:
    """Bring the channels' blocks and the automation in Prefect up to the settings.

    What somebody changed in the automation's trigger, or whether it is on, stays; a trigger that is as an
    earlier version made it becomes today's. Without a channel there is no automation.

    Args:
        client: of Prefect.
        settings: with the channels.
        tag: of the deployments whose runs are meant.

    Returns:
        ``created``, ``updated``, ``unchanged`` or ``removed`` by the name of what it is about.

    Raises:
        SettingsError: e-mail is wanted, and its server or sender is not set.
    """
    blocks = {name: _save(settings, name, block) for name, block in channels(settings).items()}
    existing = client.read_automations_by_name(FAILED_RUNS)
    if not blocks:
        for one in existing:
            client.delete_automation(one.id)
        return {FAILED_RUNS: "removed"} if existing else {}
    wanted = _automation(list(blocks.values()), tag)
    if not existing:
        client.create_automation(wanted)
        return {FAILED_RUNS: "created"}
    changed: dict[str, Any] = {}
    if _tells(existing[0]) != _tells(wanted):
        changed["actions"] = wanted.actions
    if _meant(existing[0].trigger) in [_meant(one) for one in _earlier_triggers(tag)]:
        changed |= {"trigger": wanted.trigger, "description": wanted.description}
    if not changed:
        return {FAILED_RUNS: "unchanged"}
    kept: Any = existing[0].model_copy(update=changed)
    client.update_automation(existing[0].id, _core(kept))
    return {FAILED_RUNS: "updated"}


def _save(settings: Settings, name: str, block: Any) -> UUID:
    import prefect.settings

    changed = {
        prefect.settings.PREFECT_API_URL: settings.prefect_url,
        prefect.settings.PREFECT_SERVER_EPHEMERAL_ENABLED: False,
    }
    with prefect.settings.temporary_settings(changed):
        found: UUID = block.save(BLOCK.format(name), overwrite=True, _sync=True)
    return found


def _automation(blocks: list[UUID], tag: str) -> AutomationCore:
    from prefect.events.actions import SendNotification
    from prefect.events.schemas.automations import AutomationCore

    return AutomationCore(
        name=FAILED_RUNS,
        description="Tells of a run of Assay's flows that failed or crashed, when it does, and is then silent"
        f" about that deployment for {QUIET // dt.timedelta(hours=1)} hours.",
        # of reactive triggers ``within`` is also how long one is silent after it fired (Prefect 3.8.8,
        # server/events/triggers.py: the next bucket begins when that of the event is over)
        trigger=_trigger(tag, for_each={"related:deployment:prefect.resource.id"}, within=QUIET),
        actions=[SendNotification(block_document_id=block, subject=_SUBJECT, body=_BODY) for block in blocks],
    )


def _trigger(tag: str, **more: Any) -> EventTrigger:
    from prefect.events.schemas.automations import EventTrigger, Posture

    return EventTrigger(
        expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        match_related={"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{tag}"},
        posture=Posture.Reactive,
        **more,
    )


def _earlier_triggers(tag: str) -> list[EventTrigger]:
    """What earlier versions made: it told of each run."""
    return [_trigger(tag)]


def _meant(trigger: Any) -> dict[str, Any]:
    """A trigger without its number, to be compared."""
    found: dict[str, Any] = trigger.model_dump(mode="json", exclude={"id"})
    return {name: sorted(value) if isinstance(value, list) else value for name, value in found.items()}


def _core(automation: Automation) -> AutomationCore:
    from prefect.events.schemas.automations import AutomationCore

    return AutomationCore.model_validate(automation.model_dump(exclude={"id", "owner_resource"}))


def _tells(automation: Any) -> set[str]:
    return {str(getattr(action, "block_document_id", "")) for action in automation.actions}
