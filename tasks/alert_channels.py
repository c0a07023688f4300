"""The ways by which people are told, as Prefect's notification blocks, made out of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from config.errors import SettingsError
from config.settings import Settings

if TYPE_CHECKING:
    from prefect.blocks.abstract import NotificationBlock

#: Name of a channel's block in Prefect.
BLOCK = "assay-alert-{}"


def channels(settings: Settings) -> dict[str, NotificationBlock]:
    """A block for each channel that the settings name: ``webhook``, ``slack``, ``email``.

    Raises:
        SettingsError: e-mail is wanted, and its server or sender is not set.
    """
    made: dict[str, Any] = {}
    if settings.alert_webhook_url:
        made["webhook"] = _webhook(settings.alert_webhook_url.get_secret_value())
    if settings.alert_slack_url:
        made["slack"] = _apprise(settings.alert_slack_url.get_secret_value())
    if settings.alert_email_to:
        made["email"] = _apprise(mail_address(settings))
    return made


def mail_address(settings: Settings) -> str:
    """The mail server, sender and receivers as Apprise writes them (``mailto://`` or ``mailtos://``).

    By its port the connection is encrypted from the start (465), then (587), or not.

    Raises:
        SettingsError: the server or the sender is not set.
    """
    if not settings.alert_smtp_host or not settings.alert_email_from:
        raise SettingsError(
            "ALERT_EMAIL_TO is set, but not by which server mails go, or whose they are.",
            hint="Set ALERT_SMTP_HOST and ALERT_EMAIL_FROM.",
        )
    password = settings.alert_smtp_password.get_secret_value() if settings.alert_smtp_password else ""
    login = quote(settings.alert_smtp_user or "", safe="")
    login += f":{quote(password, safe='')}" if login and password else ""
    mode = {465: "ssl", 587: "starttls"}.get(settings.alert_smtp_port, "insecure")
    receivers = ",".join(part.strip() for part in (settings.alert_email_to or "").split(",") if part.strip())
    query = urlencode(
        {
            "smtp": settings.alert_smtp_host,
            "from": settings.alert_email_from,
            "to": receivers,
            "mode": mode,
            "format": "text",
        }
    )
    scheme = "mailto" if mode == "insecure" else "mailtos"
    at = f"{login}@" if login else ""
    return f"{scheme}://{at}{settings.alert_smtp_host}:{settings.alert_smtp_port}?{query}"


def _webhook(url: str) -> NotificationBlock:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock
    from prefect.types import SecretDict

    return CustomWebhookNotificationBlock(
        name="assay",
        url="{{address}}",
        # an address may hold a token: as a secret it is not shown
        secrets=SecretDict({"address": url}),
        json_data={"source": "{{name}}", "subject": "{{subject}}", "text": "{{body}}"},
    )


def _apprise(url: str) -> NotificationBlock:
    """Prefect has no block for a mail server of one's own; this one takes any address that Apprise knows."""
    from prefect.blocks.notifications import SlackWebhook
    from pydantic import SecretStr

    return SlackWebhook(url=SecretStr(url))
