"""Without drift, alarms of `monitor` are as rare as stated."""

from __future__ import annotations

from datetime import date

import pytest
from monitored_market import judgements
from scipy.stats import binom

RATE = 0.01
MONTHS = 50


@pytest.mark.long
def test_over_fifty_months_without_drift_alarms_are_as_rare_as_stated(tmp_path) -> None:
    """Two years of training, then each of fifty months, in three markets: together and each."""
    bound = {runs: int(binom.ppf(0.99, runs, RATE)) for runs in (MONTHS, 3 * MONTHS)}
    found = []
    for seed in (1, 2, 3):
        judged = judgements(tmp_path, 400, seed, date(2019, 8, 1), 24, RATE)
        assert len(judged) == MONTHS and all(each.judged for each in judged)
        found.append(sum(bool(each.alarms) for each in judged))
    assert max(found) <= bound[MONTHS], found
    assert sum(found) <= bound[3 * MONTHS], found
    assert bound == {50: 3, 150: 5}
