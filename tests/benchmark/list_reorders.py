"""The win-back list, and who ordered again: the section `win_back` of `make bench-lists`.

A row is a departed account at a test: one of the last four snapshots, three months apart, at which
it is known who orders again within 180 days. Nobody is treated in these markets.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from list_market import MONTHS_APART, TESTS, Judge
from list_truth import Floats, Records, caught

from models.learner import fit_together
from models.out_of_time import OutOfTime, rolling
from models.risk_model import DAYS_PAST_PATIENCE
from pipeline.scoring.score_table import WIN_BACK_BANDS
from pipeline.training.evaluation import MODEL
from pipeline.training.win_back import (
    LEARNED_DAYS,
    compare_auc,
    fifths,
    reorder_baselines,
    win_back_learners,
)

CALLS = 20
REPETITIONS = 200
LIST, VALUE_IN_BANDS = "value x reorder_180, in bands", "value, in bands"
REORDER_X_VALUE, VALUE = "value x reorder_180", "value"


def win_back(judge: Judge) -> Records:
    """Return what the chances said and what accounts did, and what 20 calls would have reached.

    Records by `kind`. auc: days, ranking, value, low and high. fifth: days, number, rows,
    said and did, sums over them. calls: ranking, margin (the part of the margin of those
    that order again within 180 days that belongs to the called) and share (of the called that do).
    """
    table = judge.table
    days_apart = table.reorder_dataset(max(LEARNED_DAYS)).snapshots()[::-1][::MONTHS_APART][::-1]
    tests = days_apart[-TESTS:]
    learners = win_back_learners(table, tests, judge.settings)
    found: Records = []
    for days, learner in learners.items():
        only = [day for day in days_apart if day in learner.predictable]
        fit_together(learner.wanted(only), None)
        rules = reorder_baselines(table, days)
        predicted = rolling([learner], tests, rules, judge.kept.comparable_from, only=only)
        rows = predicted.untreated().at(*tests)
        chance = rows.published_risk
        auc, gain = compare_auc(rows, chance, REPETITIONS)
        found += [
            {"kind": "auc", "days": days, "ranking": name, **value._asdict()}
            for name, value in [*auc.items(), *((f"{MODEL} - {n}", v) for n, v in gain.items())]
        ]
        parts = fifths(chance, rows.label, rows.stands_for)
        found += [
            {"kind": "fifth", "days": days, "number": number}
            | {"rows": part.rows, "said": part.said * part.rows, "did": part.did * part.rows}
            for number, part in enumerate(parts, start=1)
        ]
        if days == max(LEARNED_DAYS):
            found += _calls(judge, rows, chance, tests)
    return found


def _calls(judge: Judge, rows: OutOfTime, chance: Floats, tests: list[date]) -> Records:
    """Who would have been called at each test, by several rankings."""
    panel = judge.table.departed_panel
    place = {key: n for n, key in enumerate(zip(panel.account, panel.as_of, strict=True))}
    of_panel = np.array([place[key] for key in zip(rows.account, rows.as_of, strict=True)])
    value = judge.kept.before_last_order[of_panel]
    since = panel.features[of_panel, panel.names.index(DAYS_PAST_PATIENCE)]
    band = np.searchsorted(WIN_BACK_BANDS, since)
    rankings = {
        LIST: (band, chance * value),
        VALUE_IN_BANDS: (band, value),
        REORDER_X_VALUE: (0 * band, chance * value),
        VALUE: (0 * band, value),
    }
    found = []
    for name, (first, score) in rankings.items():
        margins, shares = [], []
        for day in tests:
            now = np.flatnonzero(rows.rows_at(day))
            order = np.lexsort((-score[now], first[now]))
            chosen = np.zeros(len(now), dtype=np.bool_)
            chosen[order[:CALLS]] = True
            margins.append(caught(value[now] * rows.label[now], chosen))
            shares.append(float(rows.label[now][chosen].mean()))
        found.append(
            {"kind": "calls", "ranking": name}
            | {"margin": float(np.nanmean(margins)), "share": float(np.mean(shares))}
        )
    return found
