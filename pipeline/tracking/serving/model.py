"""The registered model as MLflow serves it: calibrated probabilities from the native files.

MLflow stores this file as text and runs it when somebody loads the model through
`mlflow.pyfunc` ("models from code"), so that nothing needs unpickling. It is shipped with the
`models` package and imports nothing else of ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd


class RiskService(mlflow.pyfunc.PythonModel):  # type: ignore[misc] # mlflow ships no types
    """Answers a table of features with a table of one column, `risk`.

    The rows are all accounts of one snapshot's cohort, because the model compares them with each
    other. A column `as_of` says which snapshot; without it the season is left aside.
    """

    def load_context(self, context: Any) -> None:
        """Read the native files, which MLflow has put beside this one."""
        from models.risk_model import load

        self._model = load(Path(context.artifacts["native"]))

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """The calibrated probability of defection of each row, 0-1, in the rows' order.

        Columns are taken by name, in any order; others are ignored. A null is a value that is not
        known; a column that is absent is an error, because the caller then has other features
        than the model was trained on.
        """
        names = [name for name in self._model.columns if name in model_input.columns]
        features = model_input[names].to_numpy(dtype=np.float64, na_value=np.nan)
        snapshots = pd.to_datetime(model_input.get("as_of", pd.Series([]))).dt.date.unique()
        if len(snapshots) > 1:
            raise ValueError(
                f"the rows belong to {len(snapshots)} snapshots; ask for the risks of one at a time"
            )
        risk = self._model.risk(features, names, snapshots[0] if len(snapshots) else None)
        return pd.DataFrame({"risk": risk}, index=model_input.index)


mlflow.models.set_model(RiskService())
