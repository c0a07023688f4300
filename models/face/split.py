"""Which photos train, which calibrate, and which measure: by user, for ever."""

from models.images.roles import training_rows

__all__ = ["training_rows"]
