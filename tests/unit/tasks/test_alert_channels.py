"""Channels out of the settings."""

from __future__ import annotations

from typing import Any

import pytest

from config.errors import SettingsError
from config.settings import load_settings
from tasks.alert_channels import channels, mail_address

MAIL: dict[str, Any] = {
    "alert_email_to": "ops@example.org, ml@example.org", "alert_email_from": "assay@example.org",
    "alert_smtp_host": "mail.example.org",
}  # fmt: skip


def test_without_settings_there_is_no_channel() -> None:
    assert channels(load_settings()) == {}


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # Apprise's own, at its import
def test_each_setting_is_a_channel() -> None:
    made = channels(
        load_settings(
            alert_webhook_url="https://example.org/hook?token=abc",
            alert_slack_url="https://hooks.slack.com/services/T0/B0/abc",
            **MAIL,
        )
    )
    assert list(made) == ["webhook", "slack", "email"]
    assert "abc" not in repr(made)


@pytest.mark.parametrize(
    ("port", "scheme", "mode"),
    [(25, "mailto", "insecure"), (465, "mailtos", "ssl"), (587, "mailtos", "starttls")],
)
def test_the_port_says_how_mails_are_encrypted(port: int, scheme: str, mode: str) -> None:
    address = mail_address(load_settings(alert_smtp_port=port, **MAIL))
    assert address.startswith(f"{scheme}://mail.example.org:{port}?")
    assert f"mode={mode}" in address


def test_login_and_password_are_quoted() -> None:
    address = mail_address(load_settings(alert_smtp_user="me@x", alert_smtp_password="p:/w@", **MAIL))
    assert "//me%40x:p%3A%2Fw%40@mail.example.org" in address


def test_mail_without_a_server_is_a_fault_of_the_settings() -> None:
    with pytest.raises(SettingsError, match="ALERT_EMAIL_TO"):
        mail_address(load_settings(alert_email_to="ops@example.org"))
