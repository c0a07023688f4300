"""All settings of the platform, in one typed class.

Sources, the first that has a value wins: environment variables, ``.env`` in the working folder,
``secrets.env`` in ``ASSAY_HOME`` (written by ``assay up``), the default here. Names are those that the
existing services use, where they exist.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.errors import SettingsError
from config.parts.base import address
from config.parts.content import ContentSettings
from config.parts.ctr import CtrSettings
from config.parts.experiments import ExperimentSettings
from config.parts.face import FaceSettings
from config.parts.gateway import GatewaySettings
from config.parts.general import GeneralSettings
from config.parts.operating import OperatingSettings
from config.parts.recommendation import RecommendationSettings
from config.parts.retention import RetentionSettings
from config.parts.servers import ServerSettings
from config.parts.services import ServiceSettings
from config.parts.stores import StoreSettings
from config.parts.training import TrainingSettings
from config.parts.trending import TrendingSettings
from config.parts.viral import ViralSettings

#: Values that a person leaves in by mistake; refused outside development.
UNSAFE_SECRETS = frozenset({"", "admin", "assay", "changeme", "change-me", "minioadmin", "password", "secret"})
MIN_SECRET_LENGTH = 16


# pydantic takes the fields of the last base first: the sections are in their order from the bottom up
class Settings(
    RetentionSettings,
    OperatingSettings,
    ContentSettings,
    FaceSettings,
    TrendingSettings,
    RecommendationSettings,
    ExperimentSettings,
    CtrSettings,
    ViralSettings,
    TrainingSettings,
    GatewaySettings,
    ServiceSettings,
    ServerSettings,
    StoreSettings,
    GeneralSettings,
    BaseSettings,
):
    """Typed settings; see ``.env.example`` for a documented list.

    The fields are in the parts (``config/parts/``); here is what takes several of them.
    """

    model_config = SettingsConfigDict(
        extra="ignore", case_sensitive=False, frozen=True, env_ignore_empty=True, defer_build=False
    )

    @model_validator(mode="after")
    def _refuse_unsafe(self) -> Self:
        if self.assay_env == "development":
            return self
        problems = []
        for name in ("ml_api_key", "jwt_secret", "db_password"):
            secret: SecretStr | None = getattr(self, name)
            value = secret.get_secret_value() if secret else ""
            if value.lower() in UNSAFE_SECRETS or len(value) < MIN_SECRET_LENGTH:
                problems.append(f"{name.upper()} must be set to at least {MIN_SECRET_LENGTH} characters")
        if self.minio_endpoint:
            secret = self.minio_root_password
            if not secret or secret.get_secret_value().lower() in UNSAFE_SECRETS:
                problems.append("MINIO_ROOT_PASSWORD must be set, and not to a default")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def admin_ui_url(self) -> str:
        """Where a person opens the admin pages: for links alone, since the platform may not get there."""
        return address(self.admin_public_url or self.admin_url, self.admin_port)

    @property
    def admin_service_url(self) -> str:
        """Base URL of the admin pages, for the monitor."""
        return address(self.admin_url, self.admin_port)

    @property
    def gateway_service_url(self) -> str:
        """Base URL of the gateway, for the monitor."""
        return address(self.gateway_url, self.gateway_port)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings afresh.

    Raises:
        SettingsError: a value is malformed or unsafe; the message names each variable.
    """
    home = Path(overrides.get("assay_home") or os.environ.get("ASSAY_HOME") or ".assay")
    try:
        return Settings(_env_file=(home / "secrets.env", ".env"), **overrides)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in item['loc']).upper() or 'settings'}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError(
            "Settings are not usable: " + "; ".join(lines) + ".",
            hint="See .env.example for what each one means.",
        ) from None


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()


#: Switches off the telemetry of the tools below us; set in every process that Assay starts.
TELEMETRY_OFF = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "True",
}


def tool_environment(settings: Settings) -> dict[str, str]:
    """Environment for a process that talks to Prefect and MLflow: addresses, and telemetry off."""
    return {
        **TELEMETRY_OFF,
        "PREFECT_API_URL": settings.prefect_url,
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_HOME": str(settings.home / "prefect"),
        "MLFLOW_TRACKING_URI": settings.mlflow_url,
        "ASSAY_HOME": str(settings.home),
    }


def apply_tool_environment(settings: Settings) -> None:
    """Set :func:`tool_environment` in this process, before Prefect or MLflow is imported."""
    for name, value in tool_environment(settings).items():
        os.environ.setdefault(name, value)
