"""Settings of the services and of the admin pages."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from config.parts.base import Part, address


class ServiceSettings(Part):
    """Keys, ports and addresses of the services, and what is the same for all of them."""

    # -- services ----------------------------------------------------------------------------------------
    ml_api_key: SecretStr | None = Field(None, description="Key that backends send as X-API-Key.")
    jwt_secret: SecretStr | None = Field(None, description="Secret of HS256 bearer tokens.")
    admin_user: str | None = Field(None, description="Name of the first admin.")
    admin_password: SecretStr | None = Field(None, description="Password of the first admin.")
    viral_port: int = Field(8001, description="Port of the viral service.")
    ctr_port: int = Field(8002, description="Port of the CTR service, which also runs the experiments.")
    ctr_url: str | None = Field(
        None,
        description="Where the recommendation service, the gateway and the monitor ask the CTR service, which"
        " also runs the experiments. Unset: on this machine.",
    )
    recommendation_port: int = Field(8003, description="Port of the recommendation service.")
    recommendation_url: str | None = Field(
        None,
        description="Where the gateway, the admin pages and the monitor ask the recommendation service. Unset:"
        " on this machine.",
    )
    face_port: int = Field(8004, description="Port of the face service.")
    content_port: int = Field(8005, description="Port of the content service.")
    gateway_port: int = Field(8000, description="Port of the gateway.")
    viral_url: str | None = Field(
        None, description="Where the gateway and the monitor ask the viral service. Unset: on this machine."
    )
    content_url: str | None = Field(
        None, description="Where the gateway and the monitor ask the content service. Unset: on this machine."
    )
    face_url: str | None = Field(
        None, description="Where the gateway and the monitor ask the face service. Unset: on this machine."
    )
    admin_port: int = Field(8080, description="Port of the admin pages.")
    admin_session_hours: float = Field(
        12.0, gt=0, le=720, description="An admin is asked to log in this often."
    )
    admin_cookie_secure: bool = Field(
        False, description="The admin pages are behind HTTPS: send their cookie over HTTPS only."
    )
    service_workers: int = Field(1, ge=1, le=64, description="Processes of each service.")
    alias_poll_seconds: float = Field(
        2.0, gt=0, le=10, description="How often a service looks for a new version."
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest request body that a service reads.")
    prediction_spool_bytes: int = Field(
        2_147_483_648,
        ge=1_048_576,
        description="Disk space for predictions that wait for the database; past it none is recorded.",
    )
    require_api_key: bool = Field(
        False, description="Ask for X-API-Key on every endpoint, not only /metrics and /model/info."
    )

    redis_url: SecretStr | None = Field(
        None,
        description="Redis that the workers and replicas of a service share as their cache, such as"
        " redis://host:6379/0. Unset: each process has its own.",
    )

    @field_validator("redis_url")
    @classmethod
    def _redis_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("redis://", "rediss://")):
            raise ValueError("must be an address such as redis://host:6379/0")
        return value

    @property
    def ctr_service_url(self) -> str:
        """Base URL of the CTR service, for the recommendation service, the gateway and the monitor."""
        return address(self.ctr_url, self.ctr_port)

    @property
    def recommendation_service_url(self) -> str:
        """Base URL of the recommendation service, for the gateway, the admin pages and the monitor."""
        return address(self.recommendation_url, self.recommendation_port)

    @property
    def viral_service_url(self) -> str:
        """Base URL of the viral service, for the gateway and the monitor."""
        return address(self.viral_url, self.viral_port)

    @property
    def content_service_url(self) -> str:
        """Base URL of the content service, for the gateway and the monitor."""
        return address(self.content_url, self.content_port)

    @property
    def face_service_url(self) -> str:
        """Base URL of the face service, for the gateway and the monitor."""
        return address(self.face_url, self.face_port)

    def service_port(self, family: str) -> int:
        """Port of a family's service."""
        return int(getattr(self, f"{family}_port"))
