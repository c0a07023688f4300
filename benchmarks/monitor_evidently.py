"""Runs under the Python of another environment, with evidently: its default drift preset on tables of a folder.

``python monitor_evidently.py FOLDER`` reads ``reference.parquet`` and each ``current_*.parquet`` of FOLDER, and
prints {file: [columns that drifted]} as JSON, with what the import took.
"""

import json
import sys
import time
from pathlib import Path

BEGAN = time.perf_counter()

import pandas as pd  # noqa: E402
from evidently import DataDefinition, Dataset, Report  # type: ignore[import-not-found]  # noqa: E402
from evidently.presets import DataDriftPreset  # type: ignore[import-not-found]  # noqa: E402

IMPORT = time.perf_counter() - BEGAN


def drifted(reference: pd.DataFrame, current: pd.DataFrame, definition: DataDefinition) -> list[str]:
    """Columns that the preset says drifted: its test's distance from 0.1 on, or its p-value below 0.05."""
    report = Report([DataDriftPreset()]).run(
        Dataset.from_pandas(current, data_definition=definition),
        Dataset.from_pandas(reference, data_definition=definition),
    )
    found = []
    for metric in report.dict()["metrics"]:
        config = metric.get("config", {})
        if "column" not in config:
            continue
        value, limit = float(metric["value"]), float(config["threshold"])
        by_p = "p_value" in config["method"]
        if (value < limit) if by_p else (value >= limit):
            found.append(config["column"])
    return found


def main(folder: Path) -> None:
    """Print what drifted in each file."""
    reference = pd.read_parquet(folder / "reference.parquet")
    numbers = list(reference.select_dtypes("number").columns)
    texts = ["title"] if "title" in reference else []
    kinds = [name for name in reference if name not in (*numbers, *texts)]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=kinds, text_columns=texts)
    began = time.perf_counter()
    found = {
        path.stem: drifted(reference, pd.read_parquet(path), definition)
        for path in sorted(folder.glob("current_*.parquet"))
    }
    print(json.dumps({"import": IMPORT, "seconds": time.perf_counter() - began, "drifted": found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
