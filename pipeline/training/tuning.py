"""The search for better model settings, under a budget, resumable at any moment.

Every finished trial is a line of a journal. The next call of the same command on the same data goes
on behind the last line. Which settings a trial has follows from its number alone.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from models import search
from models.bootstrap import Interval
from models.dataset import Dataset
from models.gradient_boosting import Trees
from models.learner import Learner
from models.out_of_time import testable
from models.settings import ModelSettings
from pipeline.config import Config
from pipeline.console import Steps
from pipeline.errors import DataError
from pipeline.locks import exclusive
from pipeline.output_files import write_text
from pipeline.refusals import writing
from pipeline.tracking.runs import Tracking, open_tracking
from pipeline.training.choices import model_settings, refuse_one_class, test_snapshots
from pipeline.training.inputs import input_tags, log_inputs
from pipeline.training.preparation import Prepared, open_engine, prepare
from pipeline.version import released_version

DEVELOPMENT_SNAPSHOTS = 6
"""The latest ones before the tests; more would cost time and tell of a market long gone."""

FEWEST_SNAPSHOTS = 2


@dataclass(frozen=True)
class Trial:
    """One trial. settings: as in the config's `model`. score: see `models.search.Score`."""

    number: int
    settings: dict[str, Any]
    score: search.Score
    seconds: float


@dataclass(frozen=True)
class Tuned:
    """All trials so far, in order; number 0 has the config's own settings.

    gain: in AUC, of the best trial over number 0, on the development rows that chose it, so it
    flatters. resumed: how many trials an earlier call had done.
    """

    trials: tuple[Trial, ...]
    snapshots: tuple[date, ...]
    gain: Interval
    resumed: int
    journal: Path

    @property
    def best(self) -> Trial:
        """The trial with the highest mean AUC, the earliest of equals."""
        return _best(self.trials)


def tune(config: Config, steps: Steps, trials: int, seconds: float | None) -> Tuned:
    """Try settings until there are so many trials or so many seconds are over; log to MLflow.

    seconds: None for no limit. The trial at hand is finished, and number 0 is always done.
    DataError where there is too little history before the test snapshots.
    """
    began = time.monotonic()
    with open_engine(config) as engine:
        prepared = prepare(engine, config, steps, however_short=True)
    dataset = prepared.table.dataset
    refuse_one_class(dataset)
    first_test = min(test_snapshots(config, dataset))
    development = search.development_rows(dataset, first_test)
    shorter = [
        search.development_rows(prepared.table.horizon_dataset(days), first_test)
        for days in prepared.table.shorter
    ]
    settings = model_settings(config)
    snapshots = _snapshots(development, settings, first_test)
    tracking = open_tracking(config)
    tracking.connect()
    journal = config.output / "tune" / f"{_digest(settings, development, shorter, snapshots)}.jsonl"
    with writing(journal):
        journal.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(journal.with_suffix(".lock"), f"tuning {config.name}", 0):
        done = _read(journal)
        resumed = len(done)
        steps.begin("Trying settings", total=trials)
        for _ in done:
            steps.advance()
        while len(done) < trials and not (
            done and seconds is not None and time.monotonic() - began > seconds
        ):
            done.append(_try(len(done), settings, development, shorter, snapshots))
            _append(journal, done[-1])
            steps.advance()
    steps.begin("Comparing the best with the config's own")
    own, chosen = (
        search.predicted(development, shorter, ModelSettings(**trial.settings), snapshots)
        for trial in (done[0], _best(done))
    )
    gain = search.gain(chosen, own.raw, config.backtest.bootstrap_repetitions)
    tuned = Tuned(tuple(done), tuple(snapshots), gain, resumed, journal)
    _record(tracking, config, prepared, tuned)
    return tuned


def _best(trials: Sequence[Trial]) -> Trial:
    return max(trials, key=lambda trial: (trial.score.auc, -trial.number))


def _snapshots(development: Dataset, settings: ModelSettings, first_test: date) -> list[date]:
    """The latest development snapshots with enough history and both classes."""
    found = testable(Learner(development, (), settings, Trees(settings)))
    if len(found) < FEWEST_SNAPSHOTS:
        raise DataError(
            f"There is too little history to tune on: {len(found)} snapshots before the first test "
            f"snapshot {first_test} have a label that was complete by then, and a model to predict "
            f"them; {FEWEST_SNAPSHOTS} are needed. Give more history or later test snapshots."
        )
    return found[-DEVELOPMENT_SNAPSHOTS:]


def _try(
    number: int,
    settings: ModelSettings,
    development: Dataset,
    shorter: Sequence[Dataset],
    snapshots: Sequence[date],
) -> Trial:
    began = time.monotonic()
    tried = search.candidate(settings, number)
    score = search.score(search.predicted(development, shorter, tried, snapshots))
    return Trial(number, asdict(tried), score, time.monotonic() - began)


def _digest(
    settings: ModelSettings,
    development: Dataset,
    shorter: Sequence[Dataset],
    snapshots: Sequence[date],
) -> str:
    """Tells apart searches whose trials cannot be compared."""
    found = hashlib.sha256()
    space = [(name, law.dist.name, law.args, law.kwds) for name, law in search.SPACE.items()]
    alike = replace(settings, threads=1)  # of the machine, not of the search
    told = (released_version(), alike, space, snapshots, development.names)
    found.update(repr(told).encode())
    for part in (*shorter, development):
        arrays = (part.features, part.weight, part.label, part.as_of, part.label_complete)
        for values in (*arrays, part.treated):
            found.update(np.ascontiguousarray(values).tobytes())
        found.update("\n".join(map(str, part.account)).encode())
    return found.hexdigest()[:16]


def _read(journal: Path) -> list[Trial]:
    """The trials of a journal; a line that was cut off, and what follows it, do not count."""
    trials: list[Trial] = []
    if not journal.exists():
        return trials
    written = journal.read_text(encoding="utf-8")
    for line in written.splitlines():
        try:
            values = json.loads(line)
            trial = Trial(**{**values, "score": search.Score(**values["score"])})
        except (KeyError, TypeError, ValueError):
            break
        if trial.number != len(trials):
            break
        trials.append(trial)
    whole = "".join(_line(trial) for trial in trials)
    if whole != written:  # so that the next line does not continue half a one
        write_text(journal, whole)
    return trials


def _append(journal: Path, trial: Trial) -> None:
    with writing(journal), journal.open("a", encoding="utf-8") as file:
        file.write(_line(trial))


def _line(trial: Trial) -> str:
    return json.dumps(asdict(trial)) + "\n"


def _record(tracking: Tracking, config: Config, prepared: Prepared, tuned: Tuned) -> None:
    tags = {"kind": "tuning", **input_tags(config, prepared.sources)}
    text = "\n".join(lines(tuned))
    name = f"{config.name} tuning"
    with tracking.run(name, tags=tags, description=f"```\n{text}\n```") as run:
        log_inputs(run, config, prepared)
        run.params({f"best.{key}": value for key, value in tuned.best.settings.items()})
        for trial in tuned.trials:
            so_far = max(t.score.auc for t in tuned.trials[: trial.number + 1])
            run.metrics(
                {
                    "trial/auc": trial.score.auc,
                    "trial/average_precision": trial.score.average_precision,
                    "best_so_far/auc": so_far,
                },
                step=trial.number,
            )
        run.metrics(
            {
                "gain/auc": tuned.gain.value,
                "gain/auc_low": tuned.gain.low,
                "gain/auc_high": tuned.gain.high,
            }
        )
        run.json("trials.json", [asdict(trial) for trial in tuned.trials])
        run.text("tuning.txt", text + "\n")


def lines(tuned: Tuned, shown: int = 5) -> list[str]:
    """What was found, as text: the best trials beside the config's own, and what to write."""
    ranked = sorted(tuned.trials, key=lambda trial: (-trial.score.auc, trial.number))
    rows = ranked[:shown]
    if tuned.trials[0] not in rows:
        rows = [*rows, tuned.trials[0]]
    names = list(search.SPACE)
    head = f"{'trial':>6}{'AUC':>8}{'precision':>11}  " + " ".join(f"{n:>13}" for n in names)
    found = [
        f"{len(tuned.trials)} trials on {len(tuned.snapshots)} snapshots before the tests, "
        f"{tuned.snapshots[0]} to {tuned.snapshots[-1]}; means over them. Trial 0 is the config's.",
        head,
    ]
    found += [
        f"{trial.number:>6}{trial.score.auc:>8.4f}{trial.score.average_precision:>11.4f}  "
        + " ".join(f"{trial.settings[name]:>13}" for name in names)
        for trial in rows
    ]
    best, gain = tuned.best, tuned.gain
    if best.number == 0:
        return [*found, "Nothing tried is better than the config's own settings: keep them."]
    said = f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
    found.append(
        f"The best is ahead of the config's own by {said} AUC, on the rows that chose it, which "
        "flatters."
    )
    if not gain.low > 0:
        return [*found, "That may be chance: keep the config's own settings."]
    chosen = ", ".join(f"{name}: {best.settings[name]}" for name in names)
    return [*found, "To use it, write into the config:", f"model: {{{chosen}}}"]
