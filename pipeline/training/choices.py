"""What a config chooses for learning and for the back-test: settings, baselines, tests."""

from __future__ import annotations

from datetime import date

import numpy as np

from models.baselines import bg_nbd_silence, recency_rule, rfm_logistic, silence_rule
from models.dataset import Dataset
from models.recipe import Recipe
from models.settings import ModelSettings
from pipeline.config import Config
from pipeline.errors import ConfigError, DataError
from pipeline.tables.snapshots import tests_among
from pipeline.training.evaluation import BG_NBD, RIVAL
from pipeline.wording import counted


def require_order_history(config: Config) -> None:
    """The baselines need it, and a model without them beside it says nothing."""
    if "order_history" not in config.features.families:
        raise ConfigError(
            f"{config.path}: `features.families` leaves out order_history; the baselines that "
            "every model is compared with are computed from it."
        )


def model_settings(config: Config) -> ModelSettings:
    """The config's choices about the model."""
    chosen = config.model.model_dump(exclude={"threads", "most_rows"})
    learn_from_treated = config.backtest.treated != "leave_out_everywhere"
    return ModelSettings(
        **chosen, threads=config.model.all_threads, learn_from_treated=learn_from_treated
    )


def baselines(config: Config, horizon_days: int) -> dict[str, Recipe]:
    """The rules that a sales manager has anyway, and the textbook's, for a horizon."""
    window = max(config.features.windows_days)
    rules: dict[str, Recipe] = {
        "recency": recency_rule("days_since_last_order"),
        "silence": silence_rule(recency="days_since_last_order", usual_gap="usual_order_gap"),
        RIVAL: rfm_logistic(
            recency="days_since_last_order",
            frequency=f"orders_count_{window}d",
            spend=f"spend_{window}d",
        ),
    }
    if config.label.definition == "inactivity":  # it speaks of no other label
        rules[BG_NBD] = bg_nbd_silence(
            order_days="order_days_ever",
            tenure="days_since_first_order",
            recency="days_since_last_order",
            horizon_days=horizon_days,
        )
    return rules


def refuse_one_class(dataset: Dataset) -> None:
    """Whatever the model, it could learn nothing."""
    if len(set(dataset.label.tolist())) < 2:
        snapshots = counted(len(dataset.snapshots()), "snapshot")
        if dataset.label[0]:
            raise DataError(
                f"Nothing can be learned: every account defects in all {len(dataset.label):,} rows "
                f"of {snapshots}. Check the mapping of `orders` (dates, and which lines have an "
                "amount above 0) and the choices under `label`."
            )
        raise DataError(
            f"Nothing can be learned: no account defects in all {len(dataset.label):,} rows of "
            f"{snapshots}. Accounts that left have to be in the extract: does it hold current "
            "customers only? If they are, begin with older `snapshots`, or choose a shorter "
            "horizon or another definition under `label`."
        )


def test_snapshots(config: Config, dataset: Dataset) -> list[date]:
    """The configured test snapshots for which there are rows."""
    present = dataset.snapshots()
    tests = tests_among(config, present)
    if not tests:
        raise DataError(
            "None of the test snapshots has a complete label: "
            f"the mature snapshots reach from {present[0]} to {present[-1]}. "
            "Choose `backtest.test_snapshots` among them."
        )
    for day in tests:
        here = dataset.as_of == np.datetime64(day, "D")
        labels, treated = dataset.label[here & ~dataset.treated], dataset.treated[here].sum()
        if len(np.unique(labels)) < 2:
            left_out = f"{treated:,} treated ones left out, " if treated else ""
            keep = ", or `backtest.treated: keep`" if treated else ""
            raise DataError(
                f"The test snapshot {day} cannot measure a model: {left_out}of its {len(labels):,} "
                f"accounts {int(labels.sum()):,} defected. Choose other test snapshots, a longer "
                f"cohort or another horizon{keep}."
            )
    return tests
