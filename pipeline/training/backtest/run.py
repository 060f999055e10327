"""What is compared out of time, but need not be in every training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from models.out_of_time import rolling
from pipeline.config import Config
from pipeline.console import Steps
from pipeline.tracking.runs import Tracking, open_tracking
from pipeline.training import keep_list_report
from pipeline.training.backtest import ablation, calibration, labels
from pipeline.training.backtest.ablation import Ablation
from pipeline.training.backtest.calibration import WayRecord
from pipeline.training.backtest.labels import LabelRecord
from pipeline.training.choices import (
    baselines,
    model_settings,
    refuse_one_class,
    require_order_history,
    test_snapshots,
)
from pipeline.training.inputs import input_tags, log_inputs
from pipeline.training.keep_list import RISK_DAYS
from pipeline.training.learners import FITTING, learners_of
from pipeline.training.measuring import measure_keep_list
from pipeline.training.preparation import Prepared, open_engine, prepare
from pipeline.training.reporting import left_out_lines


@dataclass(frozen=True)
class BackTest:
    """What was found.

    earlier: each way to calibrate before the tests; tested: at them. rows: at the tests; treated:
    of these, left out of what is measured. keep_list: for departure, what the list catches beside
    size, as lines of text.
    """

    tests: tuple[date, ...]
    ablation: Ablation
    earlier: Sequence[WayRecord]
    tested: Sequence[WayRecord]
    labels: Sequence[LabelRecord]
    without: Mapping[str, str]
    rows: int
    treated: int
    keep_list: Sequence[str] = ()
    run_id: str = ""


def backtest(config: Config, steps: Steps) -> BackTest:
    """Compare families, ways to calibrate, labels and horizons; log one run to MLflow."""
    require_order_history(config)
    with open_engine(config) as engine:
        prepared = prepare(engine, config, steps, however_short=True)
        table = prepared.table
        dataset = table.dataset
        refuse_one_class(dataset)
        tests = test_snapshots(config, dataset)
        steps.begin("Labelling by every definition")
        complete_until = prepared.sources.tables["orders"].complete_until.date()
        found = labels.labelled(engine, config, table, complete_until)
    tracking = open_tracking(config)
    tracking.connect()
    settings, comparable = model_settings(config), prepared.comparable_from

    shorter = [table.horizon_dataset(days) for days in table.shorter]
    rules = baselines(config, config.label.horizon_days)
    own = learners_of(table, tests, settings)
    out_of_time, departures = own.predict(tests, rules, comparable, steps.counted(FITTING))
    keep_list: list[str] = []
    if departures is not None:
        steps.begin("Measuring the keep list")
        silent = own.further.get(RISK_DAYS)
        inactivity = rolling([silent], (), {}, comparable) if silent else None
        measured = measure_keep_list(config, table, departures, tests, inactivity)
        keep_list = keep_list_report.lines(measured)
    before = [s.snapshot for s in out_of_time.splits if s.snapshot < min(tests)]
    families = {feature.name: feature.family for feature in table.selection.features}
    draws = config.backtest.bootstrap_repetitions
    records, without = labels.label_records(found, config, settings, len(tests), comparable, steps)
    result = BackTest(
        tuple(tests),
        ablation.ablation(dataset, shorter, families, tests, settings, draws, steps),
        calibration.way_records(out_of_time.untreated(), before),
        calibration.way_records(out_of_time.untreated(), tests),
        records,
        without,
        len(out_of_time.at(*tests)),
        int(out_of_time.at(*tests).treated.sum()),
        keep_list,
    )
    steps.begin("Logging to MLflow")
    return _record(tracking, config, prepared, result)


def lines(found: BackTest) -> list[str]:
    """Everything as Markdown."""
    tests = ", ".join(map(str, found.tests))
    return [
        f"Test snapshots: {tests}. All out of time; means over snapshots.",
        *left_out_lines(found.treated, found.rows),
        *(("", "## The keep list", "", *found.keep_list) if found.keep_list else ()),
        "",
        "## Feature families",
        "",
        *ablation.lines(found.ablation),
        "",
        f"## Ways to calibrate, {found.earlier[0].snapshots} snapshots before the tests",
        "",
        *calibration.lines(found.earlier),
        "",
        "## Ways to calibrate, test snapshots",
        "",
        *calibration.lines(found.tested),
        "",
        "## Labels and horizons",
        "",
        "Each at its own latest snapshots, by one learner.",
        "",
        *labels.lines(found.labels, dict(found.without)),
    ]


def _record(tracking: Tracking, config: Config, prepared: Prepared, found: BackTest) -> BackTest:
    tags = {"kind": "back-test", **input_tags(config, prepared.sources)}
    text, subsets = "\n".join(lines(found)), found.ablation.subsets
    with tracking.run(f"{config.name} back-test", tags=tags, description=text) as run:
        log_inputs(run, config, prepared)
        run.metrics({f"families/auc/{' and '.join(s.families)}": s.auc for s in subsets})
        run.metrics({f"calibration/brier/{way.way}": way.brier for way in found.tested})
        run.metrics({f"calibration/error/{way.way}": way.calibration_error for way in found.tested})
        run.text("backtest.md", text + "\n")
        run.json("backtest.json", _plain(found))
        return BackTest(**{**vars(found), "run_id": run.id})


def _plain(found: BackTest) -> dict[str, Any]:
    return {key: value for key, value in asdict(found).items() if key != "run_id"}
