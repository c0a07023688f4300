"""Settings of the gateway."""

from __future__ import annotations

from pydantic import Field

from config.parts.base import Part


class GatewaySettings(Part):
    """Whom the gateway lets in, and how long it waits and keeps answers."""

    # -- gateway ---------------------------------------------------------------------------------------------
    jwt_jwks: str | None = Field(
        None,
        description="Public keys of RS256 bearer tokens: the address of a JWKS, or a file. Unset: HS256 alone.",
    )
    jwt_issuer: str | None = Field(None, description="Issuer that bearer tokens must name. Unset: any.")
    jwt_audience: str | None = Field(None, description="Audience that bearer tokens must name. Unset: any.")
    rate_limit_per_minute: int = Field(
        100, ge=0, description="Requests that the gateway takes of one user in a minute. 0: any number."
    )
    gateway_timeout_seconds: float = Field(
        2.0, gt=0, description="The gateway waits this long for the answer of a family's service."
    )
    gateway_breaker_failures: int = Field(
        5, ge=1, description="After so many failures in a row a service is left alone for a while."
    )
    gateway_breaker_seconds: float = Field(
        10.0, gt=0, description="For so long, until one request tries it again."
    )
    gateway_recommendations_ttl: float = Field(
        300.0, ge=0, description="Seconds that the gateway keeps a user's recommendations. 0: never."
    )
    ml_model_cache_ttl: float = Field(
        3600.0, ge=0, description="Seconds that an answer of moderation is kept. 0: never."
    )
