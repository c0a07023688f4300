"""What the registry hands out: plain values, no MLflow types."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from models.family import Predictor


@dataclass(frozen=True)
class ModelVersion:
    """A registered version of a family's model.

    Attributes:
        version: its number in the registry, as text ("3").
        metrics: figures on held-out rows, as logged at training.
        dataset: name of the dataset version it was trained on.
        rows: how many rows it was fitted, tuned and tested on (train, valid, test).
        gate: what the gate said at training (``GateResult.as_dict``), empty when it was never asked.
        code: the code version that trained it.
        files_sha256: SHA-256 of the list of its files; "" for a version that Assay did not register.
        production: whether the alias names it.
    """

    family: str
    version: str
    run_id: str
    created_at: datetime
    metrics: dict[str, float] = field(default_factory=dict)
    dataset: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    gate: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    files_sha256: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    production: bool = False

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready form, without the raw tags."""
        return {
            "family": self.family,
            "version": self.version,
            "production": self.production,
            "created_at": self.created_at.isoformat(),
            "dataset": self.dataset,
            "rows": self.rows,
            "metrics": self.metrics,
            "gate": self.gate,
            "code": self.code,
            "run_id": self.run_id,
        }


@dataclass(frozen=True)
class LoadedModel:
    """A version and the predictor made from its files."""

    predictor: Predictor
    version: ModelVersion
