"""The model that is registered and scores: trees, calibrator and the names they need.

Stored as two plain files, `booster.txt` (LightGBM's own text) and `model.json`; nothing in them
is executed on loading.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from models.calibration import LogitCalibrator, fit_calibrator
from models.dataset import Dataset, FloatArray, latest_day
from models.errors import DamagedModel, FeatureMismatch
from models.gradient_boosting import Booster, fit
from models.out_of_time import OutOfTime
from models.settings import ModelSettings

BOOSTER_FILE = "booster.txt"
MODEL_FILE = "model.json"
FORMAT = 1


@dataclass(frozen=True, eq=False)
class RiskModel:
    """Risk of defection from features.

    booster_text: the trees. names: the features, in the order of the trees' columns.
    label_end: the date at which the last training label was complete; scoring an earlier snapshot
    would use a model that has seen what came after it. metadata: plain values, kept as given.
    threads: of prediction; not part of the model.
    """

    booster_text: str
    calibrator: LogitCalibrator
    names: tuple[str, ...]
    label_end: date
    metadata: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 1

    @cached_property
    def booster(self) -> Booster:
        """The trees, parsed once."""
        booster = Booster(self.booster_text, self.threads)
        if booster.names != self.names:
            raise DamagedModel(
                f"{BOOSTER_FILE} and {MODEL_FILE} name different features. Retrain the model."
            )
        return booster

    def risk(self, features: FloatArray, names: Sequence[str]) -> FloatArray:
        """Return the calibrated risk, (n,) in (0, 1), of features (n, p) with columns `names`.

        Columns are taken by name, so their order does not matter, and further columns are left
        aside. Raises FeatureMismatch, with the differences, when a feature of the model is absent.
        """
        position = {name: i for i, name in enumerate(names)}
        missing = [name for name in self.names if name not in position]
        if missing:
            further = [name for name in names if name not in self.names]
            raise FeatureMismatch(
                f"the model needs {len(missing)} features that are not there: {_some(missing)}; "
                f"there but not in the model: {_some(further)}. Score with the configuration that "
                "the model was trained with, or retrain."
            )
        if features.ndim != 2 or features.shape[1] != len(names):
            raise FeatureMismatch(
                f"features have shape {features.shape}, but {len(names)} names are given"
            )
        selected = features[:, [position[name] for name in self.names]]
        return self.calibrator.apply(self.booster.predict(selected))

    def save(self, folder: Path) -> dict[str, str]:
        """Write both files into the existing `folder`; return the SHA-256 of each by name."""
        booster = self.booster_text.encode()
        content = {
            "format": FORMAT,
            "names": list(self.names),
            "label_end": self.label_end.isoformat(),
            "calibrator": self.calibrator.to_dict(),
            "metadata": dict(self.metadata),
            "booster_sha256": sha256(booster),
        }
        text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"
        files = {BOOSTER_FILE: booster, MODEL_FILE: text.encode()}
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return {name: sha256(data) for name, data in files.items()}


def fit_final(
    dataset: Dataset,
    out_of_time: OutOfTime,
    settings: ModelSettings,
    metadata: Mapping[str, Any] | None = None,
) -> RiskModel:
    """Refit on all rows; the calibrator is fitted on all out-of-time predictions."""
    return RiskModel(
        booster_text=fit(dataset, settings),
        calibrator=fit_calibrator(
            out_of_time.label, out_of_time.raw, out_of_time.as_of, out_of_time.label_complete
        ),
        names=dataset.names,
        label_end=latest_day(dataset.label_complete),
        metadata=dict(metadata or {}),
        threads=settings.threads,
    )


def load(folder: Path, expected_sha256: Mapping[str, str] | None = None) -> RiskModel:
    """Read what `save` wrote.

    expected_sha256: hashes by file name, kept apart from the files (in the registry). Files are
    checked before LightGBM sees them, because a damaged text can abort the process. Raises
    DamagedModel when a file is missing, differs from its hash or cannot be read.
    """
    data = {name: _read(folder / name) for name in (BOOSTER_FILE, MODEL_FILE)}
    for name, expected in (expected_sha256 or {}).items():
        if name in data:
            _require_hash(folder / name, data[name], expected)
    try:
        content = json.loads(data[MODEL_FILE])
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}, but this program reads {FORMAT}")
        _require_hash(folder / BOOSTER_FILE, data[BOOSTER_FILE], content["booster_sha256"])
        return RiskModel(
            booster_text=data[BOOSTER_FILE].decode(),
            calibrator=LogitCalibrator.from_dict(content["calibrator"]),
            names=tuple(content["names"]),
            label_end=date.fromisoformat(content["label_end"]),
            metadata=content["metadata"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedModel(
            f"{folder / MODEL_FILE} cannot be read as a model ({error!r}). Retrain the model."
        ) from error


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DamagedModel(
            f"{path} cannot be read: {error.strerror}. Retrain the model."
        ) from error


def _require_hash(path: Path, data: bytes, expected: str) -> None:
    found = sha256(data)
    if found != expected:
        raise DamagedModel(
            f"{path} has SHA-256 {found}, but {expected} was recorded: the file was truncated or "
            "edited. Restore it from the registry, or retrain the model."
        )


def _some(names: Sequence[str]) -> str:
    """Return up to ten names and the number of the others."""
    shown = ", ".join(names[:10]) or "none"
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"
