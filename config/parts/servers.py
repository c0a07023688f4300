"""Settings of the Prefect and MLflow servers."""

from __future__ import annotations

from pydantic import Field

from config.parts.base import Part, address


class ServerSettings(Part):
    """Where flows and the registry are served."""

    # -- Prefect and MLflow ------------------------------------------------------------------------------
    prefect_api_url: str | None = Field(None, description="Prefect API. Unset: the embedded server.")
    prefect_port: int = Field(4200, description="Port of the embedded Prefect server.")
    prefect_work_pool: str = Field("assay", description="Work pool that runs the flows.")
    mlflow_tracking_uri: str | None = Field(None, description="MLflow server. Unset: the embedded server.")
    mlflow_port: int = Field(5000, description="Port of the embedded MLflow server.")
    prefect_public_url: str | None = Field(
        None, description="Where people's browsers find the Prefect UI. Unset: where the platform finds it."
    )
    mlflow_public_url: str | None = Field(
        None, description="Where people's browsers find MLflow. Unset: where the platform finds it."
    )

    @property
    def prefect_url(self) -> str:
        """Base URL of the Prefect API, ending in /api."""
        return (self.prefect_api_url or f"http://127.0.0.1:{self.prefect_port}/api").rstrip("/")

    @property
    def prefect_ui_url(self) -> str:
        """Where a person opens the Prefect UI."""
        return (self.prefect_public_url or self.prefect_url.removesuffix("/api")).rstrip("/")

    @property
    def mlflow_ui_url(self) -> str:
        """Where a person opens MLflow."""
        return (self.mlflow_public_url or self.mlflow_url).rstrip("/")

    @property
    def mlflow_url(self) -> str:
        """Tracking URI of MLflow."""
        return address(self.mlflow_tracking_uri, self.mlflow_port)
