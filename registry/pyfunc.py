"""How MLflow loads our models: ``loader_module: registry.pyfunc`` in a version's MLmodel file.

``mlflow.pyfunc.load_model("models:/viral@production")`` then answers data frames, from plain files only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from config.errors import InputError, ModelInvalid
from models.family import Predictor, get_family
from registry.files import LISTING, read_folder

if TYPE_CHECKING:
    import pandas as pd


class PyfuncModel:
    """A family's predictor behind MLflow's ``predict``."""

    def __init__(self, predictor: Predictor, schema: pa.Schema) -> None:
        self._predictor, self._schema = predictor, schema

    def predict(
        self, model_input: pd.DataFrame | Sequence[Mapping[str, Any]], params: Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """One row of answers a row of inputs; ``params={"explain": 5}`` adds top features."""
        import pandas as pd

        rows = model_input if isinstance(model_input, pd.DataFrame) else pd.DataFrame(list(model_input))
        table = as_examples(_table(rows), self._schema)
        explain = int((params or {}).get("explain", 0))
        return pd.DataFrame(self._predictor.predict(table, explain=explain))


def _table(rows: pd.DataFrame) -> pa.Table:
    import pandas as pd

    # Times as UTC without a zone, which Arrow's cast reads as UTC: handing over zoned ones is deprecated.
    zoned = [name for name, kind in rows.dtypes.items() if isinstance(kind, pd.DatetimeTZDtype)]
    plain = rows.assign(**{str(name): rows[name].dt.tz_convert(None) for name in zoned})
    return pa.Table.from_pandas(plain, preserve_index=False)


def as_examples(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """``table`` in the family's schema: columns cast, absent ones null, unknown ones left out.

    Raises:
        InputError: a column cannot be read as its type; the message names it.
    """
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        try:
            columns.append(table.column(field.name).cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(f"Column '{field.name}' cannot be read as {field.type}: {error}") from None
    return pa.table(columns, names=schema.names)


def _load_pyfunc(path: str) -> PyfuncModel:
    """MLflow's hook: make the model from the folder of files at ``path``."""
    folder = Path(path)
    try:
        name = json.loads((folder / LISTING).read_bytes())["family"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelInvalid(f"There is no model of Assay in {folder}: {error}.") from None
    family = get_family(name)
    return PyfuncModel(family.load(read_folder(folder, family=name)), family.schema)
