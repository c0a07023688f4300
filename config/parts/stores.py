"""Settings of PostgreSQL and of the object store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from pydantic import Field, SecretStr

from config.parts.base import Part


class StoreSettings(Part):
    """Where rows and objects are kept."""

    # -- PostgreSQL ------------------------------------------------------------------------------------
    db_host: str | None = Field(None, description="PostgreSQL server. Unset: a private cluster in ASSAY_HOME.")
    db_port: int | None = Field(None, description="Its port. Unset: 5432, or 54329 for the private cluster.")
    db_user: str = Field("assay", description="Database user.")
    db_password: SecretStr | None = Field(None, description="Its password (generated for the private cluster).")
    db_name: str = Field("assay", description="Database of the platform's own tables.")
    prefect_db_name: str = Field("assay_prefect", description="Database of the Prefect server.")
    mlflow_db_name: str = Field("assay_mlflow", description="Database of the MLflow server.")
    postgres_bin: Path | None = Field(
        None,
        description="Folder of PostgreSQL's programs (pg_dump, initdb and so on). Unset: found on the machine.",
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
