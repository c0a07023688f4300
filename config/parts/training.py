"""Settings of training and promotion."""

from __future__ import annotations

from pydantic import Field

from config.parts.base import Part


class TrainingSettings(Part):
    """Seed of training, and the gate of every family."""

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
