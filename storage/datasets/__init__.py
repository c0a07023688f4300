"""Dataset versions: immutable sets of Parquet parts that exist once their manifest exists.

``DatasetRepository`` publishes, finds, reads, compares and cleans them; the modules below it each do one of
these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storage.datasets.manifest import Column, Manifest, Part, VersionRef

if TYPE_CHECKING:
    from storage.datasets.diff import Diff, RowChange
    from storage.datasets.repository import DatasetRepository, Published

__all__ = ["Column", "DatasetRepository", "Diff", "Manifest", "Part", "Published", "RowChange", "VersionRef"]

_LAZY = {
    "DatasetRepository": "storage.datasets.repository",
    "Published": "storage.datasets.repository",
    "Diff": "storage.datasets.diff",
    "RowChange": "storage.datasets.diff",
}


def __getattr__(name: str) -> Any:
    """Bring in pyarrow only where rows are touched: naming and listing versions is on the CLI's path."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)
