"""A trained model's way into the registry: logged under its run, hashed, proposed as challenger."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from pipeline.scratch import ScratchFolder
from pipeline.tracking.registry import CHALLENGER, NATIVE, SHA256_TAG, file_hashes
from pipeline.tracking.store import Store

_SERVICE = Path(__file__).with_name("serving") / "model.py"
_SERVED_WITH = ("lightgbm", "mlflow", "numpy", "pandas", "scikit-learn")


def register(
    store: Store,
    model_name: str,
    run_id: str,
    experiment_id: str,
    model_folder: Path,
    columns: Sequence[str],
    description: str,
    tags: Mapping[str, str],
) -> int:
    """Register the native files in `model_folder` as a new version of `model_name`.

    columns: the features in order; each becomes a double that may be null in the signature, which
    also takes `as_of`, a date as text.
    description: Markdown, the version's page. Returns the number of the version, which gets the
    alias `challenger`.
    """
    with store.errors(), ScratchFolder() as scratch:
        client = store.client()
        model_id = _log(
            client, model_name, run_id, experiment_id, model_folder, columns, scratch.path
        )
        _ensure_registered(client, model_name)
        hashes = {SHA256_TAG + name: digest for name, digest in file_hashes(model_folder).items()}
        with store.as_default():  # where MLflow looks up the source
            created = client.create_model_version(
                model_name,
                source=f"models:/{model_id}",
                run_id=run_id,
                model_id=model_id,
                description=description,
                tags={**tags, **hashes},
            )
        client.set_registered_model_alias(model_name, CHALLENGER, str(created.version))
        return int(created.version)


def _log(
    client: Any,
    name: str,
    run_id: str,
    experiment_id: str,
    model_folder: Path,
    columns: Sequence[str],
    work: Path,
) -> str:
    """Log the model as an output of its run, and return MLflow's id of it."""
    from mlflow.entities import LoggedModelOutput

    logged = client.create_logged_model(
        experiment_id, name=name, source_run_id=run_id, model_type="pyfunc"
    )
    status = "FAILED"
    try:
        saved = _saved(logged, run_id, model_folder, columns, work)
        client.log_model_artifacts(logged.model_id, str(saved))
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        status = "READY"
    finally:
        client.finalize_logged_model(logged.model_id, status)
    return str(logged.model_id)


def _saved(
    logged: Any, run_id: str, model_folder: Path, columns: Sequence[str], work: Path
) -> Path:
    """The model in MLflow's form under `work`: our code as text, the native files, no pickle."""
    import mlflow.pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, Schema

    native = Path(shutil.copytree(model_folder, work / NATIVE))
    saved = work / "model"
    card = Model(
        artifact_path=logged.artifact_location,
        run_id=run_id,
        model_uuid=logged.model_id,
        model_id=logged.model_id,
        signature=ModelSignature(
            inputs=Schema(
                [
                    *(ColSpec("double", name, required=False) for name in columns),
                    ColSpec("string", "as_of", required=False),
                ]
            ),
            outputs=Schema([ColSpec("double", "risk")]),
        ),
    )
    mlflow.pyfunc.save_model(
        path=str(saved),
        mlflow_model=card,
        python_model=str(_SERVICE),
        artifacts={NATIVE: str(native)},
        code_paths=[str(_package("models"))],
        # Given, not inferred: inferring loads the model in a new process, which takes ten seconds.
        pip_requirements=[f"{name}=={installed_version(name)}" for name in _SERVED_WITH],
    )
    # What tells of this machine only goes: byte code, and the paths that things were copied from.
    for cache in list(saved.rglob("__pycache__")):
        shutil.rmtree(cache)
    served = card.flavors["python_function"]
    served["artifacts"][NATIVE]["uri"] = NATIVE
    served["model_code_path"] = _SERVICE.name
    card.save(str(saved / "MLmodel"))
    return saved


def _package(name: str) -> Path:
    """The folder of an installed package of ours."""
    file = importlib.import_module(name).__file__
    assert file is not None  # a regular package
    return Path(file).parent


def _ensure_registered(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
