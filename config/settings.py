"""All settings of the platform, in one typed class.

Sources, the first that has a value wins: environment variables, ``.env`` in the working folder,
``secrets.env`` in ``ASSAY_HOME`` (written by ``assay up``), the default here. Names are those that the
existing services use, where they exist.
"""

from __future__ import annotations

import math
import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from config.errors import SettingsError

#: Values that a person leaves in by mistake; refused outside development.
UNSAFE_SECRETS = frozenset({"", "admin", "assay", "changeme", "change-me", "minioadmin", "password", "secret"})
MIN_SECRET_LENGTH = 16


class Settings(BaseSettings):
    """Typed settings; see ``.env.example`` for a documented list."""

    model_config = SettingsConfigDict(extra="ignore", case_sensitive=False, frozen=True, env_ignore_empty=True)

    # -- the platform --------------------------------------------------------------------------------
    assay_env: Literal["development", "production"] = Field(
        "development", description="`production` refuses default secrets and a missing API key."
    )
    assay_home: Path = Field(
        Path(".assay"), description="Folder of all local data, logs and generated secrets."
    )
    bind_host: str = Field("127.0.0.1", description="Address that every part listens on.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Level of the logs.")
    log_format: Literal["text", "json"] = Field("text", description="`json` writes one JSON object a line.")

    # -- PostgreSQL ------------------------------------------------------------------------------------
    db_host: str | None = Field(None, description="PostgreSQL server. Unset: a private cluster in ASSAY_HOME.")
    db_port: int | None = Field(None, description="Its port. Unset: 5432, or 54329 for the private cluster.")
    db_user: str = Field("assay", description="Database user.")
    db_password: SecretStr | None = Field(None, description="Its password (generated for the private cluster).")
    db_name: str = Field("assay", description="Database of the platform's own tables.")
    prefect_db_name: str = Field("assay_prefect", description="Database of the Prefect server.")
    mlflow_db_name: str = Field("assay_mlflow", description="Database of the MLflow server.")
    postgres_bin: Path | None = Field(
        None, description="Folder of initdb and pg_ctl. Unset: found on the machine. Embedded cluster only."
    )

    # -- object store ----------------------------------------------------------------------------------
    minio_endpoint: str | None = Field(
        None, description="host:port or URL of an S3 store. Unset: the folder ASSAY_HOME/objects."
    )
    minio_root_user: str | None = Field(None, description="S3 access key.")
    minio_root_password: SecretStr | None = Field(None, description="S3 secret key.")
    minio_secure: bool = Field(False, description="Use HTTPS when MINIO_ENDPOINT names no scheme.")
    minio_region: str = Field("us-east-1", description="S3 region.")
    style_photo_bucket: str = Field("style-photos", description="Bucket of the users' uploads (read only).")
    ml_artifacts_bucket: str = Field("ml-artifacts", description="Bucket of datasets, manifests and artifacts.")

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

    # -- services ----------------------------------------------------------------------------------------
    ml_api_key: SecretStr | None = Field(None, description="Key that backends send as X-API-Key.")
    jwt_secret: SecretStr | None = Field(None, description="Secret of HS256 bearer tokens.")
    admin_user: str | None = Field(None, description="Name of the first admin.")
    admin_password: SecretStr | None = Field(None, description="Password of the first admin.")
    viral_port: int = Field(8001, description="Port of the viral service.")
    ctr_port: int = Field(8002, description="Port of the CTR service, which also runs the experiments.")
    ctr_url: str | None = Field(
        None,
        description="Where the recommendation service asks experiments for decisions. Unset: this machine.",
    )
    recommendation_port: int = Field(8003, description="Port of the recommendation service.")
    recommendation_url: str | None = Field(
        None, description="Where the admin pages ask the recommendation service. Unset: on this machine."
    )
    face_port: int = Field(8004, description="Port of the face service.")
    content_port: int = Field(8005, description="Port of the content service.")
    gateway_port: int = Field(8000, description="Port of the gateway.")
    viral_url: str | None = Field(
        None, description="Where the gateway asks the viral service. Unset: on this machine."
    )
    content_url: str | None = Field(
        None, description="Where the gateway asks the content service. Unset: on this machine."
    )
    face_url: str | None = Field(
        None, description="Where the gateway asks the face service. Unset: on this machine."
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

    # -- training and promotion ----------------------------------------------------------------------------
    min_training_samples: int = Field(1000, ge=1, description="Gate: fewest training rows.")
    retrain_accuracy_threshold: float = Field(
        0.85, ge=0, le=1, description="Gate: least test accuracy of a version that may be promoted."
    )
    gate_confidence: float = Field(
        0.95,
        gt=0.5,
        lt=1,
        description="Gate: confidence that a challenger beats the champion on the same rows.",
    )
    training_seed: int = Field(7, description="Seed of every fit, bootstrap and sample.")

    # -- viral -----------------------------------------------------------------------------------------------
    viral_thresholds: Annotated[tuple[int, ...], NoDecode] = Field(
        (50_000, 500_000, 2_000_000), description="Views that begin the classes medium, high and ultra."
    )
    viral_horizon_days: float = Field(7.0, gt=0, description="A prediction is about the views this long after.")
    viral_tolerance_hours: float = Field(
        24.0, ge=0, description="How far from the horizon an observation may lie and still give the outcome."
    )

    # -- ctr -------------------------------------------------------------------------------------------------
    ctr_bands: Annotated[tuple[float, ...], NoDecode] = Field(
        (0.03, 0.05, 0.08), description="Click-through rates that begin the bands medium, high and viral."
    )
    ctr_maturity_hours: float = Field(
        24.0, ge=0, description="Counts of a day are final this long after its end."
    )
    ctr_min_outcomes: int = Field(
        10, ge=2, description="With fewer outcomes nothing is fitted: the heuristic answers."
    )
    ctr_min_training_samples: int | None = Field(
        10, ge=1, description="Gate of ctr: fewest training rows, in place of MIN_TRAINING_SAMPLES."
    )
    ctr_gate_floor: float | None = Field(
        0.0,
        ge=-1,
        le=1,
        description="Gate of ctr: least share of the base rate's log loss that a version must take away"
        " (`skill`); it has no accuracy.",
    )

    # -- experiments -----------------------------------------------------------------------------------------
    experiment_refresh_seconds: float = Field(
        0.5, gt=0, le=60, description="How often a service looks for changed experiments and posteriors."
    )
    experiment_guard_seconds: float = Field(
        30.0, gt=0, description="How often running experiments are checked against their guard-rails."
    )
    experiment_learn_seconds: float = Field(
        1.0, gt=0, description="How often contextual bandits learn from the rewards that came in."
    )

    # -- recommendation --------------------------------------------------------------------------------------
    recommendation_weights: Annotated[dict[str, float], NoDecode] = Field(
        {"view": 1.0, "like": 3.0, "comment": 4.0, "share": 5.0, "bookmark": 4.0, "follow": 6.0, "skip": -1.0},
        description="What an interaction says of a user's taste, as `view=1,like=3`. Kinds that are left out"
        " keep their weight; that of a view is taken times the share that was watched.",
    )
    recommendation_half_life_days: float = Field(
        7.0, gt=0, description="An interaction counts half after this long."
    )
    recommendation_mix: Annotated[tuple[float, ...], NoDecode] = Field(
        (0.4, 0.4, 0.2),
        description="Shares of collaborative filtering, content similarity and trending in the hybrid, which"
        " ranks until a learned re-ranker wins in evaluation.",
    )
    recommendation_exploration: float = Field(
        0.1, ge=0, le=0.5, description="Share of each list for new items that few have seen."
    )
    recommendation_author_run: int = Field(
        2, ge=1, description="So many items of one author may follow one another in a list."
    )
    recommendation_seen_days: float = Field(
        30.0, ge=0, description="What a user has seen is not recommended again for this long."
    )
    recommendation_history: int = Field(
        200, ge=1, le=2000, description="So many of a user's newest interactions count."
    )
    recommendation_neighbours: int = Field(
        100,
        ge=10,
        le=2000,
        description="Related items that the model keeps of each item; memory grows with it.",
    )
    recommendation_test_days: float = Field(
        2.0,
        gt=0,
        description="The newest interactions, of this long, measure a version and teach the next one.",
    )
    recommendation_cache_seconds: float = Field(
        1800.0, ge=0, description="Lists are kept this long; a user's are dropped when the user acts. 0: never."
    )
    recommendation_active_days: float = Field(
        7.0, gt=0, description="Lists are computed ahead for users who acted within this long."
    )
    recommendation_experiment: str | None = Field(
        None,
        description="Running experiment with the variants `model` and `heuristic` that decides who gets which.",
    )
    recommendation_min_training_samples: int | None = Field(
        100, ge=1, description="Gate of recommendation: fewest interactions, in place of MIN_TRAINING_SAMPLES."
    )
    recommendation_gate_floor: float | None = Field(
        0.0, ge=0, le=1, description="Gate of recommendation: least NDCG@20 of a version; it has no accuracy."
    )

    # -- trending --------------------------------------------------------------------------------------------
    trending_min_accounts: int = Field(
        2, ge=1, description="An item that fewer accounts engaged with is in no list of what trends."
    )
    trending_daily_items: int = Field(
        2000, ge=1, description="An account that engages with more items on a day counts nothing that day."
    )
    trending_cache_seconds: float = Field(
        5.0, gt=0, le=60, description="What trends is read again from the database this often at most."
    )

    # -- face ------------------------------------------------------------------------------------------------
    face_classes: Annotated[tuple[str, ...], NoDecode] = Field(
        (
            "Aristocratic", "Business", "Fire", "Fragile", "Heroin", "Inferno", "Melting", "Queen",
            "Renaissance", "Serious", "Soft", "Strong", "Sunny", "Vintage", "Warm",
        ),
        description="Face styles that a photo may be of.",
    )  # fmt: skip
    face_min_training_samples: int | None = Field(
        300, ge=1, description="Gate of face: fewest training photos, in place of MIN_TRAINING_SAMPLES."
    )
    face_retrain_accuracy_threshold: float | None = Field(
        0.6, ge=0, le=1, description="Gate of face, in place of RETRAIN_ACCURACY_THRESHOLD."
    )
    face_near_duplicate_bits: int = Field(
        4,
        ge=0,
        le=32,
        description="Near duplicates differ in at most this many bits of their perceptual hashes.",
    )
    face_device: str = Field(
        "auto",
        description="Where face trains: `auto` (the GPU where there is one), `cpu`, `cuda:0`, or several, as"
        " `cuda:0,cuda:1`, for distributed training.",
    )
    face_cache_mb: int = Field(
        512,
        ge=16,
        description="Memory for prepared photos in training; what does not fit is read again each epoch.",
    )
    face_backbone: str | None = Field(
        None,
        description="Weights that the backbone begins with: a safetensors file, or an artifact's key.",
    )
    face_detector: str | None = Field(
        None,
        description="YuNet face detector: an ONNX file, or an artifact's key. Unset: OpenCV's cascade.",
    )
    face_max_body_bytes: int = Field(
        67_108_864, ge=1024, description="Largest request body that the face service reads."
    )
    image_max_bytes: int = Field(15_728_640, ge=1024, description="Largest image file that is opened.")
    image_max_pixels: int = Field(50_000_000, ge=4096, description="Most pixels of an image that is opened.")

    # -- content: moderation, analysis, media ----------------------------------------------------------------
    ml_nsfw_threshold: float = Field(0.7, gt=0, lt=1, description="Pictures this probably NSFW are rejected.")
    ml_spam_threshold: float = Field(0.8, gt=0, lt=1, description="Texts this probably spam are rejected.")
    ml_violence_threshold: float = Field(
        0.75, gt=0, lt=1, description="Pictures this probably violent are rejected."
    )
    ml_hate_speech_threshold: float = Field(
        0.7, gt=0, lt=1, description="Texts this probably hate speech are rejected."
    )
    ml_toxicity_threshold: float = Field(
        0.9, gt=0, lt=1, description="Texts this probably toxic (insults, offence) are rejected."
    )
    moderation_review_at: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="From this share of a label's threshold on to the threshold, a person decides.",
    )
    moderation_flag_at: float = Field(
        0.35, gt=0, lt=1, description="From this share of a label's threshold on, content is flagged."
    )
    moderation_encoder: str | None = Field(
        None,
        description="Embedding encoder of texts: an ONNX file that takes texts and gives vectors, or an"
        " artifact's key. Unset: words and characters alone.",
    )
    moderation_min_training_samples: int | None = Field(
        300, ge=1, description="Gate of moderation: fewest training texts, in place of MIN_TRAINING_SAMPLES."
    )
    moderation_gate_floor: float | None = Field(
        0.6, ge=0, le=1, description="Gate of moderation: least macro-F1 of a version."
    )
    imagery_min_training_samples: int | None = Field(
        200, ge=1, description="Gate of imagery: fewest training pictures, in place of MIN_TRAINING_SAMPLES."
    )
    imagery_retrain_accuracy_threshold: float | None = Field(
        0.7, ge=0, le=1, description="Gate of imagery, in place of RETRAIN_ACCURACY_THRESHOLD."
    )
    imagery_device: str = Field("auto", description="Where imagery trains, as FACE_DEVICE.")
    imagery_cache_mb: int = Field(512, ge=16, description="Memory for prepared pictures, as FACE_CACHE_MB.")
    imagery_backbone: str | None = Field(
        None, description="Weights that the backbone begins with: a safetensors file, or an artifact's key."
    )
    sentiment_min_training_samples: int | None = Field(
        200, ge=1, description="Gate of sentiment: fewest training texts, in place of MIN_TRAINING_SAMPLES."
    )
    sentiment_gate_floor: float | None = Field(
        0.45, ge=0, le=1, description="Gate of sentiment: least macro-recall of a version."
    )
    topics_min_training_samples: int | None = Field(
        200, ge=1, description="Gate of topics: fewest training texts, in place of MIN_TRAINING_SAMPLES."
    )
    topics_gate_floor: float | None = Field(
        0.4, ge=0, le=1, description="Gate of topics: least macro-F1 of a version."
    )
    entities_min_training_samples: int | None = Field(
        200, ge=1, description="Gate of entities: fewest training texts, in place of MIN_TRAINING_SAMPLES."
    )
    entities_gate_floor: float | None = Field(
        0.1, ge=0, le=1, description="Gate of entities: least F1 of whole entities of a version."
    )
    analysis_languages: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Languages that are told apart, as codes: en,es,de. Unset: all that lingua knows.",
    )
    content_max_body_bytes: int = Field(
        33_554_432, ge=1024, description="Largest request body that the content service reads."
    )
    content_webhook_url: str | None = Field(
        None, description="Address that results of moderation, analysis and media work are posted to."
    )
    content_webhook_secret: SecretStr | None = Field(
        None, description="Secret that these posts are signed with (HMAC-SHA256)."
    )
    content_workers: int = Field(
        2,
        ge=1,
        le=64,
        description="Batches of contents, and beside them media jobs, that a content worker does at once.",
    )
    media_bucket: str = Field("content-media", description="Bucket of the content's media files (read only).")
    media_max_bytes: int = Field(2_147_483_648, ge=1024, description="Largest media file that is worked on.")
    media_max_seconds: float = Field(14_400.0, gt=0, description="Longest media file that is worked on.")
    caption_engine: Literal["auto", "whisper", "sphinx"] = Field(
        "auto",
        description="Speech to text: `whisper` (faster-whisper, needs CAPTION_MODEL), or `sphinx` (basic,"
        " English). `auto`: whisper where there is a model.",
    )
    caption_model: str | None = Field(
        None, description="faster-whisper model: a folder, or a prefix of the artifacts bucket."
    )

    @field_validator("analysis_languages", mode="before")
    @classmethod
    def _split_languages(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(part.strip().lower() for part in value.split(",") if part.strip())

    @model_validator(mode="after")
    def _moderation_bands(self) -> Settings:
        if self.moderation_flag_at > self.moderation_review_at:
            raise ValueError("MODERATION_FLAG_AT must not be above MODERATION_REVIEW_AT")
        return self

    @model_validator(mode="after")
    def _signed_webhook(self) -> Settings:
        if self.content_webhook_url and self.content_webhook_secret is None:
            raise ValueError("CONTENT_WEBHOOK_URL needs CONTENT_WEBHOOK_SECRET: what is posted is signed")
        return self

    @field_validator("face_classes", mode="before")
    @classmethod
    def _split_classes(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("face_classes")
    @classmethod
    def _classes_differ(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len({name.casefold() for name in value}) < max(2, len(value)) or not all(value):
            raise ValueError("must be at least two different names, such as Serious,Soft,Warm")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("redis://", "rediss://")):
            raise ValueError("must be an address such as redis://host:6379/0")
        return value

    @field_validator("recommendation_weights", mode="before")
    @classmethod
    def _split_weights(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [part.split("=") for part in value.split(",") if part.strip()]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError("must be pairs such as view=1,like=3")
        return {name.strip(): number.strip() for name, number in pairs}

    @field_validator("recommendation_weights")
    @classmethod
    def _known_kinds(cls, value: dict[str, float]) -> dict[str, float]:
        known: dict[str, float] = cls.model_fields["recommendation_weights"].default
        if unknown := sorted(set(value) - set(known)):
            raise ValueError(f"has no kind {', '.join(unknown)}; there are {', '.join(known)}")
        if not all(math.isfinite(number) for number in value.values()):
            raise ValueError("must be finite numbers")
        return {**known, **value}

    @field_validator("recommendation_mix", mode="before")
    @classmethod
    def _split_mix(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("recommendation_mix")
    @classmethod
    def _mix_adds_up(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(value) != 3 or min(value) < 0 or not math.isclose(sum(value), 1.0, abs_tol=1e-6):
            raise ValueError("must be three shares that add up to 1, such as 0.4,0.4,0.2")
        return value

    @field_validator("ctr_bands", mode="before")
    @classmethod
    def _split_bands(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("ctr_bands")
    @classmethod
    def _bands_rise(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(value) != 3 or not 0 < value[0] < value[1] < value[2] < 1:
            raise ValueError("must be three rising rates between 0 and 1, such as 0.03,0.05,0.08")
        return value

    @field_validator("viral_thresholds", mode="before")
    @classmethod
    def _split_thresholds(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip().replace("_", "") for part in value.split(","))
        return value

    @field_validator("viral_thresholds")
    @classmethod
    def _thresholds_rise(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(value) != 3 or value[0] <= 0 or list(value) != sorted(set(value)):
            raise ValueError("must be three rising positive numbers, such as 50000,500000,2000000")
        return value

    @model_validator(mode="after")
    def _refuse_unsafe(self) -> Settings:
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

    # -- derived ---------------------------------------------------------------------------------------------
    @property
    def home(self) -> Path:
        """ASSAY_HOME as an absolute path."""
        return self.assay_home.expanduser().absolute()

    @property
    def embedded_database(self) -> bool:
        """Whether `assay up` runs its own PostgreSQL."""
        return self.db_host is None

    @property
    def embedded_objects(self) -> bool:
        """Whether objects live in a local folder."""
        return self.minio_endpoint is None

    @property
    def database_port(self) -> int:
        """Port of PostgreSQL."""
        return self.db_port or (54329 if self.embedded_database else 5432)

    def database_url(self, name: str | None = None, driver: str = "psycopg") -> str:
        """SQLAlchemy URL of database ``name`` (default: the platform's own) for ``driver``."""
        password = self.db_password.get_secret_value() if self.db_password else ""
        login = quote(self.db_user, safe="") + (f":{quote(password, safe='')}" if password else "")
        host = self.db_host or "127.0.0.1"
        return f"postgresql+{driver}://{login}@{host}:{self.database_port}/{name or self.db_name}"

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
        return (self.mlflow_tracking_uri or f"http://127.0.0.1:{self.mlflow_port}").rstrip("/")

    @property
    def ctr_service_url(self) -> str:
        """Base URL of the CTR service, for the recommendation service."""
        return (self.ctr_url or f"http://127.0.0.1:{self.ctr_port}").rstrip("/")

    @property
    def recommendation_service_url(self) -> str:
        """Base URL of the recommendation service, for the admin pages."""
        return (self.recommendation_url or f"http://127.0.0.1:{self.recommendation_port}").rstrip("/")

    @property
    def viral_service_url(self) -> str:
        """Base URL of the viral service, for the gateway."""
        return (self.viral_url or f"http://127.0.0.1:{self.viral_port}").rstrip("/")

    @property
    def content_service_url(self) -> str:
        """Base URL of the content service, for the gateway and the admin pages."""
        return (self.content_url or f"http://127.0.0.1:{self.content_port}").rstrip("/")

    @property
    def face_service_url(self) -> str:
        """Base URL of the face service, for the gateway."""
        return (self.face_url or f"http://127.0.0.1:{self.face_port}").rstrip("/")

    def gate_floors(self, family: str) -> tuple[int, float]:
        """Fewest training rows, and the least value of its gate metric, that the gate asks of ``family``.

        Its own settings go before those for all: ``<family>_gate_floor`` where the metric is not the accuracy.
        """
        rows = getattr(self, f"{family}_min_training_samples", None)
        accuracy = getattr(
            self, f"{family}_gate_floor", getattr(self, f"{family}_retrain_accuracy_threshold", None)
        )
        return (
            self.min_training_samples if rows is None else int(rows),
            self.retrain_accuracy_threshold if accuracy is None else float(accuracy),
        )

    def service_port(self, family: str) -> int:
        """Port of a family's service."""
        return int(getattr(self, f"{family}_port"))


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
