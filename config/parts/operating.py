"""Settings of operating: the monitor, what it does and whom it alerts, traces and Dask."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from config.parts.base import Part


class OperatingSettings(Part):
    """What the monitor judges by, and where its alerts, traces and parts of flows go."""

    # -- operating -------------------------------------------------------------------------------------------
    monitor_window_days: int = Field(
        7, ge=1, le=90, description="The monitor compares this many of the latest days with the training data."
    )
    monitor_min_rows: int = Field(
        200, ge=30, description="With fewer rows in its window the monitor judges no drift and no accuracy."
    )
    monitor_sample_rows: int = Field(
        20_000, ge=1000, description="Most rows of each side that the monitor compares."
    )
    monitor_alpha: float = Field(
        0.01,
        gt=0,
        lt=0.5,
        description="Chance of a false alarm that a family's check may have on a day without a change.",
    )
    monitor_psi: float = Field(
        0.2, gt=0, description="Drift of a feature is reported from this population stability index on."
    )
    monitor_max_age_factor: float = Field(
        2.0, ge=1, description="Data, models and runs are late after this many times their schedule's interval."
    )
    monitor_disk_free: float = Field(
        0.1, ge=0, lt=1, description="Least share of the disk of ASSAY_HOME that must be free."
    )
    retrain_on_drift: bool = Field(
        False, description="The monitor starts a retraining of a family whose inputs or answers drifted."
    )
    retrain_on_lost_accuracy: bool = Field(
        False, description="The monitor starts a retraining of a family that lost accuracy beyond chance."
    )
    retrain_cooldown_days: float = Field(
        3.0, ge=0, description="The monitor starts no retraining of a family sooner after its last one."
    )
    auto_rollback: bool = Field(
        False,
        description="The monitor goes back to the version before, when that one errs less on what came since.",
    )
    rollback_watch_days: float = Field(
        7.0, gt=0, description="A promoted version is watched for this long, to be rolled back."
    )
    alert_severity: Literal["warning", "critical"] = Field(
        "warning", description="Findings of the monitor from this severity on are alerted, once each."
    )
    alert_webhook_url: SecretStr | None = Field(None, description="Address that alerts are posted to as JSON.")
    alert_slack_url: SecretStr | None = Field(None, description="Slack incoming webhook that alerts go to.")
    alert_email_to: str | None = Field(None, description="Addresses that alerts are mailed to, with commas.")
    alert_email_from: str | None = Field(None, description="Sender of these mails.")
    alert_smtp_host: str | None = Field(None, description="Mail server. Needed by ALERT_EMAIL_TO.")
    alert_smtp_port: int = Field(587, description="Its port.")
    alert_smtp_user: str | None = Field(None, description="Login of the mail server. Unset: none.")
    alert_smtp_password: SecretStr | None = Field(None, description="Its password.")
    admin_public_url: str | None = Field(
        None, description="Where people's browsers find the admin pages. Unset: where the monitor finds them."
    )
    admin_url: str | None = Field(
        None, description="Where the monitor finds the admin pages. Unset: on this machine."
    )
    gateway_url: str | None = Field(
        None, description="Where the monitor finds the gateway. Unset: on this machine."
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        None,
        description="OpenTelemetry collector that traces are sent to by OTLP over HTTP, such as"
        " http://collector:4318. Unset: no traces.",
    )
    dask_scheduler_address: str | None = Field(
        None,
        description="Dask scheduler whose workers do the parts of a flow, such as tcp://dask-scheduler:8786."
        " Unset: threads of the flow's own process.",
    )
    lightgbm_dask_rows: int = Field(
        5_000_000,
        ge=1,
        description="With more training rows than this, viral and ctr grow their trees on the Dask workers,"
        " where there is a scheduler.",
    )

    @field_validator("dask_scheduler_address")
    @classmethod
    def _scheduler_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("tcp://", "tls://")):
            raise ValueError("must be an address such as tcp://dask-scheduler:8786")
        return value
