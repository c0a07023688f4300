"""What every service answers about itself; the OpenAPI document is made from these."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import AwareDatetime, ConfigDict, Field, with_config
from typing_extensions import TypedDict

Status = Literal["ok", "degraded", "unavailable"]
Version = Annotated[str | None, Field(description="Registry version that answers; null while none does.")]


class Info(TypedDict):
    """What this is, and where to go."""

    service: str
    model_version: NotRequired[Version]
    model_versions: NotRequired[Annotated[dict[str, str | None], Field(description="Of each family.")]]
    started_at: AwareDatetime
    endpoints: Annotated[dict[str, list[str]], Field(description="Methods by path.")]
    documentation: str
    openapi: str


class RegistryStanding(TypedDict):
    """What was last seen of the registry."""

    reachable: bool | None
    unreachable_since: AwareDatetime | None
    production: str | None
    checked_at: AwareDatetime | None
    refused: Annotated[dict[str, str], Field(description="Versions that cannot be served, and why.")]


class Health(TypedDict):
    """How the service is; it answers 503 where nothing can answer."""

    status: Status
    detail: Annotated[str, Field(description="The status, and each reason.")]
    model_version: Version
    serving_since: AwareDatetime | None
    source: Annotated[str | None, Field(description="Where its files came from: registry or disk.")]
    registry: RegistryStanding


@with_config(ConfigDict(extra="allow"))
class ModelInfo(TypedDict):
    """The served version, with what the registry says of it."""

    model_version: str
    serving_since: AwareDatetime
    source: str
    model: dict[str, Any]


class Loaded(TypedDict):
    """Whether a model is in service."""

    loaded: bool
    model_version: Version
    detail: Annotated[str | None, Field(description="Why there is none.")]


class LoadedOfMany(Loaded):
    """The same of one of several families."""

    name: str


class ModelStanding(TypedDict):
    """How the model of one of several families stands."""

    title: str
    loaded: bool
    model_version: Version
    detail: str | None
    serving_since: AwareDatetime | None
    source: str | None
    registry: RegistryStanding


class NamedStanding(ModelStanding):
    """The same, with the family's name."""

    name: str


class Models(TypedDict):
    """Each family."""

    models: list[NamedStanding]


class HealthOfMany(TypedDict):
    """How a service of several families is. It always answers."""

    status: Status
    detail: Annotated[str, Field(description="The status, and each reason.")]
    model_versions: dict[str, str | None]
    models: dict[str, ModelStanding]


class ModelsInfo(TypedDict):
    """The served version of each family."""

    moderation: ModelInfo | None
    imagery: ModelInfo | None
    sentiment: ModelInfo | None
    topics: ModelInfo | None
    entities: ModelInfo | None


class GatewayHealth(TypedDict):
    """How everything behind the gateway is; it answers 503 where no service does."""

    status: Status
    detail: Annotated[str, Field(description="The status, and each reason.")]
    services: dict[str, dict[str, Any]]
    unavailable: list[str]
