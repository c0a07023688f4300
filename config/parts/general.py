"""Settings of the platform as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from config.parts.base import Part


class GeneralSettings(Part):
    """What all parts of the platform go by."""

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

    @property
    def home(self) -> Path:
        """ASSAY_HOME as an absolute path."""
        return self.assay_home.expanduser().absolute()
