"""The model that is registered and scores: trees, calibrator and the names they need.

Stored as plain files, `booster_<n>.txt` for each learner, `horizon_<days>.txt` for each further
horizon, `slip.txt` for a model of departures and `reorder_<days>.txt` for reorders of departed
accounts (all LightGBM's own text), and `model.json`; nothing in them is executed on loading.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from models.calibration import LogitCalibrator
from models.calibration_choice import RAW, WEIGHED, Calibrator, calibrator_from, choose, fit_ways
from models.dataset import BoolArray, Dataset, FloatArray, age_of, latest_day
from models.departures import USUAL_WAY, OutOfTimeDepartures
from models.ensemble import averaged
from models.errors import DamagedModel, FeatureMismatch
from models.explanation import Explanation, explanation
from models.gradient_boosting import Booster, predictions
from models.horizons import HorizonModel, in_order
from models.learner import Learner, base_rate
from models.out_of_time import OutOfTime
from models.ranks import Places, Ranks, of_one_snapshot, of_the_median
from models.reorders import ReorderModel, rising

MODEL_FILE = "model.json"
FORMAT = 6
SLIP_FILE = "slip.txt"

_TREES = re.compile(r"(booster|horizon|reorder)_[0-9]+\.txt|slip\.txt")

DAYS_PAST_DUE, DAYS_PAST_PATIENCE = "days_past_due", "days_past_patience"
STATE = (DAYS_PAST_DUE, DAYS_PAST_PATIENCE)
"""Columns that a model of departures or reorders needs beside its features: see `DepartureParts`.
"""

SMALLEST_COHORT_SHARE = 0.5
"""Of the smallest cohort learned from: among fewer accounts, ranks mean something else."""


@dataclass(frozen=True, eq=False)
class DepartureParts:
    """What a `RiskModel` of departures has beside its trees, which say the onset.

    slip_text: trees for the chance that an overdue account has slipped; None where nobody had.
    slip_calibrator, onset_calibrator: of that chance and of the onset; see `models.departures`.

    An account is overdue where DAYS_PAST_DUE is above 0, and has departed where DAYS_PAST_PATIENCE
    is 0 or more: then it has no risk.
    """

    slip_text: str | None
    slip_calibrator: Calibrator
    onset_calibrator: Calibrator


class DepartureRisks(NamedTuple):
    """Chances of active accounts, (n,) each, NaN for departed ones; see `models.departures`.

    departure and slip add up to at most 1. onset: of becoming due, had the account not slipped.
    """

    departure: FloatArray
    slip: FloatArray
    onset: FloatArray


@dataclass(frozen=True, eq=False)
class RiskModel:
    """Risk of defection from features.

    booster_texts: the trees of each learner, the main one last; base_rates: the share of defectors
    that each learned from, 0-1; see `models.ensemble`. names: the features, in the order of the
    trees' columns. smallest_cohort: rows of the smallest snapshot that it learned from. label_end:
    the date at which the last training label was complete; scoring an earlier snapshot would use a
    model that has seen what came after it. metadata: plain values, kept as given. threads: of
    prediction; not part of the model. horizon_days: of the main risk; None where each account has
    its own. horizons: further ones, of inactivity. departure: where the label is departure; then
    the trees say the onset, and `calibrator` belongs to the departure risk. reorders: of departed
    accounts, where there were enough to learn from.
    """

    booster_texts: tuple[str, ...]
    base_rates: tuple[float, ...]
    calibrator: Calibrator
    names: tuple[str, ...]
    smallest_cohort: int
    label_end: date
    metadata: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 1
    horizon_days: int | None = None
    horizons: tuple[HorizonModel, ...] = ()
    departure: DepartureParts | None = None
    reorders: tuple[ReorderModel, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """What it needs to know of an account: its features, and `STATE` for departures."""
        needs_state = self.departure is not None or self.reorders
        return (*self.names, *STATE) if needs_state else self.names

    @cached_property
    def boosters(self) -> tuple[Booster, ...]:
        """The trees of each learner, parsed once."""
        return tuple(self._parsed(text) for text in self.booster_texts)

    @cached_property
    def horizon_boosters(self) -> tuple[Booster, ...]:
        """The trees of each further horizon, parsed once."""
        return tuple(self._parsed(horizon.booster_text) for horizon in self.horizons)

    @cached_property
    def _slip_booster(self) -> Booster | None:
        text = self.departure.slip_text if self.departure else None
        return None if text is None else self._parsed(text)

    @cached_property
    def _reorder_boosters(self) -> tuple[Booster, ...]:
        names = (*self.names, *STATE)
        return tuple(self._parsed(part.booster_text, names) for part in self.reorders)

    def _parsed(self, text: str, names: tuple[str, ...] | None = None) -> Booster:
        booster = Booster(text, self.threads)
        if booster.names != (names or self.names):
            raise DamagedModel(
                f"{MODEL_FILE} names other features than the trees do. Retrain the model."
            )
        return booster

    def importance(self) -> dict[str, float]:
        """Return each feature's gain, summed over the learners, largest first."""
        gains = dict.fromkeys(self.names, 0.0)
        for booster in self.boosters:
            for name, gain in booster.importance().items():
                gains[name] += gain
        return {name: gains[name] for name in sorted(gains, key=lambda n: (-gains[n], n))}

    def risk(
        self, features: FloatArray, names: Sequence[str], as_of: date | None = None
    ) -> FloatArray:
        """Return the calibrated risk, (n,) in (0, 1), of features (n, p) with columns `names`.

        The rows are all accounts of one snapshot's cohort: risks rest on how they compare with
        each other. as_of: the snapshot; without it the season is left aside. Columns are taken by
        name, so their order does not matter, and further columns are left aside. Raises
        FeatureMismatch, with the differences, when a feature of the model is absent, or when there
        are fewer than half as many rows as the model has ever seen.
        """
        if self.departure is not None:
            return self.departure_risks(features, names, as_of).departure
        raw = predictions(self.boosters, self._ranks(features, names))
        departed = self._departed(features, names)
        raw = [np.where(departed, np.nan, said) for said in raw]
        return self._main_risk(raw, as_of, age_of(features, names))

    def departure_risks(
        self, features: FloatArray, names: Sequence[str], as_of: date | None = None
    ) -> DepartureRisks:
        """Return what a model of departures says of all accounts of a snapshot; see `risk`."""
        parts = self.departure
        if parts is None:
            raise ValueError("this model was not trained for departures")
        ranks = self._ranks(features, names)
        departed = self._departed(features, names)
        overdue = (_state(features, names, DAYS_PAST_DUE) > 0) & ~departed
        (raw,) = predictions(self.boosters, ranks)
        raw, age = np.where(departed, np.nan, raw), age_of(features, names)
        raw_slip = np.where(departed, np.nan, 0.0)
        slip = raw_slip.copy()
        if self._slip_booster is not None and overdue.any():
            (said,) = predictions([self._slip_booster], ranks[np.flatnonzero(overdue)])
            raw_slip[overdue] = said
            slip[overdue] = parts.slip_calibrator.apply(said, as_of, age=age[overdue])
        staying = np.where(departed, 0.0, 1 - slip)
        onset = parts.onset_calibrator.apply(raw, as_of, staying, age)
        departure = self.calibrator.apply(raw * (1 - raw_slip), as_of, age=age)
        return DepartureRisks(np.minimum(departure, 1 - slip), slip, onset)

    def _departed(self, features: FloatArray, names: Sequence[str]) -> BoolArray:
        """Return who has departed; nobody where the cohort's rule does not say."""
        if self.departure is None and DAYS_PAST_PATIENCE not in names:
            return np.zeros(len(features), dtype=np.bool_)
        return _state(features, names, DAYS_PAST_PATIENCE) >= 0

    def reorder_chances(
        self, features: FloatArray, names: Sequence[str], as_of: date | None = None
    ) -> dict[int, FloatArray]:
        """Return the chance that a departed account orders again untreated, (n,) each, by days.

        features, names, as_of: as for `risk`, the whole cohort. NaN for active accounts; empty
        where reorders were not learned. A chance grows with the horizon.
        """
        if not self.reorders:
            return {}
        places = [*self._places(features, names), *(_place(names, name) for name in STATE)]
        departed = self._departed(features, names)
        found = {part.days: np.full(len(features), np.nan) for part in self.reorders}
        if departed.any():
            ranks = of_one_snapshot(features[departed], self.threads, columns=np.array(places))
            raw = predictions(self._reorder_boosters, ranks)
            age = age_of(features, names)[departed]
            for part, said in zip(self.reorders, raw, strict=True):
                found[part.days][departed] = part.calibrator.apply(said, as_of, age=age)
        return rising(found)

    def risk_by_horizon(
        self, features: FloatArray, names: Sequence[str], as_of: date | None = None
    ) -> dict[int, FloatArray]:
        """Return the risks of all horizons, (n,) each, by days, shortest first; see `risk`.

        They fall as the horizon grows, and that of `horizon_days` is what `risk` returns. Where
        that is None, only a model of departures has any: of inactivity, NaN for departed accounts.
        """
        if self.departure is not None:
            return self._inactivity(features, names, as_of)
        if self.horizon_days is None:
            return {}
        learners = len(self.boosters)
        departed = self._departed(features, names)
        raw = [
            np.where(departed, np.nan, said)
            for said in predictions(
                (*self.boosters, *self.horizon_boosters), self._ranks(features, names)
            )
        ]
        age = age_of(features, names)
        risks = {self.horizon_days: self._main_risk(raw[:learners], as_of, age)}
        for horizon, told in zip(self.horizons, raw[learners:], strict=True):
            risks[horizon.days] = horizon.calibrator.apply(told, as_of)
        return in_order(self.horizon_days, risks)

    def _inactivity(
        self, features: FloatArray, names: Sequence[str], as_of: date | None
    ) -> dict[int, FloatArray]:
        if not self.horizons:
            return {}
        departed = self._departed(features, names)
        raw = predictions(self.horizon_boosters, self._ranks(features, names))
        risks = {
            horizon.days: horizon.calibrator.apply(np.where(departed, np.nan, said), as_of)
            for horizon, said in zip(self.horizons, raw, strict=True)
        }
        return in_order(sorted(risks)[len(risks) // 2], risks)

    def explain(
        self, features: FloatArray, names: Sequence[str], rows: Sequence[int]
    ) -> Explanation:
        """Return what moved the main risk of some rows; see `models.explanation`.

        features, names: as for `risk`, the whole cohort. rows: positions of the rows that are
        explained, which takes some ten times as long as their risk.
        """
        chosen = np.asarray(rows, dtype=np.int64)
        ranks = self._ranks(features, names)[chosen]
        medians = of_the_median(features, chosen, self._places(features, names))
        return explanation(self.boosters, self.base_rates, ranks, medians)

    def _main_risk(
        self, raw: Sequence[FloatArray], as_of: date | None, age: FloatArray
    ) -> FloatArray:
        return self.calibrator.apply(averaged(raw, self.base_rates), as_of, age=age)

    def _ranks(self, features: FloatArray, names: Sequence[str]) -> Ranks:
        """The columns of the trees as ranks; FeatureMismatch where they cannot be had."""
        return of_one_snapshot(features, self.threads, columns=self._places(features, names))

    def _places(self, features: FloatArray, names: Sequence[str]) -> Places:
        """Where the columns of the trees are; FeatureMismatch where they cannot be had."""
        if features.ndim != 2 or features.shape[1] != len(names):
            raise FeatureMismatch(
                f"features have shape {features.shape}, but {len(names)} names are given"
            )
        self.require(names, len(features))
        place = {name: i for i, name in enumerate(names)}
        return np.array([place[name] for name in self.names], dtype=np.int64)

    def require(self, names: Sequence[str], accounts: int) -> None:
        """Raise FeatureMismatch where so many accounts with features `names` cannot be scored."""
        there = set(names)
        missing = [name for name in self.names if name not in there]
        if missing:
            further = [name for name in names if name not in self.names]
            raise FeatureMismatch(
                f"the model needs {len(missing)} features that are not there: {_some(missing)}; "
                f"there but not in the model: {_some(further)}. Score with the configuration that "
                "the model was trained with, or retrain."
            )
        if 0 < accounts < self.smallest_cohort * SMALLEST_COHORT_SHARE:
            raise FeatureMismatch(
                f"{accounts} accounts are too few: the model compares all accounts of a "
                f"snapshot with each other, and learned from {self.smallest_cohort} or more. Give "
                "it the whole cohort; if that has shrunk so much, retrain."
            )

    def save(self, folder: Path) -> dict[str, str]:
        """Write all files into the existing `folder`; return the SHA-256 of each by name."""
        files = {
            f"booster_{number}.txt": text.encode()
            for number, text in enumerate(self.booster_texts, start=1)
        }
        learners = {name: sha256(data) for name, data in files.items()}
        further = {horizon.days: horizon.booster_text.encode() for horizon in self.horizons}
        files |= {_horizon_file(days): data for days, data in further.items()}
        parts = self.departure
        reorder = {part.days: part.booster_text.encode() for part in self.reorders}
        files |= {_reorder_file(days): data for days, data in reorder.items()}
        slip = None if parts is None or parts.slip_text is None else parts.slip_text.encode()
        if slip is not None:
            files[SLIP_FILE] = slip
        content = {
            "format": FORMAT,
            "names": list(self.names),
            "base_rates": list(self.base_rates),
            "smallest_cohort": self.smallest_cohort,
            "label_end": self.label_end.isoformat(),
            "calibrator": self.calibrator.to_dict(),
            "metadata": dict(self.metadata),
            "boosters": learners,
            "horizon_days": self.horizon_days,
            "horizons": [_entry(part, further[part.days]) for part in self.horizons],
            "reorders": [_entry(part, reorder[part.days]) for part in self.reorders],
            "departure": parts
            and {
                "slip_sha256": slip and sha256(slip),
                "slip_calibrator": parts.slip_calibrator.to_dict(),
                "onset_calibrator": parts.onset_calibrator.to_dict(),
            },
        }
        text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"
        files[MODEL_FILE] = text.encode()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return {name: sha256(data) for name, data in files.items()}


def fit_final(
    learners: Sequence[Learner],
    out_of_time: OutOfTime,
    comparable_from: date | None = None,
    metadata: Mapping[str, Any] | None = None,
    horizon_days: int | None = None,
    horizons: Sequence[HorizonModel] = (),
    departures: OutOfTimeDepartures | None = None,
    reorders: Mapping[int, tuple[Learner, OutOfTime]] | None = None,
) -> RiskModel:
    """Refit on all rows; the calibrator is chosen and fitted on all out-of-time predictions.

    learners, comparable_from: see `models.out_of_time.rolling`. horizon_days, horizons: see
    `RiskModel`. A shorter horizon whose labels are all the same is left out. departures: for a
    model of departures, whose onset is then the main learner, and out_of_time its departure risk.
    reorders: what learns whether departed accounts order again, with its predictions, by days.
    """
    *_, main = learners
    usual = WEIGHED if departures is None else USUAL_WAY
    able = [one for one in learners if one is main or one.both_classes]
    from_treated = main.settings.learn_from_treated
    way, calibrator = _last_calibrator(
        out_of_time, main.every(from_treated), comparable_from, from_treated, usual
    )
    parts = None
    if departures is not None:
        slips = departures.learners.slip
        of_onset, of_slip = (
            _last_calibrator(said, learner.taught, comparable_from, from_treated, way)[1]
            for said, learner, way in (
                (departures.onset, main, USUAL_WAY),
                (departures.slip, slips, WEIGHED),
            )
        )
        text = slips.text(None) if slips.both_classes else None
        parts = DepartureParts(text, of_slip, of_onset)
    of_reorders = [
        ReorderModel(
            days,
            learner.text(None),
            _last_calibrator(said, learner.taught, comparable_from, from_treated=False)[1],
            latest_day(learner.taught.label_complete),
        )
        for days, (learner, said) in (reorders or {}).items()
    ]
    return RiskModel(
        booster_texts=tuple(learner.text(None) for learner in able),
        base_rates=tuple(base_rate(learner.taught) for learner in able),
        calibrator=calibrator,
        names=main.dataset.names,
        smallest_cohort=_smallest_cohort(main.dataset),
        label_end=max(
            [latest_day(learner.taught.label_complete) for learner in able]
            + [horizon.label_end for horizon in horizons]
            + [part.label_end for part in of_reorders]
        ),
        metadata={**(metadata or {}), "calibration_way": way},
        threads=main.settings.threads,
        horizon_days=horizon_days,
        horizons=tuple(horizons),
        departure=parts,
        reorders=tuple(of_reorders),
    )


def _last_calibrator(
    out_of_time: OutOfTime,
    history: Dataset,
    comparable_from: date | None,
    from_treated: bool,
    usual: str = WEIGHED,
) -> tuple[str, Calibrator]:
    """Choose a way by its record, and fit it on all predictions; without any the raw ones stay."""
    told = out_of_time.taught(from_treated)
    if not len(told):
        return RAW, LogitCalibrator(1.0, 0.0, "identity")
    known = told.known(history, comparable_from)
    way = choose(known, told.ways, usual)
    return way, fit_ways(known)[way]


def _smallest_cohort(dataset: Dataset) -> int:
    """Accounts at the snapshot with fewest of them."""
    _, codes = np.unique(dataset.as_of, return_inverse=True)
    return round(float(np.bincount(codes, dataset.stands_for).min()))


def load(folder: Path, expected_sha256: Mapping[str, str] | None = None) -> RiskModel:
    """Read what `save` wrote.

    expected_sha256: hashes by file name, kept apart from the files (in the registry). Files are
    checked before LightGBM sees them, because a damaged text can abort the process. Raises
    DamagedModel when a file is missing, differs from its hash or cannot be read.
    """
    for name, expected in (expected_sha256 or {}).items():
        _require_hash(folder / name, _read(folder / name), expected)
    try:
        content = json.loads(_read(folder / MODEL_FILE))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}, but this program reads {FORMAT}")
        horizons = {_horizon_file(entry["days"]): entry for entry in content["horizons"]}
        reorders = {_reorder_file(entry["days"]): entry for entry in content["reorders"]}
        further = (horizons | reorders).items()
        hashes = content["boosters"] | {name: entry["sha256"] for name, entry in further}
        parts = content["departure"]
        if parts is not None and parts["slip_sha256"] is not None:
            hashes[SLIP_FILE] = parts["slip_sha256"]
        if strange := [name for name in hashes if not _TREES.fullmatch(name)]:
            raise ValueError(f"files called {strange}")
        texts = {name: _read(folder / name) for name in hashes}
        for name, expected in hashes.items():
            _require_hash(folder / name, texts[name], expected)
        return RiskModel(
            booster_texts=tuple(texts[name].decode() for name in content["boosters"]),
            base_rates=tuple(map(float, content["base_rates"])),
            calibrator=calibrator_from(content["calibrator"]),
            names=tuple(content["names"]),
            smallest_cohort=int(content["smallest_cohort"]),
            label_end=date.fromisoformat(content["label_end"]),
            metadata=content["metadata"],
            horizon_days=content["horizon_days"],
            horizons=tuple(
                HorizonModel(
                    days=int(entry["days"]),
                    booster_text=texts[name].decode(),
                    calibrator=LogitCalibrator.from_dict(entry["calibrator"]),
                    label_end=date.fromisoformat(entry["label_end"]),
                )
                for name, entry in horizons.items()
            ),
            departure=parts
            and DepartureParts(
                texts[SLIP_FILE].decode() if SLIP_FILE in texts else None,
                calibrator_from(parts["slip_calibrator"]),
                calibrator_from(parts["onset_calibrator"]),
            ),
            reorders=tuple(
                ReorderModel(
                    days=int(entry["days"]),
                    booster_text=texts[name].decode(),
                    calibrator=calibrator_from(entry["calibrator"]),
                    label_end=date.fromisoformat(entry["label_end"]),
                )
                for name, entry in reorders.items()
            ),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DamagedModel(
            f"{folder / MODEL_FILE} cannot be read as a model ({error!r}). Retrain the model."
        ) from error


def _state(features: FloatArray, names: Sequence[str], name: str) -> FloatArray:
    """A column of `STATE`; FeatureMismatch where it is absent."""
    return features[:, _place(names, name)]


def _place(names: Sequence[str], name: str) -> int:
    if name not in names:
        raise FeatureMismatch(
            f"a model of departures needs the column {name} beside its features. Build the "
            "features of the snapshot with this program, which adds it."
        )
    return list(names).index(name)


def _entry(part: HorizonModel | ReorderModel, text: bytes) -> dict[str, Any]:
    """What is stored of a horizon beside its trees. text: the file of these."""
    return {
        "days": part.days,
        "sha256": sha256(text),
        "calibrator": part.calibrator.to_dict(),
        "label_end": part.label_end.isoformat(),
    }


def _horizon_file(days: int) -> str:
    return f"horizon_{days}.txt"


def _reorder_file(days: int) -> str:
    return f"reorder_{days}.txt"


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
